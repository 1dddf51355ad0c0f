import { hostname } from 'node:os';
import type { ServerStats } from '../../server/stats.ts';
import { NODE_VERSION, processId, VERSION } from '../version.ts';
import { LatencyWindow } from './latency-window.ts';
import { mergedGauges, mergedLastMinute, mergedTable, mergedTopics } from './merge-snapshots.ts';
import { countersOf, summedStats } from './merge-stats.ts';
import { MergedEvents } from './merged-events.ts';
import { AdminRecorder } from './recorder.ts';
import type { AdminCluster, AdminNode, AdminSnapshot, AdminView } from './snapshot.ts';
import type { SnapshotSource } from './content.ts';
import { keyOf } from './view.ts';
import { rowOfWorker, totalsOf } from './worker-rows.ts';
import type { ShownWorker, WorkersSubject } from './workers-subject.ts';

/** A worker that has not answered by then is shown as such. */
const DEADLINE_MS = 900;
const PRIMARY = 'primary';

/** A worker and the snapshots of its servers, each for one view. */
interface Reading {
  readonly worker: ShownWorker;
  readonly servers: readonly AdminSnapshot[];
}

/** Takes snapshots of all workers as if they were one server, with a row for each worker. */
export class WorkerSnapshots implements SnapshotSource {
  readonly #subject: WorkersSubject;
  readonly #recorder: AdminRecorder;
  readonly #events = new MergedEvents();
  readonly #latency = new LatencyWindow();
  readonly #startedMs: number;
  /** The last statistics of each run of each server, by `worker.id.server`. */
  #last = new Map<string, ServerStats>();
  /** Counters of servers that ended. */
  #ended: ServerStats | undefined;
  #taking: Promise<unknown> = Promise.resolve();

  constructor(subject: WorkersSubject) {
    this.#subject = subject;
    this.#startedMs = subject.clock.now();
    this.#recorder = new AdminRecorder(subject.clock);
    subject.workers.on('up', this.#up);
    subject.workers.on('exit', this.#exited);
  }

  /** One at a time: load and rates are differences between two answers of a worker. */
  take(views: readonly AdminView[], _wanted: () => boolean): Promise<ReadonlyMap<string, AdminSnapshot>> {
    const taking = this.#taking.then(() => this.#take(views));
    this.#taking = taking.catch(() => undefined);
    return taking;
  }

  rest(): void {
    this.#latency.reset();
  }

  stop(): void {
    this.#subject.workers.off('up', this.#up);
    this.#subject.workers.off('exit', this.#exited);
  }

  readonly #up = ({ number, id }: ShownWorker): void =>
    this.#recorder.note('worker-up', 'info', `worker ${number} runs, id ${id}`);

  readonly #exited = (
    { number, id }: ShownWorker,
    { code, signal }: { readonly code: number | null; readonly signal: string | null },
  ): void =>
    this.#recorder.note(
      'worker-ended',
      'error',
      `worker ${number}, id ${id}, ended: ${signal ?? `code ${code}`}`,
    );

