import { ENTRY_BYTES } from '../protocol/limits.ts';
import type { Message } from '../protocol/payload.ts';

/**
 * Bytes that a message counts while it is in the inbox. Includes a constant, so that a flood of empty messages is
 * bounded.
 */
const countedBytes = (message: Message): number => ENTRY_BYTES + message.length;

/** Messages received and not yet delivered, in order. Exists only while delivery is stopped. */
export class Inbox {
  #messages: Message[] = [];
  /** Texts among the messages that are buffers; made for the first one. */
  #texts: Set<Message> | undefined;
  #next = 0;
  /** Bytes that the messages count: their length (text: UTF-16 units) plus {@link ENTRY_BYTES} each. */
  bytes = 0;

  get size(): number {
    return this.#messages.length - this.#next;
  }

  /** The message that {@link shift} returns next is text. */
  get isNextText(): boolean {
    const message = this.#messages[this.#next];
    return typeof message === 'string' || (message !== undefined && this.#texts?.has(message) === true);
  }

  push(message: Message, isText: boolean): void {
    this.#messages.push(message);
    if (isText && typeof message !== 'string') (this.#texts ??= new Set()).add(message);
    this.bytes += countedBytes(message);
  }

  shift(): Message | undefined {
    if (this.#next === this.#messages.length) return undefined;
    const message = this.#messages[this.#next]!;
    // Frees the message at once; the array is shortened only from time to time.
    this.#messages[this.#next++] = '';
    this.#texts?.delete(message);
    this.bytes -= countedBytes(message);
    if (this.#next > 64 && this.#next * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#next);
      this.#next = 0;
    }
    return message;
  }
}
