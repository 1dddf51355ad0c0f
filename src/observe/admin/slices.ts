import type { Clock } from '../../engine/clock.ts';

/** Longest time that a scan holds the event loop, in ms. */
const SLICE_MS = 5;
/** Items between two looks at the clock. */
const STRIDE = 64;

/** How a scan yields to the event loop. */
export interface Pace {
  readonly now: Clock['now'];
  /** Resolves after the pending I/O of the process was handled. */
  readonly turn: () => Promise<void>;
}

export const paceOf = (clock: Clock): Pace => ({
  now: () => clock.now(),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
});

/**
 * Visits items in slices of 5 ms, so that a scan of many connections delays none of them.
 * @param items May change during the scan.
 * @param most Maximum number of visits: a collection that grows during the scan would keep it busy.
 * @param wanted Asked between slices. @returns `false` if the scan ended because it returned `false`.
 */
export async function inSlices<Item>(
  items: Iterable<Item>,
  most: number,
  visit: (item: Item) => void,
  pace: Pace,
  wanted: () => boolean,
): Promise<boolean> {
  let left = most;
  let untilLook = STRIDE;
  let endMs = pace.now() + SLICE_MS;
  for (const item of items) {
    if (left-- === 0) break;
    visit(item);
    if (--untilLook > 0) continue;
    untilLook = STRIDE;
    if (pace.now() < endMs) continue;
    await pace.turn();
    if (!wanted()) return false;
    endMs = pace.now() + SLICE_MS;
  }
  return true;
}
