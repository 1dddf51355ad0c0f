import {
  duration,
  type HistogramData,
  latencyBars,
  LatencyHistogram,
  type LoadFigures,
  percent,
  significant,
  size,
  type TimelinePoint,
  whole,
} from '../../load/index.ts';
import { barChart, escaped, lineChart, type Mark } from './html-charts.ts';
import { STYLE } from './html-style.ts';
import { sharePercent } from './histogram-lines.ts';
import { type Machine, remarks } from './load-report.ts';
import { missed, type Thresholds } from './thresholds.ts';

/** All that a report on a page shows. */
export interface HtmlReport {
  readonly figures: LoadFigures;
  readonly latency: HistogramData;
  readonly timeline: readonly TimelinePoint[];
  readonly thresholds: Thresholds;
  readonly machine: Machine;
  /** When the run ended, in ISO 8601. */
  readonly time: string;
  /** Planned warm-up and time of opening, in ms. */
  readonly warmUpMs: number;
  readonly rampMs: number;
}

const MOST_BARS = 24;
/** Shares of the percentile chart, the last one only as far as there are measurements. */
const SHARES = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

const WHAT: Readonly<Record<LoadFigures['mode'], string>> = {
  echo: 'messages',
  'fan-out': 'deliveries',
  handshake: 'connections',
  idle: 'connections',
};

function tile(name: string, value: string, more: string, look = ''): string {
  return `<div class="tile ${look}"><span>${escaped(name)}</span><b>${escaped(value)}</b><small>${escaped(more)}</small></div>`;
}

function verdict(limit: number | undefined, isMet: boolean): string {
  if (limit === undefined) return '';
  return isMet ? 'pass' : 'fail';
}

function tiles({ figures, thresholds: { maxP99Ms, minRatePerSecond } }: HtmlReport): string {
  const { mode, ratePerSecond, bytesPerSecond, latencyMs, generator, server } = figures;
  const found: string[] = [];
  if (mode !== 'idle') {
    const more =
      minRatePerSecond === undefined ? 'per second' : `per second; at least ${whole(minRatePerSecond)}`;
    found.push(
      tile(
        WHAT[mode],
        whole(ratePerSecond),
        more,
        verdict(minRatePerSecond, ratePerSecond >= (minRatePerSecond ?? 0)),
      ),
    );
    if (mode !== 'handshake') found.push(tile('payload', `${size(bytesPerSecond)}/s`, 'received'));
  }
  if (latencyMs !== null) {
    const { p50, p99, p999, max } = latencyMs;
    found.push(tile('p50', duration(p50), 'half took no longer'));
    const more = maxP99Ms === undefined ? '99 % took no longer' : `at most ${duration(maxP99Ms)}`;
    found.push(tile('p99', duration(p99), more, verdict(maxP99Ms, p99 <= (maxP99Ms ?? 0))));
    found.push(tile('p99.9', duration(p999), `max ${duration(max)}`));
  }
  if (server !== null) {
    const each = server.cpuMicrosPerMessage;
    const unit = mode === 'handshake' ? 'connection' : 'message';
    if (mode !== 'idle')
      found.push(
        tile(
          'server CPU',
          percent(server.cpuShare),
          each === null ? 'of a core' : `${significant(each)} µs a ${unit}`,
        ),
      );
    found.push(
      tile('server memory', size(server.rssBytes), `${size(server.rssBytesPerConnection)} a connection`),
    );
  }
  found.push(tile('generator', percent(generator.busyShare), 'of the time busy'));
  return `<div class="tiles">${found.join('')}</div>`;
}

function figure(title: string, keys: string, note: string, chart: string): string {
  const small = note === '' ? '' : `<small>${escaped(note)}</small>`;
  return `<figure><figcaption>${escaped(title)}${keys}${small}</figcaption>${chart}</figure>`;
}

function throughput({ timeline, thresholds: { minRatePerSecond }, figures }: HtmlReport): string {
  const { plannedRate, mode } = figures;
  const marks: Mark[] = [];
  if (plannedRate !== null)
    marks.push({ y: plannedRate, says: `planned ${whole(plannedRate)}`, look: 'plan' });
  if (minRatePerSecond !== undefined)
    marks.push({ y: minRatePerSecond, says: `--min-rate ${whole(minRatePerSecond)}`, look: 'limit' });
  const what = `${WHAT[mode]} per second`;
  const title = what.charAt(0).toUpperCase() + what.slice(1);
  const points = timeline.map(({ atMs, ratePerSecond }) => ({
    x: atMs,
    y: ratePerSecond,
    says: `${duration(atMs)}: ${whole(ratePerSecond)} ${what}`,
  }));
  return figure(
    title,
    '',
    'over time',
    lineChart(title, {
      series: [{ name: title, look: 'main', points, filled: true }],
      marks,
      xTicks: timeTicks(timeline),
      format: shortNumber,
    }),
  );
}

