import type { AdminGauge, AdminPercentiles, AdminSnapshot } from '../../observe/index.ts';
import { duration, percent, size, whole } from '../../load/index.ts';
import { printable } from '../../protocol/index.ts';
import { bar, sparkline } from '../bar.ts';
import { fitted } from '../text-width.ts';
import { type Rate, type Rates, resampled } from './rates.ts';
import type { Look, Paper, Part, Row } from './row.ts';
import { compact, largestFirst, uptime } from './words.ts';

/** Shares of a limit from which a value is conspicuous. */
const [WARN, BAD] = [0.8, 0.95];
/** A delay of the event loop that fills its bar. */
const FULL_DELAY_MS = 100;
const LABEL = 12;

const lookOf = (share: number): Look => (share >= BAD ? 'bad' : share >= WARN ? 'warn' : 'accent');

/** Two blocks side by side, separated by two blanks. */
function sideBySide(left: Row, right: Row): Row {
  return [...left, ['  ', 'plain'], ...right];
}
const halfOf = ({ columns }: Paper): number => Math.floor((columns - 2) / 2);

/** A label, a bar, and its value at the right end. */
function barOf(label: string, share: number | undefined, value: string, paper: Paper): Row {
  const { unicode } = paper;
  const width = Math.max(1, halfOf(paper) - LABEL - value.length - 1);
  const full = bar(share ?? 0, width, unicode);
  const empty = (unicode ? '·' : '.').repeat(width - full.length);
  return [
    [fitted(label, LABEL, unicode), 'plain'],
    [full, lookOf(share ?? 0)],
    [empty, 'faint'],
    [` ${value}`, 'plain'],
  ];
}

const ofLimit = ({ now, limit }: AdminGauge, show: (value: number) => string): string =>
  `${show(now)} / ${show(limit)}`;
const shareOf = ({ now, limit }: AdminGauge): number => (limit > 0 ? now / limit : 0);

/** Bars of everything that has a limit. */
export function gaugeRows({ gauges }: AdminSnapshot, paper: Paper): Row[] {
  const { connections, bufferedBytes, heapBytes, rssBytes, loopUtilization, loopDelayMs } = gauges;
  const p99 = loopDelayMs?.p99;
  const gauge = (label: string, value: AdminGauge, show: (value: number) => string): Row =>
    barOf(label, shareOf(value), ofLimit(value, show), paper);
  return [
    sideBySide(
      gauge('Connections', connections, whole),
      barOf(
        'Loop busy',
        loopUtilization ?? undefined,
        loopUtilization === null ? '?' : percent(loopUtilization),
        paper,
      ),
    ),
    sideBySide(
      gauge('Buffered', bufferedBytes, size),
      barOf(
        'Delay p99',
        p99 === undefined ? undefined : p99 / FULL_DELAY_MS,
        p99 === undefined ? '?' : duration(p99),
        paper,
      ),
    ),
    sideBySide(gauge('Heap', heapBytes, size), gauge('Memory', rssBytes, size)),
  ];
}

function sparkOf(label: string, name: Rate, rates: Rates, look: Look, paper: Paper): Row {
  const values = rates.series(name);
  const last = values.at(-1);
  const isBytes = name.startsWith('bytes');
  const value = last === undefined ? '' : `${isBytes ? size(last) : compact(last)}/s`;
  const width = Math.max(1, Math.min(60, halfOf(paper) - LABEL - 12));
  const line = sparkline(resampled(values, width), width, paper.unicode);
  return [
    [fitted(label, LABEL, paper.unicode), 'plain'],
    [fitted(line, width, paper.unicode, 'right'), look],
    [fitted(value, halfOf(paper) - LABEL - width, paper.unicode, 'right'), 'plain'],
  ];
}

