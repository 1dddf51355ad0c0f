import type { Message } from '../protocol/payload.ts';

/** What a waiting message counts at least, in bytes: a flood of empty messages is bounded, too. */
const LEAST_COUNTED_BYTES = 64;

/** Bytes that a message counts while it waits. */
function countedBytes(message: Message): number {
  return Math.max(LEAST_COUNTED_BYTES, message.length);
}

/** Messages received and not yet delivered, in order. Exists only while delivery is stopped. */
export class Inbox {
  #messages: Message[] = [];
  #next = 0;
  /** What the waiting messages count: their bytes (text: UTF-16 units), small ones 64 each. */
  bytes = 0;

  get size(): number {
    return this.#messages.length - this.#next;
  }

  push(message: Message): void {
    this.#messages.push(message);
    this.bytes += countedBytes(message);
  }

  shift(): Message | undefined {
    if (this.#next === this.#messages.length) return undefined;
    const message = this.#messages[this.#next]!;
    // Let go of it now: the array itself is cut down only now and then.
    this.#messages[this.#next++] = '';
    this.bytes -= countedBytes(message);
    if (this.#next > 64 && this.#next * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#next);
      this.#next = 0;
    }
    return message;
  }
}
