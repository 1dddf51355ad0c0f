import { duration, percent, significant, size, whole } from '../src/load/index.ts';
import {
  type CellRecord,
  type Environment,
  type MemoryRecord,
  type Ratio,
  everythingOf,
  oursIn,
  type Results,
  type Series,
  worstFirst,
} from './results.ts';
import { median } from './statistics.ts';
import { verdictsOf } from './verdicts.ts';

/** Titles of sides, in the order of the columns. */
const TITLES: Readonly<Record<string, string>> = {
  hawser: 'Hawser',
  'hawser-stream': 'Hawser, streams',
  'hawser-bytes': 'Hawser, text as bytes',
  'hawser-everything': 'everything on',
  'hawser-ws': 'hawser/ws',
  ws: 'ws',
  'ws-bufferutil': 'ws + bufferutil',
  'ws-text': 'the same, text as a string',
  net: 'bare net',
  bun: 'Bun',
};
/** Above this share of its core, the generator may limit the rate. */
const LIMIT_SHARE = 0.9;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`);

const ratioText = ({ median: middle, low, high }: Ratio): string =>
  `${middle < 1 ? `**${middle.toFixed(2)}**` : middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;

/** Share of a core that the server or the generator used. */
const coreShare = (series: Series, micros: 'cpuMicros' | 'generatorMicros'): number =>
  median(series.ratePerSecond.map((rate, i) => (rate * series[micros][i]!) / 1e6));

/** Median of the rounds, marked if the generator was at its limit. */
function rateText(series: Series | undefined): string {
  if (series === undefined) return '–';
  const limited = coreShare(series, 'generatorMicros') > LIMIT_SHARE;
  return `${whole(median(series.ratePerSecond))}${limited ? ' †' : ''}`;
}

const cpuText = (series: Series | undefined): string =>
  series === undefined ? '–' : significant(median(series.cpuMicros));

const latencyText = (series: Series | undefined): string =>
  series === undefined ? '–' : `${duration(median(series.p50Ms))} / ${duration(median(series.p99Ms))}`;

/** CPU use of Hawser and of the generator. */
const busyText = (series: Series | undefined): string =>
  series === undefined
    ? '–'
    : `${percent(coreShare(series, 'cpuMicros'))} / ${percent(coreShare(series, 'generatorMicros'))}`;

/** Sides on which a cell of the group was measured, in the order of the columns. */
const sidesIn = (records: readonly CellRecord[]): string[] =>
  Object.keys(TITLES).filter((id) => records.some(({ sides }) => sides[id] !== undefined));

/** A group of cells compared with `ws`, worst first. */
function groupTable(records: readonly CellRecord[]): string[] {
  const sides = sidesIn(records);
  const ours = oursIn(records[0]!);
  const isFanOut = records.some(({ sides: own }) => (own[ours]?.lastRecipientMs ?? []).some((ms) => ms > 0));
  const title = (id: string): string => TITLES[id]!;
  const our = title(ours);
  const head = [
    'cell',
    'rate ×',
    'CPU ×',
    ...sides.map((id) => `${title(id)}, per s`),
    ...sides.map((id) => `${title(id)}, µs CPU`),
    `busy: ${our} / generator`,
    `${our} p50 / p99`,
    'ws p50 / p99',
    ...(isFanOut ? [`last recipient, ${our}`, 'ws'] : []),
  ];
  const last = (series: Series | undefined): string =>
    series === undefined ? '–' : duration(median(series.lastRecipientMs));
  return table(
    head,
    worstFirst(records).map(([{ name, sides: own }, { rate, cpu, rival }]) => [
      name,
      ratioText(rate),
      ratioText(cpu),
      ...sides.map((id) => rateText(own[id])),
      ...sides.map((id) => cpuText(own[id])),
      busyText(own[ours]),
      latencyText(own[ours]),
      latencyText(own[rival]),
      ...(isFanOut ? [last(own[ours]), last(own[rival])] : []),
    ]),
  );
}

/** Hawser with everything switched on, compared with defaults. */
function everythingTable(records: readonly CellRecord[]): string[] {
  return [
    'Hawser with everything switched on ÷ Hawser with defaults (PF-14). Features that are off must not cost this.',
    '',
    ...table(
      [
        'cell',
        'rate ×',
        'CPU ×',
        'as it is, per s',
        'everything on, per s',
        'as it is, µs CPU',
        'everything on, µs CPU',
      ],
      records.flatMap((record) => {
        const both = everythingOf(record);
        if (both === undefined) return [];
        const { name, sides } = record;
        const [plain, all] = [sides['hawser'], sides['hawser-everything']];
        return [
          [
            name,
            ratioText(both.rate),
            ratioText(both.cpu),
            rateText(plain),
            rateText(all),
            cpuText(plain),
            cpuText(all),
          ],
        ];
      }),
    ),
  ];
}

function memoryTable({ connections, idleMs, sides }: MemoryRecord): string[] {
  const rows = Object.entries(sides).map(([id, samples]) => {
    const of = (pick: (sample: (typeof samples)[number]) => number): string =>
      size(median(samples.map(pick)));
    return [
      TITLES[id] ?? id,
      of(({ untouched }) => untouched.heapAndExternal),
      of(({ untouched }) => untouched.rss),
      of(({ afterTraffic }) => afterTraffic.heapAndExternal),
      of(({ afterTraffic }) => afterTraffic.rss),
    ];
  });
  return [
    `Per connection, of ${whole(connections)}: untouched, and idle for ${duration(idleMs)} after traffic. Heap and buffers were read after a garbage collection; RSS is that of the operating system.`,
    '',
    ...table(['', 'heap + buffers', 'RSS', 'heap + buffers after traffic', 'RSS after traffic'], rows),
  ];
}

function about({
  date,
  quick,
  node,
  cpu,
  cores,
  platform,
  pinned,
  versions,
  rounds,
  windowMs,
  warmUpMs,
  tookSeconds,
}: Environment): string[] {
  const others = [
    ...new Set([
      `ws ${versions['ws']}`,
      ...(versions['bun'] === undefined ? [] : [`Bun ${versions['bun']}`]),
    ]),
  ];
  return [
    ...(quick
      ? [
          '**A quick look, not a result:** few and short rounds, perhaps on a busy machine. Run `npm run bench` for results.',
          '',
        ]
      : []),
    `${date}: Hawser ${versions['hawser']}, ${others.join(', ')}, Node ${node}, ${cpu}, ${cores} cores, ${platform}; ` +
      `${pinned ? 'servers on one core, load on another' : 'not pinned to cores'}. ${rounds} rounds of ${windowMs} ms after ${warmUpMs} ms of warm-up; ${duration(tookSeconds * 1_000)} in all.`,
  ];
}

const LEGEND = [
  'A ratio above 1 is in favour of Hawser. Rate ×: messages per second of Hawser ÷ those of `ws`. CPU ×: CPU time per message of',
  '`ws` ÷ that of Hawser. Each cell uses the better form of `ws`, with or without `bufferutil`. Figures are medians of the rounds;',
  'in brackets are the quartiles of the pairs. † marks a rate at which the load generator used more than',
  `${percent(LIMIT_SHARE)} of its core: the generator may limit it, so rely on CPU time. Each delivery of a fan-out counts as one message.`,
];

/** The results part of README.md. */
export function markdown(results: Results, plot: string): string {
  const { cells, memory, environment } = results;
  const groups = [...new Set(cells.map(({ group }) => group))];
  const failures = cells.flatMap(({ group, name, failures: own }) =>
    Object.entries(own).map(([id, why]) => `- ${group}: ${name}, ${TITLES[id] ?? id}: ${why.join('; ')}`),
  );
  return [
    ...about(environment),
    '',
    ...table(
      ['', 'demand', 'seen', ''],
      verdictsOf(results).map(({ requirement, demand, seen, met }) => [
        requirement,
        demand,
        seen,
        met ? 'met' : '**missed**',
      ]),
    ),
    '',
    `![Hawser against ws, every cell](${plot})`,
    '',
    ...LEGEND,
    ...groups.flatMap((group) => {
      const own = cells.filter((record) => record.group === group);
      const isVariant = own.some(({ requirement }) => requirement === 'PF-14');
      return ['', `### ${group}`, '', ...(isVariant ? everythingTable(own) : groupTable(own))];
    }),
    ...(memory === null ? [] : ['', '### Memory of idle connections', '', ...memoryTable(memory)]),
    ...(failures.length === 0 ? [] : ['', '### Not measured', '', ...failures]),
  ].join('\n');
}
