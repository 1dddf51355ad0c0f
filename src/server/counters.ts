import type { TrafficCounters } from '../connection/owner.ts';
import type { ConnectionState } from '../connection/states.ts';
import { LabelledCounter } from '../observe/metrics/labelled-counter.ts';
import type { ServerCounts } from '../observe/metrics/server-counts.ts';
import type { ObservedConnection, Observer, Refusal } from '../observe/observer.ts';
import { CompressionBytes } from '../protocol/deflate/compression-bytes.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { Correction } from './groups/topics.ts';
import type { ServerStats, StatsNow } from './stats.ts';

/**
 * The counters of a server, always on. What happens per message is a plain field that its place in the code increments. Events
 * are counted once, by {@link ServerCounts}, which this class reads.
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
  readonly #events: ServerCounts;
  /** Connections in state open or closing. */
  #now = 0;
  #peak = 0;
  #closing = 0;
  #acceptFailures = 0;
  readonly #errors = new LabelledCounter();

  constructor(nowMs: number, events: ServerCounts) {
    this.#startedMs = nowMs;
    this.#events = events;
  }

  opened(): void {
    this.#now++;
    if (this.#now > this.#peak) this.#peak = this.#now;
  }

  stateChanged(_connection: ObservedConnection, next: ConnectionState, previous: ConnectionState): void {
    if (previous === 'closing') this.#closing--;
    if (next === 'closing') this.#closing++;
    else if (next === 'closed') this.#now--;
  }

  closed(_connection: ObservedConnection, info: CloseInfo): void {
    if (info.error !== undefined) this.#errors.add(info.error.code);
  }

  refused({ error }: Refusal): void {
    if (error !== undefined) this.handlerFailed();
  }

  acceptFailed(): void {
    this.#acceptFailures++;
  }

  handlerFailed(): void {
    this.#errors.add('ERR_HANDLER');
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
    const { acceptances, refusals, closes, droppedMessages } = this.#events;
    const opened = acceptances.total;
    const byCause = closes.by(1);
    return {
      uptimeMs: now.nowMs - this.#startedMs,
      transport: now.transport,
      connections: {
        now: now.connections,
        peak: this.#peak,
        opened,
        closed: closes.total,
        open: now.connections - this.#closing,
        closing: this.#closing,
      },
      handshakes: {
        pending: now.pendingHandshakes,
        accepted: opened,
        refused: refusals.total,
        refusedByCode: refusals.by(0),
      },
      refusedAddresses: now.refusedAddresses,
      acceptFailures: this.#acceptFailures,
      messages: {
        received: this.messagesReceived,
        sent: this.messagesSent,
        dropped: droppedMessages.total,
        ...(now.meter === undefined
          ? {}
          : { byKind: now.meter.byKind, handlerSeconds: now.meter.handlerSeconds }),
      },
      bytes: { received: this.bytesReceived, sent: this.bytesSent, buffered: this.heldBytes },
      closes: { byCode: closes.by(0), byCause },
      heartbeat: {
        pingsSent: this.pingsSent,
        pingsReceived: this.pingsReceived,
        pongsReceived: this.pongsReceived,
        timeouts: byCause['ping-timeout'] ?? 0,
        suspects: this.suspects,
        rttSeconds: this.#events.pingRttSeconds,
      },
      slowConnections: this.slowConnections,
      broadcasts: { count: this.broadcasts, recipients: this.recipients },
      topics: { count: now.topics, subscriptions: now.subscriptions },
      errorsByCode: this.#errors.by(0),
      ...(now.load === undefined ? {} : { load: now.load }),
    };
  }
}
