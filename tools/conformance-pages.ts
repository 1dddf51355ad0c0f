import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GROUPS, type GroupName } from '../src/conform/case.ts';
import { type Role, type Verdict, VERDICTS } from '../src/conform/model.ts';
import { counted, type Report } from '../src/conform/result.ts';

/** The recorded part of a report: counts, and every case that did not pass. */
export interface KeptResult {
  /** Name and version of the peer, for readers. */
  readonly peer: string;
  readonly role: Role;
  readonly date: string;
  readonly echoes: boolean;
  readonly cases: number;
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly findings: readonly {
    readonly id: string;
    readonly section: string;
    readonly verdict: Verdict;
    readonly run: string;
    readonly because: string;
  }[];
}

export function keptResult({ tested, startedAt, echoes, cases }: Report, peer: string): KeptResult {
  return {
    peer,
    role: tested,
    date: startedAt.slice(0, 10),
    echoes,
    cases: cases.length,
    counts: counted(cases),
    findings: cases
      .filter(({ verdict }) => verdict !== 'pass')
      .map(({ id, section, verdict, label, because }) => ({ id, section, verdict, run: label, because })),
  };
}

/** All results in a folder: servers before clients, fewest faults first. */
export function readResults(folder: string): { readonly file: string; readonly result: KeptResult }[] {
  const faults = ({ counts }: KeptResult): number => counts.fail * 1_000 + counts['non-strict'];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ file, result: JSON.parse(readFileSync(join(folder, file), 'utf8')) as KeptResult }))
    .sort(
      (a, b) =>
        b.result.role.localeCompare(a.result.role) ||
        faults(a.result) - faults(b.result) ||
        a.file.localeCompare(b.file),
    );
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** The table of results, in Markdown. */
export function resultsTable(
  results: readonly { readonly file: string; readonly result: KeptResult }[],
): string {
  return (['server', 'client'] as const)
    .map((role) => {
      const some = results.filter(({ result }) => result.role === role);
      return [
        row([role === 'server' ? 'Servers' : 'Clients', 'cases', ...VERDICTS.toReversed(), 'fails in']),
        row(['---', ...VERDICTS.map(() => '---:'), '---:', '---']),
        ...some.map(({ file, result: { peer, cases, counts, findings } }) => {
          const groups = new Set(
            findings
              .filter(({ verdict }) => verdict === 'fail')
              .map(({ id }) => GROUPS[id.slice(0, id.indexOf('.')) as GroupName]),
          );
          return row([
            `[${peer}](${file})`,
            cases,
            ...VERDICTS.toReversed().map((verdict) => counts[verdict]),
            [...groups].join(', ') || '–',
          ]);
        }),
      ].join('\n');
    })
    .join('\n\n');
}

const [BEGIN, END] = ['<!-- results: written by tools/conformance-results.js -->', '<!-- end of results -->'];

/** The page with a new table. */
export function withTable(page: string, table: string): string {
  const [before = '', rest = ''] = page.split(BEGIN);
  return `${before}${BEGIN}\n\n${table}\n\n${END}${rest.split(END)[1] ?? ''}`;
}
