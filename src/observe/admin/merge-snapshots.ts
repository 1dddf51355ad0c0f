import type {
  AdminConnection,
  AdminGauge,
  AdminGauges,
  AdminSnapshot,
  AdminSort,
  AdminTable,
  AdminTopic,
  AdminView,
} from './snapshot.ts';

const MAX_TOPICS = 20;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const most = (values: readonly number[]): number => Math.max(0, ...values);
const present = <Value>(values: readonly (Value | null)[]): Value[] =>
  values.filter((value) => value !== null);

const added = (gauges: readonly AdminGauge[]): AdminGauge => ({
  now: sum(gauges.map(({ now }) => now)),
  limit: sum(gauges.map(({ limit }) => limit)),
});

/**
 * Of processes on one machine: values and limits are sums, except the limit of the memory, which they share. The load of the event loop
 * is the mean; its delay is that of the process with the largest one.
 */
export function mergedGauges(servers: readonly Pick<AdminSnapshot, 'gauges' | 'server'>[]): AdminGauges {
  const all = servers.map(({ gauges }) => gauges);
  // Threads share the memory of their process.
  const processes = new Map(servers.map(({ server, gauges }) => [server.pid, gauges.rssBytes]));
  const loads = present(all.map(({ loopUtilization }) => loopUtilization));
  const delays = present(all.map(({ loopDelayMs }) => loopDelayMs));
  return {
    connections: added(all.map(({ connections }) => connections)),
    bufferedBytes: added(all.map(({ bufferedBytes }) => bufferedBytes)),
    heapBytes: added(all.map(({ heapBytes }) => heapBytes)),
    rssBytes: {
      now: sum([...processes.values()].map(({ now }) => now)),
      limit: most([...processes.values()].map(({ limit }) => limit)),
    },
    loopUtilization: loads.length === 0 ? null : sum(loads) / loads.length,
    loopDelayMs: delays.reduce<AdminGauges['loopDelayMs']>(
      (worst, delay) => (worst === null || delay.p99 > worst.p99 ? delay : worst),
      null,
    ),
  };
}

const VALUES: Readonly<Record<AdminSort, (row: AdminConnection) => number>> = {
  buffered: ({ bufferedBytes }) => bufferedBytes,
  in: ({ receivedPerSecond }) => receivedPerSecond,
  out: ({ sentPerSecond }) => sentPerSecond,
  rtt: ({ rttMs }) => rttMs ?? -1,
  age: ({ ageMs }) => ageMs,
  topics: ({ topics }) => topics,
  dropped: ({ droppedMessages }) => droppedMessages,
};

/** The first rows of all tables of one view. */
export function mergedTable(view: AdminView, tables: readonly AdminTable[]): AdminTable {
  const value = VALUES[view.sort];
  return {
    view,
    matching: sum(tables.map(({ matching }) => matching)),
    rows: tables
      .flatMap(({ rows }) => rows)
      .sort((one, other) => value(other) - value(one))
      .slice(0, view.limit),
  };
}

/** Subscribers of the largest topics of each. A topic that is among the largest of one server only counts with that one. */
export function mergedTopics(all: readonly (readonly AdminTopic[])[]): AdminTopic[] {
  return Object.entries(
    mergedCounts(all.map((topics) => topics.map(({ name, subscribers }) => [name, subscribers]))),
  )
    .map(([name, subscribers]) => ({ name, subscribers }))
    .sort((one, other) => other.subscribers - one.subscribers)
    .slice(0, MAX_TOPICS);
}

export function mergedLastMinute(all: readonly AdminSnapshot['lastMinute'][]): AdminSnapshot['lastMinute'] {
  return {
    closesByCause: mergedCounts(all.map(({ closesByCause }) => Object.entries(closesByCause))),
    refusedByCode: mergedCounts(all.map(({ refusedByCode }) => Object.entries(refusedByCode))),
  };
}

function mergedCounts(
  all: readonly (readonly (readonly [name: string, count: number])[])[],
): Record<string, number> {
  const counts = new Map<string, number>();
  for (const [name, count] of all.flat()) counts.set(name, (counts.get(name) ?? 0) + count);
  return Object.fromEntries(counts);
}
