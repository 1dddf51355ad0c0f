import { GROUPS, type GroupName } from './case.ts';
import { checkReport } from './option-check.ts';
import type { CaseResult, Report } from './result.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Escapes text for XML or HTML. Characters that XML forbids are shown as their number. */
export const escaped = (text: string): string =>
  text
    .replace(/(?![\n\t])[\p{Cc}\p{Cs}\ufffe\uffff]/gu, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`)
    .replace(/[&<>"']/g, (char) => ENTITIES[char]!);

function testcase({
  id,
  group,
  title,
  section,
  verdict,
  label,
  expected,
  seen,
  because,
}: CaseResult): string {
  const head = `    <testcase classname="hawser.conform.${group}" name="${escaped(`${id}: ${title} (${section})`)}"`;
  if (verdict === 'pass') return `${head}/>`;
  const message = escaped(label === '' ? because : `${because} [${label}]`);
  const body = escaped(`expected: ${expected}\nseen: ${seen}`);
  if (verdict === 'fail')
    return `${head}>\n      <failure type="fail" message="${message}">${body}</failure>\n    </testcase>`;
  if (verdict === 'skipped') return `${head}>\n      <skipped message="${message}"/>\n    </testcase>`;
  // JUnit has no verdict between pass and failure: the case passes, and its output has the reason.
  return `${head}>\n      <system-out>${escaped(verdict)}: ${message}\n${body}</system-out>\n    </testcase>`;
}

/**
 * The report as JUnit XML for CI servers, with one test suite for each group.
 * @throws MisuseError `ERR_ARGUMENT` for something other than a report.
 */
export function junitReport(report: Report): string {
  checkReport(report);
  const { cases, counts, durationMs, target } = report;
  const suites = (Object.keys(GROUPS) as GroupName[]).flatMap((group) => {
    const inside = cases.filter((one) => one.group === group);
    if (inside.length === 0) return [];
    const count = (verdict: string): number => inside.filter((one) => one.verdict === verdict).length;
    return [
      `  <testsuite name="${escaped(GROUPS[group])}" tests="${inside.length}" failures="${count('fail')}" skipped="${count('skipped')}">`,
      ...inside.map(testcase),
      '  </testsuite>',
    ];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(`hawser conform ${target}`)}" tests="${cases.length}" failures="${counts.fail}" skipped="${counts.skipped}" time="${durationMs / 1_000}">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}
