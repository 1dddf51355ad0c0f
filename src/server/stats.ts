import type { CloseCause, CloseInfo } from '../protocol/close-info.ts';
import type { TrafficCounters } from '../connection/host.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { Refusal } from './opening/handshake-host.ts';

/** What a server has done so far, and what it holds now: plain data, yours to keep. Bytes are those on the wire. */
export interface ServerStats {
  readonly uptimeMs: number;
  /** What lies below the connections of a port of its own: Node's handles directly, or streams; see option `transport`. */
  readonly transport: 'handle' | 'stream';
  readonly connections: {
    readonly now: number;
    readonly peak: number;
    readonly opened: number;
    readonly closed: number;
    readonly open: number;
    readonly closing: number;
  };
  readonly handshakes: {
    readonly pending: number;
    readonly accepted: number;
    readonly refused: number;
    /** By error code, or `HTTP_<status>` for answers of the `upgrade` hook. */
    readonly refusedByCode: Readonly<Record<string, number>>;
  };
  /** Seconds in which connections could not be accepted on a port of its own, as without file descriptors. */
  readonly acceptFailures: number;
  readonly messages: { readonly received: number; readonly sent: number; readonly dropped: number };
  readonly bytes: {
    readonly received: number;
    readonly sent: number;
    /** Held now: output that waits, unfinished and undelivered input. */
    readonly buffered: number;
  };
  readonly closes: {
    readonly byCode: Readonly<Record<string, number>>;
    readonly byCause: Readonly<Partial<Record<CloseCause, number>>>;
  };
  readonly heartbeat: {
    readonly pingsSent: number;
    readonly pingsReceived: number;
    readonly pongsReceived: number;
    readonly timeouts: number;
  };
  readonly broadcasts: { readonly count: number; readonly recipients: number };
  readonly topics: { readonly count: number; readonly subscriptions: number };
  readonly errorsByCode: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** What the server knows by itself at the moment of asking. */
export interface StatsNow {
  readonly nowMs: number;
  readonly transport: ServerStats['transport'];
  readonly pendingHandshakes: number;
  readonly connections: number;
  readonly topics: number;
  readonly subscriptions: number;
}

const countUp = (table: Map<string, number>, key: string): void => {
  table.set(key, (table.get(key) ?? 0) + 1);
};
const asRecord = (table: Map<string, number>): Record<string, number> =>
  Object.assign(Object.create(null) as Record<string, number>, Object.fromEntries(table));

/** The counters of a server. Always on; each event costs an addition. */
export class StatsCounters implements TrafficCounters {
  messagesReceived = 0;
  messagesSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  droppedMessages = 0;
  heldBytes = 0;
  pingsSent = 0;
  pingsReceived = 0;
  pongsReceived = 0;
  broadcasts = 0;
  recipients = 0;
  /** Counted once a second at most. */
  acceptFailures = 0;
  /** Connections in state closing. */
  closing = 0;

  readonly #startedMs: number;
  #accepted = 0;
  #refused = 0;
  #closed = 0;
  #peak = 0;
  readonly #refusedByCode = new Map<string, number>();
  readonly #closesByCode = new Map<string, number>();
  readonly #closesByCause = new Map<string, number>();
  readonly #errors = new Map<string, number>();

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  /** @param connections How many there are with this one. */
  opened(connections: number): void {
    this.#accepted++;
    if (connections > this.#peak) this.#peak = connections;
  }

  refused(code: Refusal['code']): void {
    this.#refused++;
    countUp(this.#refusedByCode, code);
  }

  closed(info: CloseInfo): void {
    this.#closed++;
    countUp(this.#closesByCode, String(info.code));
    countUp(this.#closesByCause, info.cause);
    if (info.error !== undefined) countUp(this.#errors, info.error.code);
  }

  handlerFailed(): void {
    countUp(this.#errors, 'ERR_HANDLER');
  }

  snapshot(now: StatsNow): ServerStats {
    return {
      uptimeMs: now.nowMs - this.#startedMs,
      transport: now.transport,
      connections: {
        now: now.connections,
        peak: this.#peak,
        opened: this.#accepted,
        closed: this.#closed,
        open: now.connections - this.closing,
        closing: this.closing,
      },
      handshakes: {
        pending: now.pendingHandshakes,
        accepted: this.#accepted,
        refused: this.#refused,
        refusedByCode: asRecord(this.#refusedByCode),
      },
      acceptFailures: this.acceptFailures,
      messages: { received: this.messagesReceived, sent: this.messagesSent, dropped: this.droppedMessages },
      bytes: { received: this.bytesReceived, sent: this.bytesSent, buffered: this.heldBytes },
      closes: { byCode: asRecord(this.#closesByCode), byCause: asRecord(this.#closesByCause) },
      heartbeat: {
        pingsSent: this.pingsSent,
        pingsReceived: this.pingsReceived,
        pongsReceived: this.pongsReceived,
        timeouts: this.#closesByCause.get('ping-timeout') ?? 0,
      },
      broadcasts: { count: this.broadcasts, recipients: this.recipients },
      topics: { count: now.topics, subscriptions: now.subscriptions },
      errorsByCode: asRecord(this.#errors),
    };
  }
}
