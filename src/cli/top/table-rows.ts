import type { AdminConnection, AdminEvent, AdminSnapshot, AdminSort } from '../../observe/index.ts';
import { duration } from '../../load/index.ts';
import { printable } from '../../protocol/index.ts';
import { fitted } from '../text-width.ts';
import type { Look, Paper, Row } from './row.ts';
import { age, compact, compactBytes } from './words.ts';

interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  /** The sort that orders by this column. */
  readonly sort?: AdminSort;
  readonly text: (connection: AdminConnection) => string;
}

/** Marks in front of a row. */
const MARK_COLUMNS = 1;
const GAP = 1;
const SHORT_ID = 8;
/** Where ids fit as a whole. */
const WIDE_SCREEN = 132;
const LONG_ID = 36;

function addressOf({ remoteAddress, remotePort }: AdminConnection): string {
  if (remoteAddress === '') return 'local';
  const host = remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress;
  return remotePort === 0 ? remoteAddress : `${host}:${remotePort}`;
}

const NUMBERS: readonly Column[] = [
  { title: 'AGE', width: 5, align: 'right', sort: 'age', text: ({ ageMs }) => age(ageMs, '') },
  { title: 'STATE', width: 7, align: 'left', text: ({ state }) => state },
  { title: 'IN/S', width: 5, align: 'right', sort: 'in', text: (one) => compact(one.receivedPerSecond) },
  { title: 'OUT/S', width: 6, align: 'right', sort: 'out', text: (one) => compact(one.sentPerSecond) },
  {
    title: 'BUFFER',
    width: 7,
    align: 'right',
    sort: 'buffered',
    text: (one) => compactBytes(one.bufferedBytes),
  },
  {
    title: 'RTT',
    width: 6,
    align: 'right',
    sort: 'rtt',
    text: ({ rttMs }) => (rttMs === null ? '-' : duration(rttMs).replace(' ', '')),
  },
  { title: 'TOP', width: 4, align: 'right', sort: 'topics', text: ({ topics }) => compact(topics) },
  { title: 'DROP', width: 5, align: 'right', sort: 'dropped', text: (one) => compact(one.droppedMessages) },
];

/** Ids get all of their characters where there is room, and addresses the rest. */
function columnsFor({ columns }: Paper): readonly Column[] {
  const idWidth = columns >= WIDE_SCREEN ? LONG_ID : SHORT_ID;
  const fixed = MARK_COLUMNS + idWidth + GAP + NUMBERS.reduce((sum, { width }) => sum + GAP + width, 0);
  return [
    { title: 'ID', width: idWidth, align: 'left', text: ({ id }) => printable(id).slice(0, idWidth) },
    {
      title: 'ADDRESS',
      width: Math.min(47, Math.max(8, columns - fixed)),
      align: 'left',
      text: (connection) => printable(addressOf(connection)),
    },
    ...NUMBERS,
  ];
}

/** The heading, and one row for each connection. @param chosen Id of the connection that keys act on. */
export function tableRows(
  { connections: { rows, view }, server }: AdminSnapshot,
  chosen: string | undefined,
  count: number,
  paper: Paper,
): Row[] {
  const { unicode } = paper;
  const columns = columnsFor(paper);
  const line = (text: (column: Column) => string): string =>
    columns.map((column) => fitted(text(column), column.width, unicode, column.align)).join(' ');
  const arrow = unicode ? '▾' : 'v';
  const titles = line(({ title, sort }) => (sort === view.sort ? `${title}${arrow}` : title));
  const isSlow = ({ bufferedBytes }: AdminConnection): boolean => bufferedBytes > server.highWaterMarkBytes;
  const shown = rows.slice(0, Math.max(0, count - 1)).map((connection): Row => {
    const isChosen = connection.id === chosen;
    const look: Look = isChosen ? 'chosen' : isSlow(connection) ? 'warn' : 'plain';
    const mark = isChosen ? '>' : isSlow(connection) ? '!' : ' ';
    return [[mark + line((column) => column.text(connection)), look]];
  });
  const empty: Row[] =
    shown.length === 0 && count > 1
      ? [[[view.filter === '' ? ' no connections' : ' no connection fits the filter', 'faint']]]
      : [];
  const heading: Row = [[` ${titles}`, 'strong']];
  return [heading, ...shown, ...empty].slice(0, count);
}

const SEVERITY: Readonly<Record<AdminEvent['severity'], Look>> = {
  info: 'plain',
  warn: 'warn',
  error: 'bad',
};

/** The newest events, the newest last. */
export function eventRows({ events }: AdminSnapshot, count: number): Row[] {
  const rows = events.slice(-count).map(({ atMs, kind, severity, text, remoteAddress }): Row => {
    const time = new Date(atMs).toISOString().slice(11, 19);
    const from = remoteAddress === null || remoteAddress === '' ? '' : `  ${printable(remoteAddress)}`;
    return [
      [`${time} `, 'faint'],
      [`${printable(kind)}  `, SEVERITY[severity]],
      [printable(text), 'plain'],
      [from, 'faint'],
    ];
  });
  return rows.length === 0 && count > 0 ? [[['no events', 'faint']]] : rows;
}
