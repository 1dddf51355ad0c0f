import type { AdminNode, AdminSnapshot } from '../../observe/index.ts';
import { whole } from '../../load/index.ts';
import { printable } from '../../protocol/index.ts';
import { fitted } from '../text-width.ts';
import type { Look, Paper, Row } from './row.ts';
import { age, compact, compactBytes } from './words.ts';

type Cells = readonly [
  who: string,
  state: string,
  connections: string,
  received: string,
  sent: string,
  buffered: string,
  up: string,
];

/** Columns after the first one, which gets the rest of the screen. */
const WIDTHS = [14, 7, 6, 6, 8, 6] as const;
const TITLES: Cells = ['SERVER', 'STATE', 'CONN', 'IN/S', 'OUT/S', 'QUEUED', 'UP'];

/** Name, machine and process. */
function whoOf({ id, name, host, pid }: AdminNode): string {
  const where = host === '' ? '' : ` ${printable(host)} pid ${pid}`;
  return `${printable(name ?? id.slice(0, 8))}${where}`;
}

function cellsOf(node: AdminNode): readonly [cells: Cells, look: Look] {
  const { load } = node;
  if (load === null) return [[whoOf(node), 'no answer', '-', '-', '-', '-', '-'], 'bad'];
  const state = load.ready ? 'ready' : load.reasons.map(printable).join(', ') || 'not ready';
  const cells: Cells = [
    whoOf(node),
    state,
    compact(load.connections),
    compact(load.receivedPerSecond),
    compact(load.sentPerSecond),
    compactBytes(load.bytesBuffered),
    age(load.uptimeMs, ''),
  ];
  return [cells, load.ready ? 'plain' : 'warn'];
}

/**
 * The servers of the cluster: a heading, a row for each, and their sum. No rows for a server on its own.
 * @param count Most rows; further servers are counted in the last but one.
 */
export function nodeRows(
  { cluster: { nodeId, state, nodes, totals } }: AdminSnapshot,
  count: number,
  paper: Paper,
): Row[] {
  if (state === 'alone' || nodes === null || totals === null || count < 3) return [];
  const { unicode, columns } = paper;
  const firstWidth = Math.max(12, columns - 1 - WIDTHS.reduce((sum, width) => sum + 1 + width, 0));
  const line = ([who, shown, ...numbers]: Cells): string =>
    [
      fitted(who, firstWidth, unicode),
      fitted(shown, WIDTHS[0], unicode),
      ...numbers.map((text, at) => fitted(text, WIDTHS[at + 1]!, unicode, 'right')),
    ].join(' ');
  const fits = nodes.length + 2 <= count ? nodes.length : count - 3;
  const rows = nodes.slice(0, fits).map((node): Row => {
    const [cells, look] = cellsOf(node);
    return [[`${node.id === nodeId ? '*' : ' '}${line(cells)}`, look]];
  });
  const left = totals.nodes - fits;
  const more: Row[] = left > 0 ? [[[` and ${whole(left)} more`, 'faint']]] : [];
  const silent = totals.nodes - totals.answered;
  const sum: Cells = [
    state === 'down' ? 'engine down' : `total of ${whole(totals.answered)}`,
    silent > 0 ? `${whole(silent)} missing` : '',
    compact(totals.connections),
    compact(totals.receivedPerSecond),
    compact(totals.sentPerSecond),
    compactBytes(totals.bytesBuffered),
    '',
  ];
  return [
    [[` ${line(TITLES)}`, 'strong']],
    ...rows,
    ...more,
    [[` ${line(sum)}`, silent > 0 || state === 'down' ? 'warn' : 'strong']],
  ];
}
