import type { Buffer } from 'node:buffer';
import { checkCount } from '../options/call-check.ts';
import type { IncomingMessage } from './incoming-message.ts';

/**
 * One message that is received as a stream of chunks; {@link messageStreams} gives it. A chunk is what one read of the
 * socket has brought of one frame: not a frame, and not what the peer has written at once.
 *
 * Read all of it, leave the loop, or call {@link cancel}: the peer is stopped while `receiveAheadBytes` are not read.
 */
export class MessageStream implements AsyncIterable<Buffer> {
  readonly #message: IncomingMessage;

  /** @internal */
  constructor(message: IncomingMessage) {
    this.#message = message;
  }

  /**
   * True for text. Its chunks are bytes of valid UTF-8, but a chunk may end inside a character: decode them with
   * `TextDecoder` and `stream: true`.
   */
  get isText(): boolean {
    return this.#message.isText;
  }

  /** Bytes that have arrived so far, also those that were not read. */
  get bytesReceived(): number {
    return this.#message.bytes;
  }

  /** True if the last byte has arrived; chunks may still be unread. */
  get isComplete(): boolean {
    return this.#message.isWhole;
  }

  /** Gives the message up, as leaving the loop does: the rest is dropped, and the message counts in `droppedMessages`. */
  cancel(): void {
    checkCount('stream.cancel', arguments, 0, 'connection.close(code, reason) tells the peer');
    this.#message.leave();
  }

  /**
   * Iterates over the chunks, none of them empty; once. Each chunk has its own memory, which belongs to the application.
   * Ends only after the last byte of the message. Leaving the loop is {@link cancel}.
   * @throws MisuseError `ERR_STATE`, at once, for a second loop. As a rejection: `ERR_CLOSED` if the connection ends before
   *   the message does.
   * @throws PeerError As a rejection, if the peer has broken a rule: `ERR_UTF8`, `ERR_MESSAGE_TOO_BIG`,
   *   `ERR_MESSAGE_TIMEOUT` and others.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this.#message.read();
  }
}
