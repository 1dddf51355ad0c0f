import type { Buffer } from 'node:buffer';

/** A power of two. */
const KEPT_VIEWS = 64;

/**
 * Caches views of the start of one buffer. Reads and writes often have the same few sizes, and a view is as much
 * garbage as everything else of a small message.
 */
export class Beginnings {
  readonly #memory: Buffer;
  readonly #views: (Buffer | undefined)[] = Array.from({ length: KEPT_VIEWS }, () => undefined);
  #lastMissed = -1;

  /** @param memory Must stay in use as long as this object. */
  constructor(memory: Buffer) {
    this.#memory = memory;
  }

  /** @param length At most the length of the memory. */
  view(length: number): Buffer {
    const at = length & (KEPT_VIEWS - 1);
    const kept = this.#views[at];
    if (kept !== undefined && kept.length === length) return kept;
    const view = this.#memory.subarray(0, length);
    // Sizes that never repeat are not cached: cached views get promoted to old space, where garbage is expensive.
    if (length === this.#lastMissed) this.#views[at] = view;
    this.#lastMissed = length;
    return view;
  }
}
