import { performance } from 'node:perf_hooks';
import type { Case, Run } from './case.ts';
import type { RunResult } from './judge-run.ts';
import type { RequestSpec } from './request.ts';
import type { ResponseSpec } from './response.ts';
import { type CaseResult, caseResult } from './result.ts';

export type AnyRun = Run | RequestSpec | ResponseSpec;
/** Cases that run alone. */
const HEAVY = /^(?:attack|limits)\.|^lengths\.message\.\d+mib$/;

/** The number of complete cases, and of all cases. */
export interface SuiteProgress {
  readonly done: number;
  readonly total: number;
}
export interface SuiteOptions {
  /** Concurrent connections. */
  readonly concurrency: number;
  /** Once aborted, no further run begins. */
  readonly signal: AbortSignal;
  run(one: Case, run: AnyRun): Promise<RunResult>;
  /** Called once for each case, after its last run. */
  onCase(result: CaseResult, progress: SuiteProgress): void;
}

/**
 * Executes all runs of all cases, several concurrently. Large messages and attacks run last and one at a time: their
 * load on the peer must not change the verdict of other cases.
 * @returns Results in the order of the cases. After an abort, only the complete ones.
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

/** Starts a stopwatch. @returns A function that returns the milliseconds since the start. */
export function stopwatch(): () => number {
  const startedMs = performance.now();
  return () => Math.round(performance.now() - startedMs);
}
