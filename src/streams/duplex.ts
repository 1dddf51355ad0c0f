import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { callbackify } from 'node:util';
import type { Connection } from '../connection/connection.ts';
import type { Payload } from '../protocol/payload.ts';
import { ConnectionPort } from './connection-port.ts';
import { checkStreamCall, type DuplexOptions } from './stream-options.ts';

/**
 * A `Duplex` over a connection, for `pipeline()` and for libraries that take streams. Each written chunk is sent as one
 * message. Back-pressure works both ways: a reader that stops stops the peer, and writing waits while the buffer of the
 * connection is above its high-water mark.
 *
 * - The peer closes with 1000, or without a code: the readable side ends. Any other end destroys the stream with
 *   `ERR_CLOSED`, which names code, reason and cause.
 * - `end()` closes with 1000 and `finish` follows when the peer has answered; see `closeOnEnd`.
 * - `destroy()`, an abort and a loop that was left close with 1001, `destroy(error)` with 1011. `close` follows when the connection is closed.
 *
 * The stream is the consumer of the connection: it takes the place of a `for await` loop. Do not change the bytes of a
 * chunk after it was written.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a connection; `ERR_OPTION` for an invalid option; `ERR_STATE` while
 *   a loop over the messages runs.
 */
export function toDuplex<UserData>(connection: Connection<UserData>, options?: DuplexOptions): Duplex;
export function toDuplex(connection: Connection, options: DuplexOptions = {}, surplus?: unknown): Duplex {
  const driver = checkStreamCall('toDuplex', connection, options, surplus);
  const { objectMode = false, closeOnEnd = true } = options;
  const port = new ConnectionPort(driver, options);
  const pull = async (): Promise<void> => {
    try {
      for (;;) {
        const message = await port.read();
        if (message === undefined) stream.push(null);
        else if (objectMode) stream.push(message);
        // An empty chunk would not let Node ask for the next one.
        else if (message.length === 0) continue;
        else stream.push(typeof message === 'string' ? Buffer.from(message, 'utf8') : message);
        return;
      }
    } catch (error) {
      stream.destroy(error as Error);
    }
  };
  const stream = new Duplex({
    objectMode,
    // The writable side ends with the readable side: after the end of the connection there is nothing to write to.
    allowHalfOpen: false,
    read: () => void pull(),
    write: (chunk: Payload, _encoding, callback) => callbackify(() => port.write(chunk))(callback),
    final: (callback) => {
      if (closeOnEnd) callbackify(() => port.end())(callback);
      else callback();
    },
    destroy: (error, callback) => {
      callbackify(() => port.abort(error))(() => callback(error));
    },
  });
  // A stream that only writes does not read, and would not notice that the connection was lost.
  void port.finished.then(() => {
    if (stream.destroyed || stream.readableEnded) return;
    try {
      port.checkEnd();
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
  return stream;
}
