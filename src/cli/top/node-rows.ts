import type { AdminNode, AdminSnapshot, AdminWorker } from '../../observe/index.ts';
import { duration, percent, whole } from '../../load/index.ts';
import { printable } from '../../protocol/index.ts';
import { fitted } from '../text-width.ts';
import type { Look, Paper, Row } from './row.ts';
import { age, compact, compactBytes } from './words.ts';

/** One column: its title, its width, a cell of a server, and the cell of the sum. */
interface Column {
  readonly title: string;
  readonly width: number;
  readonly of: (node: AdminNode) => string;
  readonly sum: (cluster: Cluster) => string;
}
type Cluster = AdminSnapshot['cluster'] & { readonly nodes: readonly AdminNode[] };
type Numbers = 'connections' | 'receivedPerSecond' | 'sentPerSecond' | 'bytesBuffered';

const number = (title: string, width: number, name: Numbers, show: (value: number) => string): Column => ({
  title,
  width,
  of: ({ load }) => (load === null ? '-' : show(load[name])),
  sum: ({ totals }) => (totals === null ? '' : show(totals[name])),
});
const missing = ({ totals }: Cluster): number => (totals === null ? 0 : totals.nodes - totals.answered);
const stateColumn = (width: number): Column => ({
  title: 'STATE',
  width,
  of: stateOf,
  sum: (cluster) => (missing(cluster) > 0 ? `${whole(missing(cluster))} missing` : ''),
});
const TRAFFIC: readonly Column[] = [
  number('IN/S', 6, 'receivedPerSecond', compact),
  number('OUT/S', 6, 'sentPerSecond', compact),
  number('QUEUED', 8, 'bytesBuffered', compactBytes),
];
const upColumn = (width: number): Column => ({
  title: 'UP',
  width,
  of: ({ load }) => (load === null ? '-' : age(load.uptimeMs, '')),
  sum: () => '',
});

/** Columns after the first one, which gets the rest of the screen. */
const OF_SERVERS: readonly Column[] = [
  stateColumn(14),
  number('CONN', 7, 'connections', compact),
  ...TRAFFIC,
  upColumn(6),
];
const shownOr = (value: number | null | undefined, show: (value: number) => string): string =>
  typeof value === 'number' ? show(value) : '-';
/** Servers of earlier versions send no member `worker`. */
const isWorker = (worker: AdminNode['worker'] | undefined): worker is AdminWorker =>
  worker !== null && worker !== undefined;

/** Workers of one machine: what the primary knows of each, and what their event loops do. */
const OF_WORKERS: readonly Column[] = [
  stateColumn(10),
  number('CONN', 5, 'connections', compact),
  ...TRAFFIC,
  {
    title: 'LOOP',
    width: 5,
    of: ({ worker }) => shownOr(worker?.loopUtilization, percent),
    sum: () => '',
  },
  {
    title: 'DELAY',
    width: 7,
    of: ({ worker }) => shownOr(worker?.loopDelayMs?.p99, duration),
    sum: () => '',
  },
  {
    title: 'RST',
    width: 4,
    of: ({ worker }) => shownOr(worker?.restarts, whole),
    sum: ({ nodes }) => whole(nodes.reduce((sum, { worker }) => sum + (worker?.restarts ?? 0), 0)),
  },
  upColumn(4),
];

/** Name, machine and process; of a worker, its number. */
function whoOf({ id, name, host, pid, worker }: AdminNode): string {
  if (isWorker(worker)) return `${worker.number}${pid === 0 ? '' : `  pid ${pid}`}`;
  const where = host === '' ? '' : ` ${printable(host)} pid ${pid}`;
  return `${printable(name ?? id.slice(0, 8))}${where}`;
}

function stateOf({ load, worker }: AdminNode): string {
  if (isWorker(worker) && worker.state !== 'up') return printable(worker.state);
  if (load === null) return 'no answer';
  return load.ready ? 'ready' : load.reasons.map(printable).join(', ') || 'not ready';
}

const lookOf = ({ load }: AdminNode): Look => (load === null ? 'bad' : load.ready ? 'plain' : 'warn');

/**
 * The servers of the cluster, or the workers of the process: a heading, a row for each, and their sum. No rows for a server on its own.
 * @param count Most rows; further servers are counted in the last but one.
 */
export function nodeRows({ cluster }: AdminSnapshot, count: number, paper: Paper): Row[] {
  const { nodeId, state, nodes, totals } = cluster;
  if (state === 'alone' || nodes === null || totals === null || count < 3) return [];
  const { unicode } = paper;
  const areWorkers = nodes.some(({ worker }) => isWorker(worker));
  const columns = areWorkers ? OF_WORKERS : OF_SERVERS;
  const others = columns.reduce((sum, { width }) => sum + 1 + width, 0);
  const firstWidth = Math.max(12, paper.columns - 1 - others);
  const line = (first: string, cell: (column: Column) => string): string =>
    [
      fitted(first, firstWidth, unicode),
      ...columns.map((column, at) =>
        fitted(cell(column), column.width, unicode, at === 0 ? 'left' : 'right'),
      ),
    ].join(' ');
  const fits = nodes.length + 2 <= count ? nodes.length : count - 3;
  const rows = nodes.slice(0, fits).map((node): Row => {
    const mark = node.id === nodeId ? '*' : ' ';
    return [[`${mark}${line(whoOf(node), ({ of }) => of(node))}`, lookOf(node)]];
  });
  const left = totals.nodes - fits;
  const more: Row[] = left > 0 ? [[[` and ${whole(left)} more`, 'faint']]] : [];
  const summed = { ...cluster, nodes };
  const sumTitle = state === 'down' ? 'engine down' : `total of ${whole(totals.answered)}`;
  return [
    [[` ${line(areWorkers ? 'WORKER' : 'SERVER', ({ title }) => title)}`, 'strong']],
    ...rows,
    ...more,
    [
      [
        ` ${line(sumTitle, ({ sum }) => sum(summed))}`,
        missing(summed) > 0 || state === 'down' ? 'warn' : 'strong',
      ],
    ],
  ];
}
