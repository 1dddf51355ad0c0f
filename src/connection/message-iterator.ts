import type { Message } from '../protocol/payload.ts';

type Result = IteratorResult<Message, undefined>;

/** `for await` over a connection: asks for one message at a time, so the peer is read only as fast as the loop. */
export class MessageIterator implements AsyncIterableIterator<Message> {
  readonly #asked: () => void;
  readonly #left: () => void;
  #waiting: ((result: Result) => void)[] = [];
  #done = false;

  /**
   * @param asked The loop wants a message.
   * @param left The loop was left before the connection ended.
   */
  constructor(asked: () => void, left: () => void) {
    this.#asked = asked;
    this.#left = left;
  }

  /** The loop waits for a message. */
  get asking(): boolean {
    return this.#waiting.length > 0;
  }

  /** Hands over a message. Only while {@link asking}. */
  give(message: Message): void {
    this.#waiting.shift()?.({ done: false, value: message });
  }

  /** No message comes any more. */
  finish(): void {
    this.#done = true;
    for (const resolve of this.#waiting) resolve({ done: true, value: undefined });
    this.#waiting = [];
  }

  next(): Promise<Result> {
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#asked();
    });
  }

  return(): Promise<Result> {
    if (!this.#done) {
      this.finish();
      this.#left();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
