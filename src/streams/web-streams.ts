import type { Connection } from '../connection/connection.ts';
import type { Message, Payload } from '../protocol/payload.ts';
import { ConnectionPort } from './connection-port.ts';
import { checkStreamCall, type WebStreamsOptions } from './stream-options.ts';

/** The two streams over one connection. */
export interface WebStreams {
  /** Received messages: a string for text, a `Buffer` that the reader may keep for binary. */
  readonly readable: ReadableStream<Message>;
  /** Each chunk is sent as one message. */
  readonly writable: WritableStream<Payload>;
}

/**
 * WHATWG streams over a connection, for `pipeTo`, `pipeThrough` and `TransformStream`. A chunk is a message. Back-pressure
 * works both ways: a message is read from the peer only when a reader asks, and `writer.ready` waits while the buffer of
 * the connection is above its high-water mark.
 *
 * - The peer closes with 1000, or without a code: `readable` ends. Any other end makes it fail with `ERR_CLOSED`, which
 *   names code, reason and cause. `writable` fails as soon as the connection is closed.
 * - `writer.close()` closes with 1000, and resolves when the peer has answered with 1000 or without a code. With any other
 *   code it rejects with `ERR_CLOSED`; see `closeOnEnd`.
 * - `reader.cancel()` and `writer.abort()` close with 1001; with a reason that is no `AbortError` they close with
 *   1011.
 *
 * The streams are the consumer of the connection: they take the place of a `for await` loop.
 * @throws MisuseError As `toDuplex`.
 */
export function toWebStreams<UserData>(
  connection: Connection<UserData>,
  options?: WebStreamsOptions,
): WebStreams;
export function toWebStreams(
  connection: Connection,
  options: WebStreamsOptions = {},
  surplus?: unknown,
): WebStreams {
  const driver = checkStreamCall('toWebStreams', connection, options, surplus);
  const { closeOnEnd = true } = options;
  const port = new ConnectionPort(driver, options);
  const abort = (reason: unknown): Promise<void> => port.abort(reason);
  const readable = new ReadableStream<Message>(
    {
      async pull(controller) {
        const message = await port.read();
        if (message === undefined) controller.close();
        else controller.enqueue(message);
      },
      cancel: abort,
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Payload>({
    start(controller) {
      void port.finished.then(() => controller.error(port.closedError('the stream ended')));
    },
    write: (chunk) => port.write(chunk),
    close: () => (closeOnEnd ? port.end() : undefined),
    abort,
  });
  return { readable, writable };
}
