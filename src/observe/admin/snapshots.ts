import { hostname } from 'node:os';
import { NODE_VERSION, processId, VERSION } from '../version.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { ConnectionScan } from './connection-scan.ts';
import { LatencyWindow } from './latency-window.ts';
import { heapGauge, LoopWatch, rssGauge } from './process-facts.ts';
import { type Pace, paceOf } from './slices.ts';
import type { AdminCluster, AdminServer, AdminSnapshot, AdminView } from './snapshot.ts';
import type { AdminSubject } from './subject.ts';
import type { SnapshotSource } from './content.ts';
import { topTopics } from './topic-scan.ts';

/** Takes snapshots of one server. */
export class Snapshots implements SnapshotSource {
  readonly #subject: AdminSubject;
  readonly #pace: Pace;
  readonly #server: Omit<AdminServer, 'highWaterMarkBytes' | 'maxBufferedBytes'>;
  readonly #scan: ConnectionScan;
  readonly #loop = new LoopWatch();
  readonly #latency = new LatencyWindow();
  readonly #cluster: ClusterWatch | undefined;

  /** @param asksCluster Whether it asks the other servers. */
  constructor(subject: AdminSubject, pace: Pace = paceOf(subject.clock), asksCluster = true) {
    this.#subject = subject;
    this.#pace = pace;
    this.#scan = new ConnectionScan(pace);
    this.#cluster = asksCluster ? new ClusterWatch(subject.cluster, subject.clock) : undefined;
    const { options } = subject;
    this.#server = Object.freeze({
      name: subject.name ?? null,
      version: VERSION,
      nodeVersion: NODE_VERSION,
      host: hostname(),
      pid: processId(),
      actions: options.actions,
    });
  }

  async take(
    views: readonly AdminView[],
    wanted: () => boolean,
  ): Promise<ReadonlyMap<string, AdminSnapshot> | undefined> {
    const { connections, topics } = this.#subject;
    const wallMs = this.#subject.clock.wallNow();
    const tables = await this.#scan.tables(connections, views, wallMs, wanted);
    if (tables === undefined) return undefined;
    const top = await topTopics(topics, this.#pace, wanted);
    if (top === undefined) return undefined;
    const { recorder, settings } = this.#subject;
    const { maxConnections, highWaterMarkBytes, maxBufferedBytes } = settings;
    const stats = this.#subject.stats();
    const common: Omit<AdminSnapshot, 'connections' | 'topics' | 'events'> = {
      format: 1,
      takenAtMs: this.#subject.clock.wallNow(),
      server: { ...this.#server, highWaterMarkBytes, maxBufferedBytes },
      readiness: this.#subject.readiness(),
      stats,
      gauges: {
        connections: { now: connections.size, limit: maxConnections },
        bufferedBytes: { now: settings.memoryBudget.usedBytes, limit: settings.memoryBudget.maxBytes },
        heapBytes: heapGauge(),
        rssBytes: rssGauge(),
        ...this.#loop.read(),
      },
      latency: this.#latency.read(stats),
      lastMinute: recorder.lastMinute(),
      cluster: this.#cluster?.read() ?? this.#unasked(),
    };
    const { events } = recorder;
    return new Map(
      [...tables].map(([key, table]) => [key, { ...common, connections: table, topics: top, events }]),
    );
  }

  rest(): void {
    this.#scan.reset();
    this.#loop.stop();
    this.#latency.reset();
    this.#cluster?.rest();
  }

  #unasked(): AdminCluster {
    const { nodeId, state } = this.#subject.cluster;
    return { nodeId, state, nodes: null, totals: null };
  }
}
