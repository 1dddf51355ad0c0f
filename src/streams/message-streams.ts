import type { Buffer } from 'node:buffer';
import { closedBefore } from '../connection/closed-error.ts';
import type { Connection, DriverOf } from '../connection/connection.ts';
import type { PartReceiver } from '../connection/link-owner.ts';
import { MessageIterator } from '../connection/message-iterator.ts';
import { ENTRY_BYTES } from '../protocol/limits.ts';
import { IncomingMessage, type IncomingOwner } from './incoming-message.ts';
import { MessageStream } from './message-stream.ts';
import { checkStreamCall } from './stream-options.ts';

/** Receives the messages of one connection as streams, and gives them to a loop in order. */
class MessageStreams implements PartReceiver, IncomingOwner {
  waitingBytes = 0;
  readonly loop: MessageIterator<MessageStream>;
  readonly #driver: DriverOf<unknown>;
  /** Messages that the loop has not requested. */
  readonly #inbox: IncomingMessage[] = [];
  /** Messages that are not completely received and read. */
  readonly #unread = new Set<IncomingMessage>();
  /** The message that is being received. */
  #current: IncomingMessage | undefined;
  /** The application has left the loop: later messages are dropped. */
  #isLeft = false;
  #isEnded = false;

  constructor(driver: DriverOf<unknown>) {
    this.#driver = driver;
    this.loop = new MessageIterator<MessageStream>(
      () => this.#give(),
      () => this.#leave(),
    );
  }

  // `PartReceiver`.

  received(part: Buffer, isText: boolean, isLast: boolean): number {
    const message = (this.#current ??= this.#begin(isText));
    message.receive(part, isLast);
    if (isLast) this.#current = undefined;
    return message.bytes;
  }

  interrupted(): void {
    this.#current?.interrupt(this.#error);
    this.#current = undefined;
  }

  resumed(): void {
    this.#give();
  }

  drop(): void {
    for (const message of this.#unread) {
      message.fail(this.#error);
      this.#driver.partsDropped(1);
    }
  }

  ended(): void {
    this.#isEnded = true;
    this.#give();
  }

  // `IncomingOwner`.

  taken(): void {
    this.#driver.partsTaken();
  }

  left(message: IncomingMessage): void {
    this.#unread.delete(message);
    this.#driver.partsDropped(1);
  }

  finished(message: IncomingMessage): void {
    this.#unread.delete(message);
  }

  #begin(isText: boolean): IncomingMessage {
    const message = new IncomingMessage(this, isText);
    if (this.#isLeft) message.leave();
    else {
      this.#unread.add(message);
      this.#inbox.push(message);
      this.waitingBytes += ENTRY_BYTES;
      this.#give();
    }
    return message;
  }

  #give(): void {
    let given = false;
    while (!this.#driver.isPaused && this.loop.asking && this.#inbox.length > 0) {
      this.waitingBytes -= ENTRY_BYTES;
      this.loop.give(new MessageStream(this.#inbox.shift()!));
      given = true;
    }
    if (this.#isEnded && this.#inbox.length === 0) this.loop.finish();
    else if (given) this.taken();
  }

  #leave(): void {
    this.#isLeft = true;
    for (const message of this.#inbox.splice(0)) {
      this.waitingBytes -= ENTRY_BYTES;
      message.leave();
    }
    this.taken();
  }

  readonly #error = (): Error => {
    const { core, closeInfo } = this.#driver.link;
    return core.failure ?? closedBefore('the message was complete', closeInfo);
  };
}

/**
 * Receives the messages of a connection as streams, so that a large message is never in memory as a whole. Call it once,
 * in the turn in which you get the connection. The loop takes all messages: listeners of the server or of a
 * `ReconnectingClient` do not get them.
 *
 * - The next message follows the last byte of the one before: a message that is neither read nor cancelled stops the
 *   peer. Messages that are small and arrive at once have one chunk.
 * - At most `receiveAheadBytes` and one read are buffered; with permessage-deflate, what one read inflates to, at most
 *   `maxMessageBytes`. They count in the memory budget until the connection has ended.
 * - `maxMessageBytes`, `maxFragments` and `messageTimeoutMs` apply to the whole message; time in which the application
 *   does not read does not count. `textAs` has no effect: chunks are bytes.
 * - `close` of the connection does not wait for the loop: what has arrived can be read after it.
 * - Leaving the loop drops all later messages; they count in `droppedMessages`.
 * @returns Ends when the connection has ended and all messages were taken.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a connection; `ERR_STATE` if it has another consumer of messages: a
 *   listener, a loop, a stream or channels.
 */
export function messageStreams<UserData>(
  connection: Connection<UserData>,
): AsyncIterableIterator<MessageStream>;
export function messageStreams(
  connection: Connection,
  surplus?: unknown,
): AsyncIterableIterator<MessageStream> {
  const driver = checkStreamCall('messageStreams', connection, {}, surplus);
  const streams = new MessageStreams(driver);
  driver.receiveParts(streams);
  return streams.loop;
}