  async #take(views: readonly AdminView[]): Promise<ReadonlyMap<string, AdminSnapshot>> {
    const { workers, clock } = this.#subject;
    const answers = await workers.snapshots(views, { deadlineMs: DEADLINE_MS });
    // Each view has its own table; all else is the same in all snapshots of one server.
    const readings = answers.map(({ worker, servers }) => ({
      worker,
      servers: servers.flatMap((snapshots) => snapshots[0] ?? []),
    }));
    const cluster = this.#cluster(readings);
    const servers = readings.flatMap((reading) => reading.servers);
    const stats = this.#stats(readings);
    this.#addEvents(readings);
    const [first] = servers;
    const common: Omit<AdminSnapshot, 'connections'> = {
      format: 1,
      takenAtMs: clock.wallNow(),
      server: {
        name: this.#subject.name ?? null,
        version: VERSION,
        nodeVersion: NODE_VERSION,
        host: hostname(),
        pid: processId(),
        actions: false,
        highWaterMarkBytes: first?.server.highWaterMarkBytes ?? 0,
        maxBufferedBytes: first?.server.maxBufferedBytes ?? 0,
      },
      readiness: readinessOf(servers),
      stats,
      gauges: mergedGauges(servers),
      latency: this.#latency.read(stats),
      lastMinute: mergedLastMinute(servers.map(({ lastMinute }) => lastMinute)),
      cluster,
      topics: mergedTopics(servers.map(({ topics }) => topics)),
      events: this.#events.events,
    };
    return new Map(
      views.map((view, at) => {
        const tables = answers.flatMap((answer) =>
          answer.servers.flatMap((each) => each[at]?.connections ?? []),
        );
        return [keyOf(view), { ...common, connections: mergedTable(view, tables) }];
      }),
    );
  }

  /** Sums, with those of the servers that ended: a viewer computes rates from their differences. */
  #stats(readings: readonly Reading[]): ServerStats {
    const now = new Map<string, ServerStats>(
      readings.flatMap(({ worker, servers }) =>
        servers.map(({ stats }, at) => [`${worker.number}.${worker.id}.${at}`, stats] as const),
      ),
    );
    const runs = new Set<string>(readings.map(({ worker }) => `${worker.number}.${worker.id}.`));
    for (const [run, stats] of this.#last) {
      if (now.has(run)) continue;
      // A worker that runs and has not answered counts with its last answer.
      if (runs.has(run.slice(0, run.lastIndexOf('.') + 1))) now.set(run, stats);
      else {
        this.#ended = summedStats([...(this.#ended === undefined ? [] : [this.#ended]), countersOf(stats)]);
        this.#events.forget(run);
      }
    }
    this.#last = now;
    const all = [...now.values(), ...(this.#ended === undefined ? [] : [this.#ended])];
    const uptimeMs = Math.round(this.#subject.clock.now() - this.#startedMs);
    return { ...(summedStats(all) ?? NOTHING), uptimeMs };
  }

  #cluster(readings: readonly Reading[]): AdminCluster {
    const rows = readings.map((reading) => rowOfWorker(reading, this.#last));
    // Workers that a broker joins with other machines know those, too.
    const wider = readings
      .flatMap(({ servers }) => servers)
      .find(({ cluster }) => cluster.nodes !== null)?.cluster;
    const nodes = wider === undefined ? rows : withWorkers(wider.nodes!, rows);
    return { nodeId: '', state: wider?.state ?? 'up', nodes, totals: totalsOf(nodes) };
  }

  #addEvents(readings: readonly Reading[]): void {
    this.#events.add(PRIMARY, '', this.#recorder.events);
    for (const { worker, servers } of readings)
      servers.forEach(({ events }, at) =>
        this.#events.add(`${worker.number}.${worker.id}.${at}`, `worker ${worker.number} · `, events),
      );
  }
}

/** All servers, with the workers of this process in the place of their rows. */
function withWorkers(nodes: readonly AdminNode[], workers: readonly AdminNode[]): AdminNode[] {
  const own = hostname();
  const pids = new Set(workers.map(({ pid }) => pid));
  return [...workers, ...nodes.filter(({ host, pid }) => host !== own || !pids.has(pid))];
}

/** New clients can connect while one worker takes them. */
function readinessOf(servers: readonly AdminSnapshot[]): AdminSnapshot['readiness'] {
  if (servers.some(({ readiness }) => readiness.ready)) return { ready: true, reasons: [] };
  const reasons = new Set(servers.flatMap(({ readiness }) => readiness.reasons));
  return { ready: false, reasons: reasons.size === 0 ? ['not-listening'] : [...reasons] };
}

/** Before a worker has answered. */
const NOTHING: ServerStats = Object.freeze({
  uptimeMs: 0,
  transport: 'handle',
  connections: { now: 0, peak: 0, opened: 0, closed: 0, open: 0, closing: 0 },
  handshakes: { pending: 0, accepted: 0, refused: 0, refusedByCode: {} },
  refusedAddresses: { now: 0, total: 0 },
  acceptFailures: 0,
  messages: { received: 0, sent: 0, dropped: 0 },
  bytes: { received: 0, sent: 0, buffered: 0 },
  closes: { byCode: {}, byCause: {} },
  heartbeat: {
    pingsSent: 0,
    pingsReceived: 0,
    pongsReceived: 0,
    timeouts: 0,
    suspects: 0,
    rttSeconds: { count: 0, sum: 0, buckets: [] },
  },
  slowConnections: 0,
  broadcasts: { count: 0, recipients: 0 },
  topics: { count: 0, subscriptions: 0 },
  errorsByCode: {},
});
