import { printableJson } from '../protocol/index.ts';
import { checkReport } from './option-check.ts';
import type { Report } from './result.ts';

/**
 * The report as JSON text, with a line feed at the end. Control characters are escaped.
 * @throws MisuseError `ERR_ARGUMENT` for something other than a report.
 */
export function jsonReport(report: Report): string {
  checkReport(report);
  return `${printableJson(JSON.stringify(report, undefined, 1))}\n`;
}
