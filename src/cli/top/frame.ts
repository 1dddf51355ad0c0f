import type { AdminSnapshot } from '../../observe/index.ts';
import { nodeRows } from './node-rows.ts';
import type { Rates } from './rates.ts';
import { drawn, type Paper, type Part, type Row } from './row.ts';
import { countRows, gaugeRows, latencyRow, rateRows, titleRow } from './summary-rows.ts';
import { eventRows, tableRows } from './table-rows.ts';

/** What is shown besides the snapshot. */
export interface Shown {
  readonly snapshot: AdminSnapshot;
  readonly rates: Rates;
  /** Id of the connection that keys act on. */
  readonly chosen?: string | undefined;
  /** Part of the title: that the picture is paused, or the connection lost. */
  readonly state: Part;
  /** The last row: keys, a question, or what went wrong. */
  readonly footer: Row;
}

const MIN_EVENTS = 3;
/** Rows of the servers of a cluster, and of the connections, where there is room for more than both. */
const MIN_NODES = 5;
const MIN_TABLE = 3;
/** Events in a report; `--json` has all. */
const REPORT_EVENTS = 20;

/** The screen as exactly `rows` lines, none of them wider than the terminal. Too small a terminal loses the lower parts. */
export function frame({ snapshot, rates, chosen, state, footer }: Shown, paper: Paper): string[] {
  const upper = [
    titleRow(snapshot, state, paper),
    ...gaugeRows(snapshot, paper),
    ...rateRows(rates, paper),
    latencyRow(snapshot, paper),
  ];
  const counts = countRows(snapshot);
  const free = Math.max(0, paper.rows - upper.length - counts.length - 1);
  const events = Math.min(free, Math.max(MIN_EVENTS, Math.floor(free / 3)));
  const most = Math.max(MIN_NODES, Math.floor((free - events) / 2));
  const nodes = nodeRows(snapshot, Math.min(most, free - events - MIN_TABLE), paper);
  const left = free - events - nodes.length;
  const table = tableRows(snapshot, chosen, left, paper);
  const blanks: Row[] = Array.from({ length: Math.max(0, left - table.length) }, () => []);
  const log = eventRows(snapshot, events);
  const body = [...upper, ...nodes, ...table, ...blanks, ...counts, ...log].slice(
    0,
    Math.max(0, paper.rows - 1),
  );
  const all = [...body, ...Array.from({ length: paper.rows - 1 - body.length }, (): Row => []), footer];
  return all.map((row) => drawn(row, paper));
}

/** Everything of a snapshot as lines of text, for `--once`: as many as there is to show. */
export function report(snapshot: AdminSnapshot, rates: Rates, paper: Paper): string[] {
  const nodes = nodeRows(snapshot, Infinity, paper);
  return [
    titleRow(snapshot, ['', 'plain'], paper),
    ...gaugeRows(snapshot, paper),
    ...rateRows(rates, paper),
    latencyRow(snapshot, paper),
    [],
    ...nodes,
    ...(nodes.length > 0 ? [[]] : []),
    ...tableRows(snapshot, undefined, snapshot.connections.rows.length + 2, paper),
    [],
    ...countRows(snapshot),
    [],
    ...eventRows(snapshot, REPORT_EVENTS),
  ].map((row) => drawn(row, paper).trimEnd());
}