function latencyOverTime({ timeline, thresholds: { maxP99Ms } }: HtmlReport): string {
  const says = ({ atMs, p50Ms, p99Ms }: TimelinePoint): string =>
    p50Ms === null || p99Ms === null
      ? `${duration(atMs)}: no answer`
      : `${duration(atMs)}: p50 ${duration(p50Ms)}, p99 ${duration(p99Ms)}`;
  const series = (name: 'p50Ms' | 'p99Ms') =>
    timeline.map((point) => ({ x: point.atMs, y: point[name], says: says(point) }));
  return figure(
    'Latency',
    '<span class="key">p50</span><span class="key second">p99</span>',
    'over time',
    lineChart('Latency over time', {
      series: [
        { name: 'p50', look: 'main', points: series('p50Ms') },
        { name: 'p99', look: 'second', points: series('p99Ms') },
      ],
      marks: limitOf(maxP99Ms),
      xTicks: timeTicks(timeline),
      format: axisDuration,
    }),
  );
}

const limitOf = (maxP99Ms: number | undefined): Mark[] =>
  maxP99Ms === undefined ? [] : [{ y: maxP99Ms, says: `--max-p99-ms ${maxP99Ms}`, look: 'limit' }];

/** The axis is logarithmic in the share that took longer: each step to the right is ten times rarer. */
function percentiles({ latency, thresholds: { maxP99Ms } }: HtmlReport): string {
  const histogram = new LatencyHistogram();
  histogram.add(latency);
  const shares = SHARES.filter((share) => share < 1 - 1 / histogram.count || share <= 0.5);
  const rarity = (share: number): number => -Math.log10(1 - share);
  const fine = shares.flatMap((share, i) => {
    const next = shares[i + 1];
    if (next === undefined) return [share];
    const step = (rarity(next) - rarity(share)) / 6;
    return Array.from({ length: 6 }, (_, k) => 1 - 10 ** -(rarity(share) + k * step));
  });
  const name = (share: number): string => `p${Number((share * 100).toFixed(4))}`;
  const points = fine.map((share) => {
    const ms = histogram.quantileMs(share);
    return { x: rarity(share), y: ms, says: `${name(share)}: ${duration(ms)}` };
  });
  const end = { x: rarity(shares.at(-1)!), y: histogram.maxMs, says: `max: ${duration(histogram.maxMs)}` };
  return figure(
    'Latency',
    '',
    'by percentile; the last point is the maximum',
    lineChart('Latency by percentile', {
      series: [{ name: 'latency', look: 'second', points: [...points, end], filled: true }],
      marks: limitOf(maxP99Ms),
      xTicks: shares
        .filter((share) => share !== 0.25 && share !== 0.75 && share !== 0.95)
        .map((share) => ({ at: rarity(share), says: share === 0 ? 'min' : name(share) })),
      format: axisDuration,
    }),
  );
}

function distribution({ latency, figures }: HtmlReport): string {
  const bars = latencyBars(latency, MOST_BARS);
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  return figure(
    'Latency',
    '',
    `share of ${whole(total)} ${WHAT[figures.mode]}`,
    barChart('Histogram of latencies', {
      bars: bars.map(({ fromMs, toMs, count }) => ({
        value: count / total,
        label: duration(fromMs),
        says: `${duration(fromMs)} to ${duration(toMs)}: ${sharePercent(count / total)}, ${whole(count)}`,
      })),
      format: (share) => `${Number((share * 100).toFixed(1))} %`,
    }),
  );
}

function timeTicks(timeline: readonly TimelinePoint[]): { at: number; says: string }[] {
  const endMs = timeline.at(-1)?.atMs ?? 0;
  const step =
    [
      1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000,
      600_000,
    ].find((ms) => endMs / ms <= 6) ?? 3_600_000;
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, i) => ({
    at: i * step,
    says: i === 0 ? '0' : duration(i * step),
  }));
}

