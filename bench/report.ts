import type { CellResult, Sample, Side } from './runner.ts';
import { median, type PairedRatio, pairedRatio, quantile } from './statistics.ts';

/** What a cell comes to. Ratios above 1 are in favour of Hawser. */
export interface Row {
  readonly name: string;
  readonly messagesPerSecond: Readonly<Record<Side, number>>;
  readonly cpuMicros: Readonly<Record<Side, number>>;
  readonly rateRatio: PairedRatio;
  readonly cpuRatio: PairedRatio;
  /** Of one message there and back, where that was measured. */
  readonly latencyMicros?: Readonly<Record<Side, { readonly p50: number; readonly p99: number }>>;
}

export interface Environment {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly pinned: boolean;
  readonly versions: Readonly<Record<Side, string>>;
  readonly rounds: number;
  readonly windowMs: number;
}

export function rowOf({ cell, samples }: CellResult): Row {
  const of = (side: Side, pick: (sample: Sample) => number): number[] => samples[side].map(pick);
  const rates = { hawser: of('hawser', rateOf), ws: of('ws', rateOf) };
  const cpu = { hawser: of('hawser', cpuOf), ws: of('ws', cpuOf) };
  const latency = (side: Side) => {
    const all = samples[side].flatMap(({ latencyMicros }) => latencyMicros);
    return { p50: quantile(all, 0.5), p99: quantile(all, 0.99) };
  };
  const timed = samples.hawser.every(({ latencyMicros }) => latencyMicros.length > 0);
  return {
    name: cell.name,
    messagesPerSecond: { hawser: median(rates.hawser), ws: median(rates.ws) },
    cpuMicros: { hawser: median(cpu.hawser), ws: median(cpu.ws) },
    rateRatio: pairedRatio(rates.hawser, rates.ws),
    cpuRatio: pairedRatio(cpu.ws, cpu.hawser),
    ...(timed ? { latencyMicros: { hawser: latency('hawser'), ws: latency('ws') } } : {}),
  };
}

const rateOf = ({ messagesPerSecond }: Sample): number => messagesPerSecond;
const cpuOf = ({ cpuMicrosPerMessage }: Sample): number => cpuMicrosPerMessage;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const ratio = ({ median: middle, low, high }: PairedRatio): string =>
  `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
const micros = (value: number): string => (value < 100 ? value.toFixed(2) : whole(value));

/** The cells as a table, the worst first, and which of them are lost. */
export function markdown(rows: readonly Row[], environment: Environment): string {
  const worstFirst = [...rows].sort((a, b) => a.cpuRatio.median - b.cpuRatio.median);
  const lost = worstFirst.filter(({ rateRatio, cpuRatio }) => rateRatio.median < 1 || cpuRatio.median < 1);
  const { versions, date, node, cpu, cores, pinned, rounds, windowMs } = environment;
  const table = [
    [
      'cell',
      'rate ratio',
      'CPU ratio',
      'Hawser msg/s',
      'ws msg/s',
      'Hawser µs CPU/msg',
      'ws µs CPU/msg',
      'Hawser p50/p99 µs',
      'ws p50/p99 µs',
    ],
    ['---', '---:', '---:', '---:', '---:', '---:', '---:', '---:', '---:'],
    ...worstFirst.map((row) => [
      row.name,
      ratio(row.rateRatio),
      ratio(row.cpuRatio),
      whole(row.messagesPerSecond.hawser),
      whole(row.messagesPerSecond.ws),
      micros(row.cpuMicros.hawser),
      micros(row.cpuMicros.ws),
      latencyText(row, 'hawser'),
      latencyText(row, 'ws'),
    ]),
  ];
  return [
    '# Hawser and ws, side by side',
    '',
    `Hawser ${versions.hawser} and ws ${versions.ws} (with bufferutil, without compression), Node ${node}, ${date}.`,
    `${cpu}, ${cores} cores; ${pinned ? 'servers and load on a core each' : 'not pinned to cores'}. Medians of ${rounds} rounds of ${windowMs} ms per side, both sides by turns; in brackets the quartiles of the pairs.`,
    '',
    'Ratios above 1 are in favour of Hawser: its messages per second ÷ those of ws, and the CPU time of the server process per message of ws ÷ that of Hawser. Where the load generator is the slower one, the rate says less than the CPU time. A message of a fan-out counts once per recipient.',
    '',
    ...table.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    lost.length === 0
      ? 'Hawser is ahead in every cell.'
      : `Behind ws, in rate or CPU time: ${lost.map(({ name }) => name).join('; ')}.`,
    '',
  ].join('\n');
}

function latencyText({ latencyMicros }: Row, side: Side): string {
  if (latencyMicros === undefined) return '';
  const { p50, p99 } = latencyMicros[side];
  return `${whole(p50)} / ${whole(p99)}`;
}
