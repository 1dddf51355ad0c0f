import type { Case, GroupName } from './case.ts';
import { groupOf } from './case.ts';
import type { RunResult } from './judge-run.ts';
import { type Role, type Verdict, VERDICTS, worst } from './model.ts';

/** The result of a case: the result of its worst run. */
export interface CaseResult extends RunResult {
  readonly id: string;
  readonly group: GroupName;
  readonly title: string;
  readonly section: string;
  readonly runs: number;
  /** Runs whose verdict is not `pass`. */
  readonly notPassed: number;
}

/** The part of a report that is known before the first case. */
export interface ReportHead {
  /** Name of the tester. */
  readonly tool: string;
  readonly tested: Role;
  /** URL of a server, without query; `User-Agent` of a client. */
  readonly target: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Whether the peer sends messages back. If not, cases that need an echo are skipped. */
  readonly echoes: boolean;
  /** Findings before the first case, as sentences. */
  readonly remarks: readonly string[];
}

/** The result of a test. Plain data. */
export interface Report extends ReportHead {
  readonly durationMs: number;
  /** Cases by verdict. */
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly cases: readonly CaseResult[];
}

export function caseResult({ id, title, section }: Case, runs: readonly RunResult[]): CaseResult {
  const verdict = worst(runs.map((run) => run.verdict));
  const worstRun = runs.find((run) => run.verdict === verdict) ?? runs[0]!;
  return {
    id,
    group: groupOf(id),
    title,
    section,
    ...worstRun,
    runs: runs.length,
    notPassed: runs.filter((run) => run.verdict !== 'pass').length,
  };
}

/** The result of a run that was not executed. */
export const skipped = (label: string, because: string): RunResult => ({
  label,
  verdict: 'skipped',
  expected: '',
  seen: '',
  because,
  transcript: [],
});

export function counted(cases: readonly { readonly verdict: Verdict }[]): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const { verdict } of cases) counts[verdict]++;
  return counts;
}
