import { performance } from 'node:perf_hooks';
import type { Case, Run } from './case.ts';
import type { RunResult } from './judge-run.ts';
import type { RequestSpec } from './request.ts';
import type { ResponseSpec } from './response.ts';
import { type CaseResult, caseResult } from './result.ts';

export type AnyRun = Run | RequestSpec | ResponseSpec;
/** Cases that are made alone. */
const HEAVY = /^(?:attack|limits)\.|^lengths\.message\.\d+mib$/;

/** The number of cases that are complete, and of all cases. */
export interface SuiteProgress {
  readonly done: number;
  readonly total: number;
}
export interface SuiteOptions {
  /** Connections at a time. */
  readonly concurrency: number;
  /** Aborted when no further run is to begin. */
  readonly signal: AbortSignal;
  run(one: Case, run: AnyRun): Promise<RunResult>;
  /** Called once for every case, as soon as its last run is done. */
  onCase(result: CaseResult, progress: SuiteProgress): void;
}

/**
 * Makes every run of every case, several at a time, the next as soon as one is done. Large messages and attacks come last and
 * one at a time, so that what they do to the peer, or to us, is not taken for the answer to something else.
 * @returns Results in the order of the cases; without those that an abort left undone.
 */
export async function runSuite(cases: readonly Case[], options: SuiteOptions): Promise<CaseResult[]> {
  const results = new Map<string, CaseResult>();
  const entries = cases.map((one) => ({ one, results: [] as RunResult[], left: one.runs.length }));
  const work = async (
    queue: { readonly entry: (typeof entries)[number]; readonly at: number }[],
  ): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !options.signal.aborted; next = queue.shift()) {
      const { entry, at } = next;
      entry.results[at] = await options.run(entry.one, entry.one.runs[at]!);
      if (--entry.left > 0) continue;
      const result = caseResult(entry.one, entry.results);
      results.set(result.id, result);
      options.onCase(result, { done: results.size, total: cases.length });
    }
  };
  const isHeavy = ({ one }: (typeof entries)[number]): boolean => HEAVY.test(one.id);
  for (const [part, workers] of [
    [entries.filter((entry) => !isHeavy(entry)), options.concurrency],
    [entries.filter(isHeavy), 1],
  ] as const) {
    const queue = part.flatMap((entry) => entry.one.runs.map((_, at) => ({ entry, at })));
    await Promise.all(Array.from({ length: workers }, () => work(queue)));
  }
  return cases.flatMap(({ id }) => results.get(id) ?? []);
}

/** Milliseconds since it was made. */
export function stopwatch(): () => number {
  const startedMs = performance.now();
  return () => Math.round(performance.now() - startedMs);
}
