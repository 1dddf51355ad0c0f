import type { CommandIo } from '../command.ts';
import { jsonLine } from '../json.ts';
import { printable } from '../../protocol/index.ts';
import {
  type CaseDescription,
  type CaseResult,
  GROUPS,
  type GroupName,
  type Report,
  type ReportHead,
  type SuiteProgress,
  type Verdict,
  VERDICTS,
} from '../../conform/index.ts';

/** Prints the progress and the result of a suite. */
export interface Output {
  begin(head: ReportHead, total: number): void;
  caseDone(result: CaseResult, progress: SuiteProgress): void;
  end(report: Report, wrote: readonly string[]): void;
}

/** Prints one line for each case. */
export function printList(cases: readonly CaseDescription[], json: boolean, io: CommandIo): void {
  for (const { id, group, section, title, runs } of cases) {
    if (json) io.out(jsonLine({ event: 'case', id, group, section, title, runs }));
    else io.out(`${id.padEnd(32)} ${section.padEnd(18)} ${title}`);
  }
}

/** One line of JSON for each event. */
export function jsonOutput(io: CommandIo): Output {
  return {
    begin: ({ target, tested, echoes, remarks }, total) =>
      io.out(jsonLine({ event: 'begin', target, tested, echoes, remarks, cases: total })),
    caseDone: (result) => io.out(jsonLine({ event: 'result', ...result })),
    end: ({ counts, durationMs }, wrote) => io.out(jsonLine({ event: 'end', ...counts, durationMs, wrote })),
  };
}

const COLOURS: Readonly<Record<Verdict, string>> = {
  fail: '31',
  'non-strict': '33',
  informational: '36',
  skipped: '2',
  pass: '32',
};

/** Text: a paragraph for each failed case, a line for each group, and the totals. On a terminal also the progress. */
export function textOutput(io: CommandIo): Output {
  const label = (verdict: Verdict): string =>
    io.errHasColours ? `\u001b[${COLOURS[verdict]}m${verdict}\u001b[0m` : verdict;
  return {
    begin: ({ target, tested, remarks }, total) => {
      io.err(`${tested === 'server' ? 'Server' : 'Client'} ${printable(target)}: ${total} cases`);
      for (const remark of remarks) io.err(printable(remark));
    },
    caseDone: ({ id, verdict, because }, { done, total }) => {
      if (!io.errIsTerminal) return;
      if (verdict === 'fail' || verdict === 'non-strict') {
        io.status('');
        io.err(`  ${label(verdict)} ${id}: ${printable(because)}`);
      }
      io.status(done === total ? '' : `  ${done} of ${total} cases`);
    },
    end: (report, wrote) => {
      for (const line of summary(report)) io.out(line);
      for (const file of wrote) io.out(`Report: ${printable(file)}`);
    },
  };
}

/** The report as lines: the cases that did not pass, then a table of all groups. */
export function summary({ cases, counts, durationMs }: Report): string[] {
  const lines: string[] = [];
  for (const verdict of ['fail', 'non-strict'] as const) {
    for (const result of cases.filter((one) => one.verdict === verdict)) lines.push(...detail(result));
  }
  for (const verdict of ['informational', 'skipped'] as const) {
    const some = cases.filter((one) => one.verdict === verdict);
    for (const { because, ids } of byReason(some)) lines.push(`${verdict}: ${printable(because)}: ${ids}`);
  }
  if (lines.length > 0) lines.push('');
  lines.push(`${''.padEnd(34)}${VERDICTS.map((verdict) => verdict.padStart(14)).join('')}`);
  for (const group of Object.keys(GROUPS) as GroupName[]) {
    const inside = cases.filter((one) => one.group === group);
    if (inside.length === 0) continue;
    const numbers = VERDICTS.map((verdict) =>
      String(inside.filter((one) => one.verdict === verdict).length).padStart(14),
    );
    lines.push(`${GROUPS[group].padEnd(34)}${numbers.join('')}`);
  }
  lines.push(
    `${`${cases.length} cases in ${(durationMs / 1_000).toFixed(1)} s`.padEnd(34)}${VERDICTS.map((verdict) => String(counts[verdict]).padStart(14)).join('')}`,
  );
  return lines;
}

function detail(result: CaseResult): string[] {
  const { id, verdict, title, section, label, expected, seen, because, transcript } = result;
  return [
    `${verdict}: ${id} (${section}) ${title}${label === '' ? '' : ` [${printable(label)}]`}`,
    ...transcript
      .filter(({ from }) => from === 'us')
      .slice(0, 4)
      .map(({ says, hex }) => `    sent      ${says}  ${hex.slice(0, 48)}`),
    `    expected  ${printable(expected)}`,
    `    seen      ${printable(seen)}`,
    `    because   ${printable(because)}`,
  ];
}

/** Groups cases by their reason, one line for each reason. */
function byReason(cases: readonly CaseResult[]): { because: string; ids: string }[] {
  const groups = new Map<string, string[]>();
  for (const { because, id } of cases) groups.set(because, [...(groups.get(because) ?? []), id]);
  return [...groups].map(([because, ids]) => ({
    because,
    ids: ids.length > 6 ? `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more` : ids.join(', '),
  }));
}
