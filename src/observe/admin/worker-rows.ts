import { hostname } from 'node:os';
import type { ServerStats } from '../../server/stats.ts';
import { VERSION } from '../version.ts';
import { mergedGauges } from './merge-snapshots.ts';
import { summedStats } from './merge-stats.ts';
import type { AdminNode, AdminNodeLoad, AdminSnapshot, AdminTotals } from './snapshot.ts';
import type { ShownWorker } from './workers-subject.ts';

/**
 * The row of a worker.
 * @param servers Snapshots of its servers; none if it did not answer.
 * @param last Statistics at the snapshot before, by `worker.id.server`.
 */
export function rowOfWorker(
  { worker, servers }: { readonly worker: ShownWorker; readonly servers: readonly AdminSnapshot[] },
  last: ReadonlyMap<string, ServerStats>,
): AdminNode {
  const { number, state, restarts, id } = worker;
  const { loopUtilization, loopDelayMs } = mergedGauges(servers);
  return {
    id: `worker ${number}`,
    name: `worker ${number}`,
    host: hostname(),
    pid: servers[0]?.server.pid ?? id ?? 0,
    version: VERSION,
    load: loadOf(servers, (at) => last.get(`${number}.${id}.${at}`)),
    worker: { number, state, restarts, loopUtilization, loopDelayMs },
  };
}

function loadOf(
  servers: readonly AdminSnapshot[],
  lastOf: (at: number) => ServerStats | undefined,
): AdminNodeLoad | null {
  const now = summedStats(servers.map(({ stats }) => stats));
  if (now === undefined) return null;
  const last = summedStats(servers.flatMap((_, at) => lastOf(at) ?? []));
  const seconds = (now.uptimeMs - (last?.uptimeMs ?? 0)) / 1_000;
  const rate = (name: 'received' | 'sent'): number =>
    seconds > 0
      ? Math.round((Math.max(0, now.messages[name] - (last?.messages[name] ?? 0)) / seconds) * 100) / 100
      : 0;
  const reasons = servers.flatMap(({ readiness }) => readiness.reasons);
  return {
    ready: servers.some(({ readiness }) => readiness.ready),
    reasons: [...new Set(reasons)],
    uptimeMs: now.uptimeMs,
    connections: now.connections.now,
    slowConnections: now.slowConnections,
    subscriptions: now.topics.subscriptions,
    receivedPerSecond: rate('received'),
    sentPerSecond: rate('sent'),
    bytesBuffered: now.bytes.buffered,
  };
}

/** Sums over the servers that answered. */
export function totalsOf(nodes: readonly AdminNode[]): AdminTotals {
  const loads = nodes.flatMap(({ load }) => load ?? []);
  const sum = (name: 'connections' | 'receivedPerSecond' | 'sentPerSecond' | 'bytesBuffered'): number =>
    loads.reduce((total, load) => total + load[name], 0);
  return {
    nodes: nodes.length,
    answered: loads.length,
    connections: sum('connections'),
    receivedPerSecond: sum('receivedPerSecond'),
    sentPerSecond: sum('sentPerSecond'),
    bytesBuffered: sum('bytesBuffered'),
  };
}
