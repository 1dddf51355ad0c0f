import type { ConnectionState } from '../../connection/states.ts';
import type { Clock } from '../../engine/clock.ts';
import type { Priority } from '../../options/priority.ts';
import type { CloseCause } from '../../protocol/close-info.ts';
import { inSlices, type Pace } from '../admin/slices.ts';
import type { LevelSource } from './level.ts';
import { ShedCandidates, type ShedFacts } from './shed-candidates.ts';

/** Samples at `critical` before the first connection is shed: a short peak sheds none. */
const MIN_SAMPLES = 2;
const BATCH_EVERY_MS = 1_000;
/** How much early a sample may come, as timers do, and still count as the next second. */
const EARLY_MS = 50;
/** Share of all connections in one batch. */
const BATCH_RATIO = 0.01;
const MAX_BATCH = 100;

const CLOSE_CODE = 1013;
const CLOSE_REASON = 'overloaded';

/**
 * The number of connections alone is no reason to close any. Refused handshakes keep it from growing, and clients that were
 * closed would come back and be closed again.
 */
const isOnlyFull = ({ causes = [] }: LevelSource): boolean =>
  causes.length > 0 && causes.every((name) => name === 'connectionsRatio');

/** A connection, as the shedder sees it. */
export interface SheddableConnection extends ShedFacts {
  readonly state: ConnectionState;
  closeFor(code: number, reason: string, cause: CloseCause): void;
  terminateFor(cause: CloseCause): void;
}

/** Connections that one batch has shed, by priority. None is ever `critical`. */
export type ShedBatch = Readonly<Record<Exclude<Priority, 'critical'>, number>>;

/** The server whose connections are shed. */
export interface ShedServer<C> {
  readonly connections: Iterable<C> & { readonly size: number };
  readonly source: LevelSource;
  readonly clock: Pick<Clock, 'now'>;
  /** How a scan yields to the event loop. */
  readonly pace: Pace;
  /** A shutdown has begun: it closes all connections itself. */
  readonly isLeaving: boolean;
  /** Called before the connection gets its Close. Must not throw. */
  shed(connection: C): void;
  /** Called after a batch that has shed connections. Must not throw. */
  batchShed(batch: ShedBatch): void;
}

/**
 * Closes connections while the load stays critical: 1 % of them a second, at least one and at most 100, the least important
 * ones first. The level is looked at before each batch, so shedding stops as soon as the load has fallen. It has no timer: the
 * samples of the monitor drive it.
 */
export class Shedder<C extends SheddableConnection> {
  readonly #server: ShedServer<C>;
  #criticalSamples = 0;
  #lastBatchMs = Number.NEGATIVE_INFINITY;
  #isScanning = false;

  constructor(server: ShedServer<C>) {
    this.#server = server;
  }

  /** Call after each sample of the load. */
  sampled(): void {
    if (!this.#isWanted()) {
      this.#criticalSamples = 0;
      return;
    }
    this.#criticalSamples++;
    const nowMs = this.#server.clock.now();
    const isDue = nowMs - this.#lastBatchMs >= BATCH_EVERY_MS - EARLY_MS;
    if (this.#criticalSamples < MIN_SAMPLES || !isDue || this.#isScanning) return;
    this.#lastBatchMs = nowMs;
    this.#isScanning = true;
    void this.#shedBatch().finally(() => {
      this.#isScanning = false;
    });
  }

  readonly #isWanted = (): boolean => {
    const { source, isLeaving } = this.#server;
    return source.level === 'critical' && !isLeaving && !isOnlyFull(source);
  };

  async #shedBatch(): Promise<void> {
    const server = this.#server;
    const { connections } = server;
    const wanted = Math.min(MAX_BATCH, Math.max(1, Math.floor(connections.size * BATCH_RATIO)));
    const candidates = new ShedCandidates<C>(wanted);
    const visit = (connection: C): void => {
      if (connection.state === 'open') candidates.offer(connection);
    };
    if (!(await inSlices(connections, connections.size, visit, server.pace, this.#isWanted))) return;
    const batch = { low: 0, normal: 0, high: 0 };
    for (const connection of candidates.chosen()) {
      const { priority, state } = connection;
      // It may have changed in a later slice of the scan.
      if (priority === 'critical' || state !== 'open') continue;
      batch[priority]++;
      this.#close(connection);
    }
    if (batch.low + batch.normal + batch.high > 0) server.batchShed(batch);
  }

  /** If closing throws, the batch goes on with the others. */
  #close(connection: C): void {
    this.#server.shed(connection);
    try {
      connection.closeFor(CLOSE_CODE, CLOSE_REASON, 'load-shed');
    } catch {
      try {
        connection.terminateFor('load-shed');
      } catch {
        // The transport is destroyed nevertheless.
      }
    }
  }
}
