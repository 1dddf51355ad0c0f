import { printableJson } from '../protocol/index.ts';
import type { Report } from './result.ts';

/** The report as JSON text, with a line feed at the end. No character in it acts on a terminal. */
export const jsonReport = (report: Report): string =>
  `${printableJson(JSON.stringify(report, undefined, 1))}\n`;
