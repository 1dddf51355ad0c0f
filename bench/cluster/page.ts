import { quantile } from '../statistics.ts';
import type { Pairs } from './engine-cells.ts';
import type { FanOutRow } from './fan-out.ts';
import type { IdleCell } from './idle.ts';
import type { RelayedCell } from './relayed.ts';
import type { StormCell } from './storm.ts';

/** A file of results. */
export interface ClusterResults {
  readonly date: string;
  readonly node: string;
  readonly redis: string;
  readonly cores: number;
  /** Load average of the machine, before and after: above the number of cores, other work ran. */
  readonly load: readonly [number, number];
  readonly packages: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly fanOut: readonly FanOutRow[];
  readonly engine: readonly Pairs[];
  readonly storm: StormCell;
  readonly relayed: RelayedCell;
  readonly idle: IdleCell;
}

const BEGIN = '<!-- results: written by node build/bench/cluster/main.js -->';
const END = '<!-- end of results -->';

/** @throws Error if the page has no markers. */
export function pageWith(page: string, results: ClusterResults, source: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} … ${END}`);
  const head = page.slice(0, begin + BEGIN.length);
  return `${head}\n\nMade from [${source}](${source}).\n\n${tables(results)}\n\n${page.slice(end)}`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

const median = (values: readonly number[]): number => quantile(values, 0.5);
const micros = (values: readonly number[]): string => median(values).toFixed(1);
/** Median of the ratios, and the quartiles. */
const ratio = (values: readonly number[]): string =>
  `${median(values).toFixed(2)} (${quantile(values, 0.25).toFixed(2)}–${quantile(values, 0.75).toFixed(2)})`;

function tables(results: ClusterResults): string {
  const { date, node, redis, cores, load, packages, rounds } = results;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const busy = load.map((value) => value.toFixed(1)).join(' before, ');
  return [
    `${date}: Node ${node}, Redis ${redis}, ${cores} cores, ${versions.join(', ')}. ${rounds} rounds. Load average of the machine: ` +
      `${busy} after.${Math.max(...load) > cores ? ' **Other work ran on the machine:** read the ratios only.' : ''}`,
    fanOutTable(results.fanOut),
    engineTable(results.engine),
    relayedText(results.relayed),
    stormText(results.storm),
    idleTable(results.idle),
  ].join('\n\n');
}

function fanOutTable(rows: readonly FanOutRow[]): string {
  const base = 'Hawser, two nodes, history';
  const ofBase = (bytes: number): FanOutRow => rows.find((row) => row.side === base && row.bytes === bytes)!;
  return `### Two nodes

CPU time per message in µs; the ratio is that of all processes together, to two nodes of Hawser with history.

${table(
  ['', 'bytes', 'sender', 'receiver', 'Redis', 'all', 'ratio (quartiles)'],
  rows.map(({ side, bytes, samples }) => {
    const ratios = samples.map(({ all }, round) => all / ofBase(bytes).samples[round]!.all);
    return [
      side,
      String(bytes),
      ...(['sender', 'receiver', 'redis', 'all'] as const).map((part) =>
        micros(samples.map((sample) => sample[part])),
      ),
      side === base ? '1' : ratio(ratios),
    ];
  }),
)}`;
}

function engineTable(cells: readonly Pairs[]): string {
  return `### Redis

CPU time of Redis in µs, for each message or read.

${table(
  ['', 'first', 'second', 'µs', 'ratio (quartiles)', 'target'],
  cells.map(({ title, sides, micros: pairs, target }) => [
    title,
    ...sides,
    ([0, 1] as const).map((side) => micros(pairs.map((pair) => pair[side]))).join(' / '),
    ratio(pairs.map(([first, second]) => first / second)),
    target === undefined ? '' : `≤ ${target}`,
  ]),
)}`;
}

const ms = (value: number): string => value.toFixed(2);

function relayedText({ perSecond, reachedPerSecond, relayedMs, pingMs }: RelayedCell): string {
  return `### The result of a publish

${table(
  [`asked ${perSecond}/s, reached ${Math.round(reachedPerSecond)}/s`, 'p50 ms', 'p99 ms'],
  [
    ['`relayed`', ms(relayedMs.p50), ms(relayedMs.p99)],
    ['PING, from the same process meanwhile', ms(pingMs.p50), ms(pingMs.p99)],
    ['round trips', ms(relayedMs.p50 / pingMs.p50), ms(relayedMs.p99 / pingMs.p99)],
  ],
)}

Target: p99 of \`relayed\` is at most 3 round trips.`;
}

function stormText({ clients, recovered, messages, reads }: StormCell): string {
  return `### Reconnect storm

${clients} clients resumed one topic at a node that had not seen it: ${recovered} recovered, ${messages} messages, **${reads} ${reads === 1 ? 'read' : 'reads'}** of Redis. Target: 1.`;
}

function idleTable({ micros: samples }: IdleCell): string {
  const of = (at: 0 | 1 | 2): readonly number[] => samples.map((sample) => sample[at]);
  const to = (at: 1 | 2): string => ratio(samples.map((sample) => sample[at] / sample[0]));
  return `### \`cluster\` without a topic in use

CPU time of the server per echo of 128 bytes. Target: the same as without \`cluster\`; the second row shows how much two processes differ.

${table(
  ['', 'µs', 'ratio (quartiles)'],
  [
    ['without `cluster`', micros(of(0)), '1'],
    ['without `cluster`, another process', micros(of(1)), to(1)],
    ['with `cluster`', micros(of(2)), to(2)],
  ],
)}`;
}
