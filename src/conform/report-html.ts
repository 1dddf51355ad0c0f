import { GROUPS, type GroupName } from './case.ts';
import { type Verdict, VERDICTS } from './model.ts';
import { checkReport } from './option-check.ts';
import { SCRIPT, STYLE } from './report-page.ts';
import { escaped } from './report-junit.ts';
import type { CaseResult, Report } from './result.ts';
import type { TranscriptEntry } from './wire.ts';

const cell = (name: string, value: string): string =>
  value === '' ? '' : `<dt>${name}</dt><dd>${escaped(value)}</dd>`;

function entry({ from, says, hex, bytes }: TranscriptEntry): string {
  const pairs = hex.replace(/../g, '$& ').trim();
  const cut = bytes * 2 > hex.length ? ` … ${bytes.toLocaleString('en')} bytes` : '';
  return `<tr class="${from}"><td>${from === 'us' ? 'sent' : 'seen'}</td><td>${escaped(says)}</td><td><code>${pairs}${cut}</code></td></tr>`;
}

function caseRow(one: CaseResult): string {
  const { id, verdict, section, title, label, expected, seen, because, runs, notPassed, transcript } = one;
  const search = escaped(`${id} ${section} ${title} ${because}`.toLowerCase());
  const count = runs === 1 ? '' : verdict === 'pass' ? `${runs} runs` : `${notPassed} of ${runs} runs`;
  const bytes =
    transcript.length === 0 ? '' : `<table class="bytes">${transcript.map(entry).join('')}</table>`;
  return `<details class="case" data-verdict="${verdict}" data-search="${search}"><summary><span class="verdict ${verdict}">${verdict}</span><code class="id">${escaped(id)}</code><span class="title">${escaped(title)}</span><span class="section">${escaped(section)}</span></summary>
<dl>${cell('Why', because)}${cell('Expected', expected)}${cell('Seen', seen)}${cell(runs > 1 ? 'Run shown' : 'Run', label)}${cell('Runs', count)}</dl>${bytes}</details>`;
}

function groupPart(group: GroupName, cases: readonly CaseResult[]): string {
  const bar = VERDICTS.toReversed()
    .map((verdict) => ({ verdict, count: cases.filter((one) => one.verdict === verdict).length }))
    .filter(({ count }) => count > 0)
    .map(
      ({ verdict, count }) => `<i class="${verdict}" style="flex:${count}" title="${count} ${verdict}"></i>`,
    )
    .join('');
  const passed = cases.filter(({ verdict }) => verdict === 'pass').length;
  return `<section class="group"><h2>${escaped(GROUPS[group])} <small>${passed} of ${cases.length}</small><span class="bar">${bar}</span></h2>
${cases.map(caseRow).join('\n')}</section>`;
}

function chip(verdict: Verdict, count: number): string {
  const on = verdict !== 'pass' || count > 0;
  return `<button type="button" class="chip ${verdict}" data-filter="${verdict}" aria-pressed="${on}"><b>${count}</b> ${verdict}</button>`;
}

/**
 * The report as a web page in one file, without external scripts or styles. All text of the peer is escaped.
 * @throws MisuseError `ERR_ARGUMENT` for something other than a report.
 */
export function htmlReport(report: Report): string {
  checkReport(report);
  const { target, tested, tool, startedAt, durationMs, remarks, counts, cases } = report;
  const groups = (Object.keys(GROUPS) as GroupName[])
    .map((group) => [group, cases.filter((one) => one.group === group)] as const)
    .filter(([, inside]) => inside.length > 0);
  const outcome =
    counts.fail > 0
      ? `${counts.fail} of ${cases.length} cases fail`
      : counts['non-strict'] > 0
        ? 'No case fails'
        : 'No case fails or is non-strict';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Conformance of ${escaped(target)}</title><style>${STYLE}</style></head>
<body><header><p class="kind">WebSocket conformance of a ${tested}</p><h1>${escaped(target)}</h1>
<p class="outcome ${counts.fail > 0 ? 'fail' : counts['non-strict'] > 0 ? 'non-strict' : 'pass'}">${outcome}</p>
<p class="about">${escaped(tool)} · ${escaped(startedAt)} · ${(durationMs / 1_000).toFixed(1)} s · ${cases.length} cases</p>
${remarks.map((remark) => `<p class="about">${escaped(remark)}</p>`).join('')}</header>
<nav><div class="chips">${VERDICTS.map((verdict) => chip(verdict, counts[verdict])).join('')}</div>
<input type="search" placeholder="Search: ID, section, words" aria-label="Search"><button type="button" id="fold">Open all</button></nav>
<main>${groups.map(([group, inside]) => groupPart(group, inside)).join('\n')}<p id="none" hidden>No case matches.</p></main>
<footer><b>pass</b> follows the RFC · <b>non-strict</b> misses a SHOULD, or a strict reading demands more · <b>fail</b> breaks a MUST · <b>informational</b> the RFC leaves it open · <b>skipped</b> the case could not run</footer>
<script>${SCRIPT}</script></body></html>
`;
}
