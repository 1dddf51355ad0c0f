import { MisuseError } from '../../protocol/errors.ts';

/** The object that a {@link Feed} delivers for. */
export interface FeedOwner<Entry, Value> {
  readonly hasListeners: boolean;
  /** The value for loops; `undefined` for an entry that is not a message, which {@link deliver} takes at once. */
  valueOf(entry: Entry): Value | undefined;
  /** Passes an entry to the listeners. @returns Promises that delay the next entry. They never reject. */
  deliver(entry: Entry): readonly PromiseLike<unknown>[] | undefined;
  /** Bytes were taken out of the buffer. */
  taken(): void;
}

/** Resolvers of one call of `next`. */
interface Call<Value> {
  readonly resolve: (result: IteratorResult<Value, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Received messages in order, for listeners and one loop. The next entry waits for the promises of listeners, and for the loop
 * to request it. Entries without a consumer stay in the buffer; the owner bounds it.
 */
export class Feed<Entry, Value> {
  /** Bytes of the buffered entries. */
  bytes = 0;
  readonly #owner: FeedOwner<Entry, Value>;
  #entries: (readonly [entry: Entry, bytes: number])[] = [];
  #next = 0;
  /** Calls of the loop that wait for a message; `undefined` without a loop. */
  #calls: Call<Value>[] | undefined;
  #running = false;
  #pumping = false;
  /** Set when there are no more entries; `error` makes loops throw. */
  #end: { readonly error?: unknown } | undefined;

  constructor(owner: FeedOwner<Entry, Value>) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#entries.length - this.#next;
  }

  push(entry: Entry, bytes: number): void {
    if (this.#end !== undefined) return;
    this.#entries.push([entry, bytes]);
    this.bytes += bytes;
    this.pump();
  }

  /** Delivers as far as consumers allow. Call it when listeners have changed. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#running && this.size > 0 && this.#pass()) this.#owner.taken();
    this.#pumping = false;
    if (this.#end !== undefined && this.size === 0) this.#finishLoop(this.#end);
  }

  /** There are no more entries. A loop ends after the buffered ones, or throws `error`. */
  end(error?: unknown): void {
    this.#end = error === undefined ? {} : { error };
    this.pump();
  }

  /** Entries may come again after `end`. */
  reopen(): void {
    this.#end = undefined;
  }

  /** Drops the buffered entries. @returns Their number. */
  drop(): number {
    const dropped = this.size;
    this.#entries = [];
    this.#next = 0;
    this.bytes = 0;
    return dropped;
  }

  /** @throws MisuseError `ERR_STATE` while another loop runs. */
  loop(of: string): AsyncIterableIterator<Value> {
    if (this.#calls !== undefined) throw new MisuseError('ERR_STATE', `this ${of} is being iterated already`);
    const calls: Call<Value>[] = [];
    this.#calls = calls;
    const iterator: AsyncIterableIterator<Value> = {
      next: () =>
        new Promise((resolve, reject) => {
          if (this.#calls !== calls) {
            resolve({ done: true, value: undefined });
            return;
          }
          calls.push({ resolve, reject });
          this.pump();
        }),
      return: () => {
        if (this.#calls === calls) {
          this.#finishLoop({});
          this.pump();
        }
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Passes the first entry on. @returns False if no consumer takes it now. */
  #pass(): boolean {
    const [entry, bytes] = this.#entries[this.#next]!;
    const value = this.#owner.valueOf(entry);
    const isMessage = value !== undefined;
    if (isMessage && (this.#calls === undefined ? !this.#owner.hasListeners : this.#calls.length === 0))
      return false;
    // Frees the entry at once; the array is shortened only from time to time.
    this.#entries[this.#next++] = undefined as never;
    this.bytes -= bytes;
    if (this.#next > 64 && this.#next * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#next);
      this.#next = 0;
    }
    const call = isMessage ? this.#calls?.shift() : undefined;
    const pending = this.#owner.deliver(entry);
    call?.resolve({ done: false, value: value! });
    if (pending !== undefined) {
      this.#running = true;
      void Promise.all(pending).then(() => {
        this.#running = false;
        this.pump();
      });
    }
    return true;
  }

  #finishLoop(end: { readonly error?: unknown }): void {
    const calls = this.#calls;
    // Without a pending call, the next call gets the end.
    if (calls === undefined || (calls.length === 0 && this.#end !== undefined && end === this.#end)) return;
    this.#calls = undefined;
    for (const [at, { resolve, reject }] of calls.entries()) {
      if (at === 0 && 'error' in end) reject(end.error);
      else resolve({ done: true, value: undefined });
    }
  }
}
