const CELLS = 60;
const CELL_MS = 1_000;

/** Counts events by name over the last 60 seconds. Costs one addition per event, and needs no timer. */
export class MinuteCounts {
  /** One map per second; a cell is reused when its second has passed. */
  readonly #cells: { second: number; readonly counts: Map<string, number> }[] = Array.from(
    { length: CELLS },
    () => ({ second: -1, counts: new Map<string, number>() }),
  );

  /** @param nowMs Monotonic. */
  add(name: string, nowMs: number): void {
    const second = Math.floor(nowMs / CELL_MS);
    const cell = this.#cells[second % CELLS]!;
    if (cell.second !== second) {
      cell.second = second;
      cell.counts.clear();
    }
    cell.counts.set(name, (cell.counts.get(name) ?? 0) + 1);
  }

  /** @returns A record without prototype: names may come from clients. */
  sums(nowMs: number): Record<string, number> {
    const oldest = Math.floor(nowMs / CELL_MS) - CELLS + 1;
    const sums: Record<string, number> = Object.create(null);
    for (const { second, counts } of this.#cells)
      if (second >= oldest) for (const [name, count] of counts) sums[name] = (sums[name] ?? 0) + count;
    return sums;
  }
}
