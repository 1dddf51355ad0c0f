const CELLS = 10;

/** A clock may count from any zero, so that cells may have negative numbers. */
const indexOf = (cell: number): number => ((cell % CELLS) + CELLS) % CELLS;

/** Counts calls and failures of the last while, in a ring of ten cells. Its oldest cell is dropped as a whole. */
export class OutcomeWindow {
  readonly #cellMs: number;
  readonly #calls = new Uint32Array(CELLS);
  readonly #failures = new Uint32Array(CELLS);
  /** Number of the newest cell since the zero of the clock. */
  #newest = Number.NEGATIVE_INFINITY;

  /** @param windowMs Outcomes count for this long, up to a tenth less. */
  constructor(windowMs: number) {
    this.#cellMs = windowMs / CELLS;
  }

  add(nowMs: number, hasFailed: boolean): void {
    this.#advance(nowMs);
    const at = indexOf(this.#newest);
    this.#calls[at]!++;
    if (hasFailed) this.#failures[at]!++;
  }

  sums(nowMs: number): { readonly calls: number; readonly failures: number } {
    this.#advance(nowMs);
    let calls = 0;
    let failures = 0;
    for (let at = 0; at < CELLS; at++) {
      calls += this.#calls[at]!;
      failures += this.#failures[at]!;
    }
    return { calls, failures };
  }

  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
  }

  /** Empties the cells that have become too old. */
  #advance(nowMs: number): void {
    const cell = Math.floor(nowMs / this.#cellMs);
    if (cell - this.#newest >= CELLS) this.clear();
    else {
      for (let old = this.#newest + 1; old <= cell; old++) {
        this.#calls[indexOf(old)] = 0;
        this.#failures[indexOf(old)] = 0;
      }
    }
    this.#newest = cell;
  }
}
