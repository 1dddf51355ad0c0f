import { duration, percent, size, whole } from '../../src/load/index.ts';
import { escaped, lineChart, type Series, type Tick } from '../../src/cli/bench/html-charts.ts';
import { STYLE } from '../../src/cli/bench/html-style.ts';
import type { SoakResults } from './results.ts';
import type { Sample } from './samples.ts';

const MIB = 2 ** 20;
const mib = (value: number): string => `${Number(value.toFixed(2))} MiB`;

/** One line of a chart. */
interface Line {
  readonly name: string;
  readonly of: (sample: Sample) => number | null;
}
interface Chart {
  readonly title: string;
  readonly note: string;
  readonly format: (value: number) => string;
  readonly lines: readonly [Line] | readonly [Line, Line];
}

const LEVELS = ['normal', 'elevated', 'critical'];
const level = ({ server }: Sample): number | null => {
  const at = LEVELS.indexOf(server?.level ?? '');
  return at < 0 ? null : at;
};

const CHARTS: readonly Chart[] = [
  {
    title: 'Memory of the server',
    note: 'as the system and V8 report it',
    format: mib,
    lines: [
      { name: 'RSS', of: ({ server }) => server && server.rssBytes / MIB },
      { name: 'heap in use', of: ({ server }) => server && server.heapBytes / MIB },
    ],
  },
  {
    title: 'Latency',
    note: 'of the messages since the previous point',
    format: (ms) => (ms === 0 ? '0' : duration(ms)),
    lines: [
      { name: 'p50', of: ({ p50Ms }) => p50Ms },
      { name: 'p99', of: ({ p99Ms }) => p99Ms },
    ],
  },
  {
    title: 'Connections',
    note: 'that are open; clients that come and go count at the server only',
    format: whole,
    lines: [
      { name: 'of the server', of: ({ server }) => server && server.connections },
      { name: 'of the clients', of: ({ open }) => open },
    ],
  },
  {
    title: 'Messages per second',
    note: 'that clients received',
    format: whole,
    lines: [{ name: 'messages', of: ({ ratePerSecond }) => ratePerSecond }],
  },
  {
    title: 'CPU time of the server',
    note: 'share of one core',
    format: percent,
    lines: [{ name: 'CPU', of: ({ cpuShare }) => cpuShare }],
  },
  {
    title: 'Buffered bytes',
    note: 'in the connections of the server',
    format: mib,
    lines: [{ name: 'buffered', of: ({ server }) => server && server.bufferedBytes / MIB }],
  },
  {
    title: 'Delay of the event loop',
    note: 'p99 since the previous point, of the server',
    format: (ms) => (ms === 0 ? '0' : duration(ms)),
    lines: [{ name: 'p99', of: ({ server }) => server && server.loopP99Ms }],
  },
  {
    title: 'Level of load',
    note: 'of load control',
    format: (value) => LEVELS[value] ?? '',
    lines: [{ name: 'level', of: level }],
  },
];

const STEPS = [1, 2, 5, 10, 20, 60, 120, 300, 600, 1_200, 3_600, 7_200, 14_400, 43_200, 86_400];

const timeText = (ms: number): string => (ms < 120_000 ? `${ms / 1_000} s` : `${ms / 60_000} min`);

function timeTicks(endMs: number): Tick[] {
  const step = (STEPS.find((seconds) => endMs / seconds / 1_000 <= 6) ?? 172_800) * 1_000;
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, at) => ({
    at: at * step,
    says: at === 0 ? '0' : timeText(at * step),
  }));
}

function chartOf({ title, note, format, lines }: Chart, { recording }: SoakResults): string {
  const { samples, marks } = recording;
  // Figures that are unknown, or 0 all the time, say nothing.
  if (!samples.some((sample) => lines.some(({ of }) => (of(sample) ?? 0) > 0))) return '';
  const says = (sample: Sample): string =>
    `${duration(sample.atMs)}: ${lines
      .map(({ name, of }) => `${name} ${of(sample) === null ? 'unknown' : format(of(sample)!)}`)
      .join(', ')}`;
  const series = lines.map(
    ({ name, of }, i): Series => ({
      name,
      look: i === 0 ? 'main' : 'second',
      points: samples.map((sample) => ({ x: sample.atMs, y: of(sample), says: says(sample) })),
      filled: i === 0 && lines.length === 1,
    }),
  );
  const keys =
    lines.length === 1
      ? ''
      : lines
          .map(({ name }, i) => `<span class="key${i === 0 ? '' : ' second'}">${escaped(name)}</span>`)
          .join('');
  const chart = lineChart(title, {
    series,
    marks: [],
    xTicks: timeTicks(samples.at(-1)!.atMs),
    events: marks.map(({ atMs, says: what }) => ({ at: atMs, says: what })),
    format,
  });
  return `<figure><figcaption>${escaped(title)}${keys}<small>${escaped(note)}</small></figcaption>${chart}</figure>`;
}

const table = (title: string, rows: readonly (readonly [string, string])[]): string =>
  rows.length === 0
    ? ''
    : `<section class="card"><h2>${escaped(title)}</h2><table>${rows
        .map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`)
        .join('')}</table></section>`;

/** A run as a web page in one file, without scripts and without external resources. */
export function pageOf(results: SoakResults): string {
  const { scenario, settings, machine, began, tookMs, passes, criteria, recording } = results;
  const demands = criteria
    .map(
      ({ demand, seen, isMet }) =>
        `<tr><td class="${isMet ? 'pass' : 'fail'}">${isMet ? 'met' : 'missed'}</td><td>${escaped(demand)}</td><td>${escaped(seen)}</td></tr>`,
    )
    .join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Soak: ${escaped(scenario)}</title><style>${STYLE}.demands td{text-align:left;padding-right:14px}.demands td:first-child{white-space:nowrap;overflow-wrap:normal}.tables+.charts,.card+main{margin-top:14px}th{white-space:normal}</style></head>
<body><header><p class="kind">Soak</p><h1>${escaped(scenario)}</h1>
<p class="outcome ${passes ? 'pass' : 'fail'}">${passes ? 'Every demand is met' : 'A demand is not met'}</p>
<p class="about">Hawser ${escaped(machine.hawser)} · ${escaped(began)} · ${escaped(duration(tookMs))} · ${whole(settings.connections)} connections${settings.rate === 0 ? '' : ` · ${whole(settings.rate)} messages a second`}</p></header>
<section class="card demands"><h2>Demands</h2><table>${demands}</table></section>
<main><div class="charts">${CHARTS.map((chart) => chartOf(chart, results)).join('\n')}</div>
<div class="tables">${table(
    'What happened',
    recording.marks.map(({ atMs, says }) => [duration(atMs), says]),
  )}${table('Machine', [
    ['CPU', `${machine.cpu}, ${machine.cores} cores`],
    ['Memory', size(machine.memoryBytes)],
    ['System', machine.system],
    ['Node', machine.node],
    ['Load of the last minute, before and after', machine.load.map((load) => load.toFixed(1)).join(' / ')],
  ])}</div></main>
</body></html>
`;
}
