import { writeFileSync } from 'node:fs';
import { CommandError } from '../command.ts';
import { printableJson } from '../../protocol/index.ts';
import { htmlReport } from '../../conform/report-html.ts';
import { junitReport } from '../../conform/report-junit.ts';
import type { Report } from '../../conform/result.ts';

const WRITERS: Readonly<Record<string, (report: Report) => string>> = {
  '.json': (report) => `${printableJson(JSON.stringify(report, undefined, 1))}\n`,
  '.xml': junitReport,
  '.html': htmlReport,
};
/** File name endings of reports: data, JUnit, a page. */
export const REPORT_KINDS: readonly string[] = Object.keys(WRITERS);

/**
 * Writes a report; the ending of the file name chooses the format.
 * @throws CommandError if the file cannot be written.
 */
export function writeReport(file: string, report: Report): void {
  const kind = REPORT_KINDS.find((ending) => file.endsWith(ending))!;
  try {
    writeFileSync(file, WRITERS[kind]!(report));
  } catch (error) {
    throw new CommandError(`--report: ${(error as Error).message}`, { cause: error });
  }
}
