import { LOAD_LEVELS } from '../load-control/level.ts';
import type { ServerStats } from '../../server/stats.ts';

/** Of several servers, as if they were one. Numbers are sums, also `peak`, which is then the highest value that is possible. */
export function summedStats(all: readonly ServerStats[]): ServerStats | undefined {
  if (all.length === 0) return undefined;
  const uptimeMs = Math.max(...all.map((stats) => stats.uptimeMs));
  const counts = all.map(({ load: _load, ...others }) => others);
  const loads = all.flatMap(({ load }) => load ?? []);
  // A ratio has no sum: the load is that of the busiest server.
  const worst = LOAD_LEVELS.findLast((level) => loads.some((load) => load.level === level));
  const load = loads.find(({ level }) => level === worst);
  return { ...(summed(counts) as ServerStats), uptimeMs, ...(load === undefined ? {} : { load }) };
}

function summed(values: readonly unknown[], name = ''): unknown {
  const [first] = values;
  // The bound of a bucket of a histogram.
  if (name === 'upTo') return first;
  if (typeof first === 'number') return values.reduce<number>((sum, value) => sum + Number(value), 0);
  if (typeof first !== 'object' || first === null) return first;
  if (Array.isArray(first))
    return first.map((_, at) => summed(values.map((value) => (value as unknown[])[at])));
  const names = new Set(values.flatMap((value) => Object.keys(value as object)));
  return Object.fromEntries(
    [...names].map((each) => {
      const given = values.map((value) => (value as Record<string, unknown>)[each]);
      return [
        each,
        summed(
          given.filter((value) => value !== undefined),
          each,
        ),
      ];
    }),
  );
}

/** What stays when a server ends: its counters, so that sums never fall. */
export const countersOf = ({ load: _load, ...stats }: ServerStats): ServerStats => ({
  ...stats,
  connections: { ...stats.connections, now: 0, peak: 0, open: 0, closing: 0 },
  handshakes: { ...stats.handshakes, pending: 0 },
  refusedAddresses: { ...stats.refusedAddresses, now: 0 },
  bytes: { ...stats.bytes, buffered: 0 },
  heartbeat: { ...stats.heartbeat, suspects: 0 },
  slowConnections: 0,
  topics: { count: 0, subscriptions: 0 },
});
