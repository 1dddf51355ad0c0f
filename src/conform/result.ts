import type { Case, GroupName } from './case.ts';
import { groupOf } from './case.ts';
import type { RunResult } from './judge-run.ts';
import { type Role, type Verdict, VERDICTS, worst } from './model.ts';

/** What came of a case: its worst run speaks for it. */
export interface CaseResult extends RunResult {
  readonly id: string;
  readonly group: GroupName;
  readonly title: string;
  readonly section: string;
  /** How many runs it has, and how many of them are not a pass. */
  readonly runs: number;
  readonly notPassed: number;
}

export interface Report {
  readonly tool: string;
  readonly tested: Role;
  /** URL of a server; what a client called itself. */
  readonly target: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly echoes: boolean;
  /** What was found out before the cases, in sentences. */
  readonly remarks: readonly string[];
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly cases: readonly CaseResult[];
}

export function caseResult({ id, title, section }: Case, runs: readonly RunResult[]): CaseResult {
  const verdict = worst(runs.map((run) => run.verdict));
  const speaker = runs.find((run) => run.verdict === verdict) ?? runs[0]!;
  return {
    id,
    group: groupOf(id),
    title,
    section,
    ...speaker,
    runs: runs.length,
    notPassed: runs.filter((run) => run.verdict !== 'pass').length,
  };
}

/** A run that was not made. */
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
