// The benchmark's part of a compared server: allocates the live heap of an application, prints the ports, answers each line on
// standard input with a line, and exits at the end of standard input.
import { PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Endpoint } from '../cells.ts';

/** The first line of a server. */
export interface Announcement {
  readonly version: string;
  readonly ports: Readonly<Partial<Record<Endpoint, number>>>;
}
/** The answer to `memory`, after a garbage collection. */
export interface MemoryAnswer {
  readonly heapUsed: number;
  /** `external` of `process.memoryUsage()`, including buffers. */
  readonly external: number;
  readonly rss: number;
}
/** The answer to `pauses`: the longest garbage collection since the previous question, or the start. */
export interface PausesAnswer {
  readonly longestMs: number;
}

/** About 110 bytes each, 27 MB in all. */
const LIVE_OBJECTS = 250_000;

/**
 * The live heap of an application. V8 decides by the size of the live heap when to collect garbage. Without these objects,
 * one megabyte more or less in a server decides a cell of large messages. Exported, because an unused local would be collected.
 */
export const application: readonly object[] = Array.from({ length: LIVE_OBJECTS }, (_, i) => ({
  id: i,
  name: `user ${i}`,
  score: i / 7,
  isOnline: i % 3 === 0,
}));

let longestMs = 0;

function answer(question: string): MemoryAnswer | PausesAnswer {
  if (question === 'pauses') {
    const since = { longestMs };
    longestMs = 0;
    return since;
  }
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapUsed, external, rss };
}

export function announce(announcement: Announcement): void {
  // Observing garbage collections costs CPU time, so it is on only for cells that need it.
  if (process.env['BENCH_GC'] === '1') {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longestMs = Math.max(longestMs, duration);
    }).observe({ entryTypes: ['gc'] });
  }
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => say(answer(line)));
  lines.on('close', () => process.exit());
  say(announcement);
}
