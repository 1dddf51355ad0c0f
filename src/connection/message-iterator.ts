import type { Message } from '../protocol/payload.ts';

type Result<T> = IteratorResult<T, undefined>;

/**
 * The iterator of `for await`. It requests one message at a time, so the peer is read only as fast as the loop runs.
 * @typeParam T What the loop gets for a message.
 */
export class MessageIterator<T = Message> implements AsyncIterableIterator<T> {
  readonly #asked: () => void;
  readonly #left: () => void;
  #waiting: ((result: Result<T>) => void)[] = [];
  #done = false;
  /** Messages for this loop that were dropped, because it did not request them in time. */
  droppedMessages = 0;

  /**
   * @param asked Called when the loop requests a message.
   * @param left Called when the application leaves the loop before the connection has ended.
   */
  constructor(asked: () => void, left: () => void) {
    this.#asked = asked;
    this.#left = left;
  }

  /** True while the loop waits for a message. */
  get asking(): boolean {
    return this.#waiting.length > 0;
  }

  /** Delivers a message; only while {@link asking}. */
  give(message: T): void {
    this.#waiting.shift()?.({ done: false, value: message });
  }

  /** Ends the loop: no more messages come. */
  finish(): void {
    this.#done = true;
    for (const resolve of this.#waiting) resolve({ done: true, value: undefined });
    this.#waiting = [];
  }

  next(): Promise<Result<T>> {
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#asked();
    });
  }

  return(): Promise<Result<T>> {
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
