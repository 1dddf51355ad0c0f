import { performance } from 'node:perf_hooks';

/** Most connections written to before the event loop gets its turn. */
const SLICE_CONNECTIONS = 512;
/** Longest time spent writing before the event loop gets its turn. */
const SLICE_MS = 5;

/** Something with bytes to write. */
export interface Flushable {
  /** True while it stands in the queue; kept by the queue. */
  flushScheduled: boolean;
  flush(): void;
}

let waiting: Flushable[] = [];
let next = 0;
let armed = false;
const afterSlice: (() => void)[] = [];

/**
 * Writes `item` once, after everything that this turn of the event loop brings, so that all it is given until then
 * leaves in one system call.
 */
export function scheduleFlush(item: Flushable): void {
  if (item.flushScheduled) return;
  item.flushScheduled = true;
  waiting.push(item);
  if (armed) return;
  armed = true;
  setImmediate(writeSlice);
}

/** Runs `callback` at the end of every slice: what is shared between the writes of one slice is let go there. */
export function onSliceEnd(callback: () => void): void {
  afterSlice.push(callback);
}

function writeSlice(): void {
  const deadline = performance.now() + SLICE_MS;
  const end = Math.min(waiting.length, next + SLICE_CONNECTIONS);
  while (next < end) {
    const item = waiting[next++]!;
    item.flushScheduled = false;
    item.flush();
    if ((next & 31) === 0 && performance.now() > deadline) break;
  }
  for (const callback of afterSlice) callback();
  if (next < waiting.length) {
    setImmediate(writeSlice);
    return;
  }
  armed = false;
  waiting = [];
  next = 0;
}