/** A number for an axis: `1.5 M`, `20 k`. */
function shortNumber(value: number): string {
  if (value >= 1_000_000) return `${significant(value / 1_000_000)} M`;
  return value >= 10_000 ? `${significant(value / 1_000)} k` : value.toLocaleString('en-US');
}

const axisDuration = (ms: number): string => (ms === 0 ? '0' : duration(ms));

type Row = readonly [name: string, value: string];
const table = (rows: readonly Row[]): string =>
  `<table>${rows.map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('')}</table>`;

function conditions({ figures, machine, warmUpMs, rampMs, time }: HtmlReport): Row[] {
  const { mode, connections, payload, compress, pipeline, publishes, plannedRate, elapsedMs } = figures;
  const kind = payload.binary ? 'binary' : payload.multibyte ? 'multi-byte text' : 'text';
  return [
    ['Mode', mode],
    ['Connections', whole(connections)],
    ...(mode === 'handshake' || mode === 'idle'
      ? []
      : [['Message', `${size(payload.bytes)} ${kind}${compress ? ', compressed' : ''}`] as const]),
    ...(mode === 'echo' ? [['Under way on each', whole(pipeline)] as const] : []),
    ...(mode === 'fan-out' ? [['Messages in one write', whole(publishes)] as const] : []),
    [
      'Planned rate',
      plannedRate === null ? 'none: answers start the next message' : `${whole(plannedRate)} a second`,
    ],
    ['Measured for', duration(elapsedMs)],
    ['Warm-up', duration(warmUpMs)],
    ...(rampMs === 0 ? [] : [['Opening spread over', duration(rampMs)] as const]),
    ['Load generator', `Hawser ${machine.hawser}, Node ${machine.node}`],
    ['Machine', `${machine.cpu}, ${machine.cores} cores, ${machine.platform}`],
    ['Time', time],
  ];
}

function latencyRows({ latencyMs, openingMs, lastRecipientMs, mode }: LoadFigures): Row[] {
  const rows = (name: string, from: LoadFigures['latencyMs']): Row[] =>
    from === null
      ? []
      : [
          [`${name}, mean`, duration(from.mean)],
          [`${name}, p50`, duration(from.p50)],
          [`${name}, p75`, duration(from.p75)],
          [`${name}, p90`, duration(from.p90)],
          [`${name}, p99`, duration(from.p99)],
          [`${name}, p99.9`, duration(from.p999)],
          [`${name}, max`, duration(from.max)],
        ];
  return [
    ...rows('Latency', latencyMs),
    ...rows('Last recipient', lastRecipientMs),
    ...(mode === 'handshake' ? [] : rows('Opening', openingMs).filter((_, i) => [1, 4, 6].includes(i))),
  ];
}

function outcome({ figures, thresholds }: HtmlReport): string {
  const misses = missed(figures, thresholds);
  if (misses.length > 0) return misses.map((miss) => `<p class="outcome fail">${escaped(miss)}</p>`).join('');
  const { maxP99Ms, minRatePerSecond } = thresholds;
  if (maxP99Ms === undefined && minRatePerSecond === undefined) return '';
  return '<p class="outcome pass">Every threshold is met</p>';
}

/** The report as a web page in one file, without scripts and without external resources. */
export function htmlReport(report: HtmlReport): string {
  const { figures, timeline, machine, time } = report;
  const charts = [
    ...(timeline.length === 0 ? [] : [throughput(report)]),
    ...(timeline.length === 0 || figures.latencyMs === null ? [] : [latencyOverTime(report)]),
    ...(figures.latencyMs === null ? [] : [percentiles(report), distribution(report)]),
  ];
  const rows = latencyRows(figures);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Load on ${escaped(figures.url)}</title><style>${STYLE}</style></head>
<body><header><p class="kind">WebSocket load: ${escaped(figures.mode)}</p><h1>${escaped(figures.url)}</h1>
${outcome(report)}
<p class="about">Hawser ${escaped(machine.hawser)} · ${escaped(time)} · ${escaped(duration(figures.elapsedMs))} · ${whole(figures.messages)} ${WHAT[figures.mode]}</p>
${remarks(figures)
  .map((remark) => `<p class="remark">${escaped(remark)}</p>`)
  .join('')}</header>
${tiles(report)}
<main><div class="charts">${charts.join('\n')}</div>
<div class="tables">${rows.length === 0 ? '' : `<section class="card"><h2>Durations</h2>${table(rows)}</section>`}<section class="card"><h2>Conditions</h2>${table(conditions(report))}</section></div></main>
</body></html>
`;
}
