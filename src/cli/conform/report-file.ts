import { writeFileSync } from 'node:fs';
import { htmlReport, jsonReport, junitReport, type Report } from '../../conform/index.ts';
import { CommandError } from '../command.ts';

const WRITERS: Readonly<Record<string, (report: Report) => string>> = {
  '.json': jsonReport,
  '.xml': junitReport,
  '.html': htmlReport,
};
/** Endings of report file names: JSON, JUnit XML, HTML. */
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
    throw new CommandError(`--report: cannot write the file: ${(error as Error).message}`, { cause: error });
  }
}
