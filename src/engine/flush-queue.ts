import { performance } from 'node:perf_hooks';
import { type Guarded, tellFailed } from './guarded.ts';

/** Most connections written to before yielding to the event loop. */
const SLICE_CONNECTIONS = 512;
/** Longest time spent on writing before yielding to the event loop, in ms. */
const SLICE_MS = 5;

/** An object with bytes to write. */
export interface Flushable extends Guarded {
  /** True while the object is in the queue; set by the queue. */
  flushScheduled: boolean;
  flush(): void;
}

/**
 * Writes each item once, at the end of this turn of the event loop, so that everything sent in the turn leaves in one
 * system call. An item that throws gets the error, and the others are written in the same turn.
 */
export class FlushQueue {
  #waiting: Flushable[] = [];
  #next = 0;
  #armed = false;
  readonly #afterSlice: (() => void)[] = [];
  readonly #writeSlice = (): void => this.#slice();

  /** True if no item is scheduled. */
  get isEmpty(): boolean {
    return !this.#armed;
  }

  /** Schedules one write of `item`. */
  schedule(item: Flushable): void {
    if (item.flushScheduled) return;
    item.flushScheduled = true;
    this.#waiting.push(item);
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#writeSlice);
  }

  /** Runs `callback` at the end of every slice, to drop what the writes of the slice shared. */
  onSliceEnd(callback: () => void): void {
    this.#afterSlice.push(callback);
  }

  #slice(): void {
    const deadline = performance.now() + SLICE_MS;
    const end = Math.min(this.#waiting.length, this.#next + SLICE_CONNECTIONS);
    while (this.#next < end) {
      const item = this.#waiting[this.#next++]!;
      item.flushScheduled = false;
      try {
        item.flush();
      } catch (error) {
        tellFailed(item, error);
      }
      if ((this.#next & 31) === 0 && performance.now() > deadline) break;
    }
    if (this.#next < this.#waiting.length) setImmediate(this.#writeSlice);
    else {
      this.#armed = false;
      this.#waiting = [];
      this.#next = 0;
    }
    for (const callback of this.#afterSlice) {
      try {
        callback();
      } catch {
        // The callback belongs to no connection that could be ended with the error.
      }
    }
  }
}
