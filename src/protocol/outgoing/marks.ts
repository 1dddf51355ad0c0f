/** Called when everything accepted before a mark was taken, or with `true` when it was dropped. Must not throw. */
export type MarkCallback = (wasDropped: boolean) => void;

/**
 * Marks in the byte stream of one outbox, in order; exists while there are any. A position counts the bytes that were
 * written before it.
 */
export class Marks {
  readonly #positions: number[] = [];
  readonly #callbacks: MarkCallback[] = [];

  get size(): number {
    return this.#callbacks.length;
  }

  add(position: number, callback: MarkCallback): void {
    this.#positions.push(position);
    this.#callbacks.push(callback);
  }

  /** Bytes that were accepted later are written before the bytes of all marks. */
  overtaken(bytes: number): void {
    for (let i = 0; i < this.#positions.length; i++) this.#positions[i]! += bytes;
  }

  /** Calls and removes the marks up to a position. */
  reach(position: number): void {
    let reached = 0;
    while (reached < this.size && this.#positions[reached]! <= position) reached++;
    this.#remove(0, reached, false);
  }

  /** Calls and removes the marks after a position, whose bytes were dropped. */
  drop(position: number): void {
    let kept = 0;
    while (kept < this.size && this.#positions[kept]! <= position) kept++;
    this.#remove(kept, this.size, true);
  }

  #remove(from: number, to: number, wasDropped: boolean): void {
    if (from === to) return;
    this.#positions.splice(from, to - from);
    // Removed first: a callback may add marks.
    for (const callback of this.#callbacks.splice(from, to - from)) callback(wasDropped);
  }
}
