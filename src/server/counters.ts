import type { TrafficCounters } from '../connection/owner.ts';
import type { ConnectionState } from '../connection/states.ts';
import type { ObservedConnection, Observer, Refusal } from '../observe/observer.ts';
import { CompressionBytes } from '../protocol/deflate/compression-bytes.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { Correction } from './groups/topics.ts';
import type { ServerStats, StatsNow } from './stats.ts';

const countUp = (table: Map<string, number>, key: string): void => {
  table.set(key, (table.get(key) ?? 0) + 1);
};
const asRecord = (table: Map<string, number>): Record<string, number> =>
  Object.assign(Object.create(null) as Record<string, number>, Object.fromEntries(table));

/**
 * The counters of a server, always on. What happens per message is a plain field that its place in the code increments; the
 * rest is counted as an observer.
 */
export class Counters implements TrafficCounters, Observer {
  messagesReceived = 0;
  messagesSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  heldBytes = 0;
  pingsSent = 0;
  pingsReceived = 0;
  pongsReceived = 0;
  slowConnections = 0;
  suspects = 0;
  readonly compression = new CompressionBytes();
  broadcasts = 0;
  recipients = 0;

  readonly #startedMs: number;
  #opened = 0;
  #refused = 0;
  #closed = 0;
  /** Connections in state open or closing. */
  #now = 0;
  #peak = 0;
  #closing = 0;
  #dropped = 0;
  #acceptFailures = 0;
  readonly #refusedByCode = new Map<string, number>();
  readonly #closesByCode = new Map<string, number>();
  readonly #closesByCause = new Map<string, number>();
  readonly #errors = new Map<string, number>();

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  opened(): void {
    this.#opened++;
    this.#now++;
    if (this.#now > this.#peak) this.#peak = this.#now;
  }

  stateChanged(_connection: ObservedConnection, next: ConnectionState, previous: ConnectionState): void {
    if (previous === 'closing') this.#closing--;
    if (next === 'closing') this.#closing++;
    else if (next === 'closed') this.#now--;
  }

  closed(_connection: ObservedConnection, info: CloseInfo): void {
    this.#closed++;
    countUp(this.#closesByCode, String(info.code));
    countUp(this.#closesByCause, info.cause);
    if (info.error !== undefined) countUp(this.#errors, info.error.code);
  }

  dropped(_connection: ObservedConnection, messages: number): void {
    this.#dropped += messages;
  }

  refused({ code, error }: Refusal): void {
    this.#refused++;
    countUp(this.#refusedByCode, code);
    if (error !== undefined) this.handlerFailed();
  }

  acceptFailed(): void {
    this.#acceptFailures++;
  }

  handlerFailed(): void {
    countUp(this.#errors, 'ERR_HANDLER');
  }

  /** Sets counters to what they count. @returns Those that were wrong. */
  correct(facts: {
    readonly connections: number;
    readonly closing: number;
    readonly heldBytes: number;
  }): readonly Correction[] {
    const corrections = [
      { name: 'connections', was: this.#now, is: facts.connections },
      { name: 'closing', was: this.#closing, is: facts.closing },
      { name: 'heldBytes', was: this.heldBytes, is: facts.heldBytes },
    ].filter(({ was, is }) => was !== is);
    this.#now = facts.connections;
    this.#closing = facts.closing;
    this.heldBytes = facts.heldBytes;
    return corrections;
  }

  snapshot(now: StatsNow): ServerStats {
    return {
      uptimeMs: now.nowMs - this.#startedMs,
      transport: now.transport,
      connections: {
        now: now.connections,
        peak: this.#peak,
        opened: this.#opened,
        closed: this.#closed,
        open: now.connections - this.#closing,
        closing: this.#closing,
      },
      handshakes: {
        pending: now.pendingHandshakes,
        accepted: this.#opened,
        refused: this.#refused,
        refusedByCode: asRecord(this.#refusedByCode),
      },
      acceptFailures: this.#acceptFailures,
      messages: {
        received: this.messagesReceived,
        sent: this.messagesSent,
        dropped: this.#dropped,
        ...(now.meter === undefined
          ? {}
          : { byKind: now.meter.byKind, handlerSeconds: now.meter.handlerSeconds }),
      },
      bytes: { received: this.bytesReceived, sent: this.bytesSent, buffered: this.heldBytes },
      closes: { byCode: asRecord(this.#closesByCode), byCause: asRecord(this.#closesByCause) },
      heartbeat: {
        pingsSent: this.pingsSent,
        pingsReceived: this.pingsReceived,
        pongsReceived: this.pongsReceived,
        timeouts: this.#closesByCause.get('ping-timeout') ?? 0,
        suspects: this.suspects,
        rttSeconds: now.rttSeconds,
      },
      slowConnections: this.slowConnections,
      broadcasts: { count: this.broadcasts, recipients: this.recipients },
      topics: { count: now.topics, subscriptions: now.subscriptions },
      errorsByCode: asRecord(this.#errors),
    };
  }
}
