import type { Clock } from '../../engine/clock.ts';
import type { NodeInfo, NodeStats } from '../../server/groups/cluster-calls.ts';
import type { ServerCluster } from '../../server/groups/server-cluster.ts';
import type { AdminCluster, AdminNode, AdminNodeLoad } from './snapshot.ts';
import { totalsOf } from './worker-rows.ts';

/** How often the servers are asked at most. */
const EVERY_MS = 2_000;
/** A server that has not answered by then is shown as such. */
const DEADLINE_MS = 1_500;
const MAX_ROWS = 500;

/** Asks all servers of the cluster while there are viewers, and computes their rates from two answers. */
export class ClusterWatch {
  readonly #cluster: ServerCluster;
  readonly #clock: Clock;
  #last: ReadonlyMap<string, NodeStats> = new Map();
  #shown: Pick<AdminCluster, 'nodes' | 'totals'> = { nodes: null, totals: null };
  #askedMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  /** Counts the calls of {@link rest}: answers to earlier questions are ignored. */
  #period = 0;

  constructor(cluster: ServerCluster, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  /** What the servers answered last. Asks them again if that is 2 seconds old. */
  read(): AdminCluster {
    const { nodeId, state } = this.#cluster;
    const nowMs = this.#clock.now();
    if (!this.#isAsking && nowMs - this.#askedMs >= EVERY_MS) {
      this.#askedMs = nowMs;
      void this.#ask(this.#period);
    }
    return { nodeId, state, ...this.#shown };
  }

  /** The last viewer has left. */
  rest(): void {
    this.#period++;
    this.#isAsking = false;
    this.#askedMs = Number.NEGATIVE_INFINITY;
    this.#last = new Map();
    this.#shown = { nodes: null, totals: null };
  }

  async #ask(period: number): Promise<void> {
    this.#isAsking = true;
    const [{ value, missing }, infos] = await Promise.all([
      this.#cluster.stats({ deadlineMs: DEADLINE_MS }),
      this.#cluster.nodes(),
    ]);
    if (period !== this.#period) return;
    this.#isAsking = false;
    const known = new Map(infos.map((info) => [info.id, info]));
    const nodes = [
      ...value.nodes.map((stats) => rowOf(stats, loadOf(stats, this.#last.get(stats.id)))),
      ...missing.map((id) => rowOf(known.get(id) ?? { ...NOTHING, id }, null)),
    ];
    const [own, ...others] = nodes;
    others.sort((a, b) => compare(a.host, b.host) || a.pid - b.pid || compare(a.id, b.id));
    this.#last = new Map(value.nodes.map((stats) => [stats.id, stats]));
    this.#shown = {
      nodes: [own!, ...others].slice(0, MAX_ROWS),
      totals: totalsOf(nodes),
    };
  }
}

/** A server that has not said what it is. */
const NOTHING = { name: undefined, host: '', pid: 0, version: '' } as const;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const rowOf = (
  { id, name, host, pid, version }: Pick<NodeInfo, 'id' | 'name' | 'host' | 'pid' | 'version'>,
  load: AdminNodeLoad | null,
): AdminNode => ({ id, name: name ?? null, host, pid, version, load, worker: null });

/** @param last The answer before; `undefined` for the first one, whose rates are those since the start of the server. */
function loadOf(stats: NodeStats, last: NodeStats | undefined): AdminNodeLoad {
  const { ready, reasons, uptimeMs, connections, slowConnections, subscriptions, bytesBuffered } = stats;
  const seconds = (uptimeMs - (last?.uptimeMs ?? 0)) / 1_000;
  const rate = (name: 'messagesReceived' | 'messagesSent'): number =>
    seconds > 0 ? Math.round((Math.max(0, stats[name] - (last?.[name] ?? 0)) / seconds) * 100) / 100 : 0;
  return {
    ready,
    reasons,
    uptimeMs,
    connections,
    slowConnections,
    subscriptions,
    receivedPerSecond: rate('messagesReceived'),
    sentPerSecond: rate('messagesSent'),
    bytesBuffered,
  };
}
