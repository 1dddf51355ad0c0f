import type { Buffer } from 'node:buffer';

/** A power of two. */
const KEPT_VIEWS = 64;

/**
 * Views on the beginning of one piece of memory. What is read into it and written from it is often of the same few sizes, and
 * their views are kept: a view is as much garbage as all else about a small message.
 */
export class Beginnings {
  readonly #memory: Buffer;
  readonly #views: (Buffer | undefined)[] = Array.from({ length: KEPT_VIEWS }, () => undefined);
  #lastMissed = -1;

  /** @param memory Lives as long as this. */
  constructor(memory: Buffer) {
    this.#memory = memory;
  }

  /** @param length At most that of the memory. */
  view(length: number): Buffer {
    const at = length & (KEPT_VIEWS - 1);
    const kept = this.#views[at];
    if (kept !== undefined && kept.length === length) return kept;
    const view = this.#memory.subarray(0, length);
    // Sizes that never repeat are not worth keeping: what is kept becomes old, and old garbage is dear.
    if (length === this.#lastMissed) this.#views[at] = view;
    this.#lastMissed = length;
    return view;
  }
}
