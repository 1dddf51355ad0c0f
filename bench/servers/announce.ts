// The benchmark's part of a compared server: allocates the live heap of an application, prints the ports, answers each line on
// standard input with a line, and exits at the end of standard input.
import { PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import { createInterface } from 'node:readline';
import '../application.ts';
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