/** Sparklines of the last minute. */
export function rateRows(rates: Rates, paper: Paper): Row[] {
  const refusedNow = (rates.series('refused').at(-1) ?? 0) > 0;
  return [
    sideBySide(
      sparkOf('Messages in', 'messages in', rates, 'accent', paper),
      sparkOf('Messages out', 'messages out', rates, 'accent', paper),
    ),
    sideBySide(
      sparkOf('Bytes in', 'bytes in', rates, 'accent', paper),
      sparkOf('Bytes out', 'bytes out', rates, 'accent', paper),
    ),
    sideBySide(
      sparkOf('Accepted', 'accepted', rates, 'good', paper),
      sparkOf('Refused', 'refused', rates, refusedNow ? 'bad' : 'faint', paper),
    ),
  ];
}

const percentiles = (found: AdminPercentiles | null): string =>
  found === null ? 'no sample' : `p50 ${duration(found.p50Ms)}  p99 ${duration(found.p99Ms)}`;

/** Time in handlers, and of pings. */
export function latencyRow({ latency: { handler, rtt }, stats }: AdminSnapshot, paper: Paper): Row {
  const half = halfOf(paper);
  const block = (label: string, value: string): Part[] => [
    [fitted(label, LABEL, paper.unicode), 'plain'],
    [fitted(value, half - LABEL, paper.unicode), 'plain'],
  ];
  const slow = stats.slowConnections;
  const more: Part = slow > 0 ? [`${whole(slow)} slow`, 'warn'] : ['', 'plain'];
  const right = block('Ping', percentiles(rtt));
  return sideBySide(
    block('Handler', percentiles(handler)),
    slow > 0 ? [right[0]!, [percentiles(rtt), 'plain'], ['  ', 'plain'], more] : right,
  );
}

/** Who the server is, and whether it takes clients. */
export function titleRow({ server, stats, readiness }: AdminSnapshot, state: Part, paper: Paper): Row {
  const { name, host, pid, version, nodeVersion } = server;
  const ready: Part = readiness.ready
    ? [' READY ', 'good']
    : [` NOT READY: ${readiness.reasons.map(printable).join(', ')} `, 'bad'];
  const level = stats.load?.level ?? 'normal';
  const load: Part =
    level === 'normal'
      ? ['', 'plain']
      : [` LOAD ${level.toUpperCase()} `, level === 'critical' ? 'bad' : 'warn'];
  const who = name === null ? printable(host) : `${printable(name)} on ${printable(host)}`;
  const separator = paper.unicode ? '·' : '-';
  return [
    [` ${who}, pid ${pid} `, 'title'],
    ready,
    load,
    state,
    [
      ` up ${uptime(stats.uptimeMs)} ${separator} Hawser ${printable(version)} ${separator} Node ${printable(nodeVersion)}`,
      'faint',
    ],
  ];
}

/** Counts of the last minute and of all time, in one row. */
function countsRow(
  label: string,
  lastMinute: Readonly<Record<string, number>>,
  total: Readonly<Record<string, number>>,
): Row {
  const names = new Set([...largestFirst(lastMinute), ...largestFirst(total)].map(([name]) => name));
  const parts = [...names].flatMap((name): Part[] => {
    const recent = lastMinute[name] ?? 0;
    return [
      [`  ${printable(name)} `, 'plain'],
      [`${whole(recent)}/${whole(total[name] ?? recent)}`, recent > 0 ? 'strong' : 'faint'],
    ];
  });
  return [[label, 'plain'], ...(parts.length === 0 ? ([['  none', 'faint']] as const) : parts)];
}

/** Ends by cause, refusals by code, and the largest topics. */
export function countRows({ lastMinute, stats, topics }: AdminSnapshot): Row[] {
  const largest = topics.flatMap(({ name, subscribers }): Part[] => [
    [`  ${printable(name)} `, 'plain'],
    [whole(subscribers), 'strong'],
  ]);
  return [
    countsRow('Closes, last minute/all:', lastMinute.closesByCause, stats.closes.byCause),
    countsRow('Refusals, last minute/all:', lastMinute.refusedByCode, stats.handshakes.refusedByCode),
    [
      [`Topics, ${whole(stats.topics.count)}:`, 'plain'],
      ...(largest.length === 0 ? ([['  none', 'faint']] as const) : largest),
    ],
  ];
}
