import type { LoadStats } from '../observe/load-control/reading.ts';
import type { HistogramCounts } from '../observe/metrics/histogram.ts';
import type { MeterCounts } from '../observe/metrics/meter.ts';
import type { CloseCause } from '../protocol/close-info.ts';
import type { ErrorCode } from '../protocol/errors.ts';

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
  /** Addresses whose connections the option `violationLimit` refuses: now, and how often one was so far. */
  readonly refusedAddresses: { readonly now: number; readonly total: number };
  /** Seconds in which connections could not be accepted on a port of its own, as without file descriptors. */
  readonly acceptFailures: number;
  readonly messages: {
    readonly received: number;
    readonly sent: number;
    readonly dropped: number;
    /** Only with the option `metrics`. */
    readonly byKind?: MeterCounts['byKind'];
    /** Time in which listeners handle a message, in seconds: a sample. Only with the option `metrics`. */
    readonly handlerSeconds?: HistogramCounts;
  };
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
    /** Connections now whose last ping is overdue. */
    readonly suspects: number;
    /** Time from a ping to its pong, in seconds. */
    readonly rttSeconds: HistogramCounts;
  };
  /** Connections now whose buffered output exceeded `highWaterMarkBytes` and has not drained to half of it. */
  readonly slowConnections: number;
  readonly broadcasts: { readonly count: number; readonly recipients: number };
  readonly topics: { readonly count: number; readonly subscriptions: number };
  readonly errorsByCode: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Only with the option `loadControl`. */
  readonly load?: LoadStats;
}

/** What the server knows by itself at the moment of asking. */
export interface StatsNow {
  readonly nowMs: number;
  readonly transport: ServerStats['transport'];
  readonly pendingHandshakes: number;
  readonly refusedAddresses: ServerStats['refusedAddresses'];
  readonly connections: number;
  readonly topics: number;
  readonly subscriptions: number;
  readonly meter: MeterCounts | undefined;
  readonly load: LoadStats | undefined;
}
