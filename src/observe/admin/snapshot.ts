import type { ConnectionState } from '../../connection/states.ts';
import type { Readiness } from '../../server/readiness.ts';
import type { ServerStats } from '../../server/stats.ts';

/** The subprotocol of `/live` on the admin port. */
export const ADMIN_PROTOCOL = 'hawser.admin.v1';

/**
 * The columns that connections can be sorted by, largest value first. `buffered`: bytes that the peer has not read, the slowest
 * consumers first. `in`, `out`: messages per second. `rtt`: connections without a measurement last. `age`: oldest first.
 */
export const ADMIN_SORTS = Object.freeze([
  'buffered',
  'in',
  'out',
  'rtt',
  'age',
  'topics',
  'dropped',
] as const);
/** A column that connections can be sorted by. */
export type AdminSort = (typeof ADMIN_SORTS)[number];

/**
 * Which connections a viewer wants to see. A viewer of `/live` sends a JSON object with any of these members, at any time; the
 * next snapshot follows it. `/connections` takes them as its query.
 */
export interface AdminView {
  /** Default `buffered`. */
  readonly sort: AdminSort;
  /** Maximum number of rows. Default 50; 1 to 500. */
  readonly limit: number;
  /**
   * Text that id, address, subprotocol, state or a topic of a connection must contain, in any case. Default `''`: all
   * connections. At most 200 characters.
   */
  readonly filter: string;
}

/**
 * The state of a server at one moment: what `/live` on the admin port sends once a second, and what its page and `hawser top`
 * show. It is JSON: a value that is unknown is `null`, and no member is ever missing. Counters are totals since the start of the
 * server; a viewer computes rates from two snapshots. Text in it may come from clients: treat it as text, never as markup.
 */
export interface AdminSnapshot {
  /** Version of this format. Members may be added without a new version. */
  readonly format: 1;
  /** Wall time, in ms since 1970. */
  readonly takenAtMs: number;
  readonly server: AdminServer;
  readonly readiness: Readiness;
  /** As `server.stats()` returns it: uptime, connections, handshakes, messages, wire bytes, closes, broadcasts. */
  readonly stats: ServerStats;
  readonly gauges: AdminGauges;
  readonly latency: AdminLatency;
  /** Counts of the last 60 seconds; the totals are in `stats`. */
  readonly lastMinute: {
    readonly closesByCause: Readonly<Record<string, number>>;
    readonly refusedByCode: Readonly<Record<string, number>>;
  };
  readonly cluster: AdminCluster;
  readonly connections: AdminTable;
  /** The topics with most subscribers: at most 20, largest first. */
  readonly topics: readonly AdminTopic[];
  /** At most 100, oldest first. */
  readonly events: readonly AdminEvent[];
}

/** What does not change while the server runs. */
export interface AdminServer {
  /** The option `name`. */
  readonly name: string | null;
  /** Version of Hawser. */
  readonly version: string;
  /** Version of Node, as in `v20.19.0`. */
  readonly nodeVersion: string;
  /** Name of the machine. */
  readonly host: string;
  readonly pid: number;
  /** Whether the admin port accepts actions: closing a connection, draining the server, capturing frames. */
  readonly actions: boolean;
  /** Buffered bytes of one connection above which it is a slow consumer. */
  readonly highWaterMarkBytes: number;
  /** Limit of the buffered bytes of one connection. */
  readonly maxBufferedBytes: number;
}

/** A value and the limit that it approaches. */
export interface AdminGauge {
  readonly now: number;
  readonly limit: number;
}

/** The values that viewers show as bars. */
export interface AdminGauges {
  /** Open and closing connections; the limit is `maxConnections`. */
  readonly connections: AdminGauge;
  /** Bytes that the connections of all servers with this memory budget hold. The limit is the budget's. */
  readonly bufferedBytes: AdminGauge;
  /** Used heap of the process; the limit is that of V8. */
  readonly heapBytes: AdminGauge;
  /** Memory of the process; the limit is that of the container, or the memory of the machine. */
  readonly rssBytes: AdminGauge;
  /** Share of the last second in which the event loop was busy, 0 to 1; `null` in the first snapshot of a viewer. */
  readonly loopUtilization: number | null;
  /** Delay of the event loop in the last second, in ms; `null` in the first snapshot of a viewer. */
  readonly loopDelayMs: { readonly mean: number; readonly p99: number; readonly max: number } | null;
}

/** How long operations took: over the last 10 seconds, or since the start of the server in the first snapshot of a viewer. */
export interface AdminLatency {
  /** The time that these numbers cover, in ms. */
  readonly overMs: number;
  /** Time in `message` listeners. A sample of all messages; `null` if there was none. */
  readonly handler: AdminPercentiles | null;
  /** Round-trip time of pings; `null` if no pong arrived. */
  readonly rtt: AdminPercentiles | null;
}

/** Percentiles, read from a histogram: each is an upper bound of its bucket. */
export interface AdminPercentiles {
  /** Number of measurements. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * The servers that the option `cluster` joins. They are asked at most every 2 seconds, and only while there are viewers, so that these
 * numbers may be older than those of the server itself.
 */
export interface AdminCluster {
  /** Id of the server that sends the snapshot, among `nodes`. */
  readonly nodeId: string;
  /** `alone`: without the option `cluster`. `down`: the engine cannot be used, and other servers cannot answer. */
  readonly state: 'alone' | 'up' | 'down';
  /** This server first; at most 500. `null` until the servers were asked. */
  readonly nodes: readonly AdminNode[] | null;
  /** Sums over the servers that answered. `null` until the servers were asked. */
  readonly totals: AdminTotals | null;
}

/** A server of a cluster. */
export interface AdminNode {
  readonly id: string;
  /** The option `name`. */
  readonly name: string | null;
  /** Name of the machine; `''` if unknown. */
  readonly host: string;
  /** 0 if unknown. */
  readonly pid: number;
  /** Version of Hawser; `''` if unknown. */
  readonly version: string;
  /** `null`: the server did not answer within 1.5 seconds. */
  readonly load: AdminNodeLoad | null;
  /** Set in snapshots of `workersAdmin`, for the workers of this process. */
  readonly worker: AdminWorker | null;
}

/** A worker of `startWorkers`, as its primary knows it. */
export interface AdminWorker {
  /** From 1 up; stays when the worker is restarted. */
  readonly number: number;
  /** `waiting`: it ended and will be started again. `ended`: after `stop`. */
  readonly state: 'starting' | 'up' | 'waiting' | 'stopping' | 'ended';
  readonly restarts: number;
  /** As in {@link AdminGauges}, of this worker; `null` without an answer. */
  readonly loopUtilization: number | null;
  readonly loopDelayMs: AdminGauges['loopDelayMs'];
}

/** What a server of a cluster answered. */
export interface AdminNodeLoad {
  readonly ready: boolean;
  /** Why new clients cannot connect. */
  readonly reasons: readonly string[];
  readonly uptimeMs: number;
  readonly connections: number;
  readonly slowConnections: number;
  readonly subscriptions: number;
  /** Messages per second since its previous answer; in the first one, since its start. */
  readonly receivedPerSecond: number;
  readonly sentPerSecond: number;
  /** Bytes that it holds: output that waits, unfinished and undelivered input. */
  readonly bytesBuffered: number;
}

/** Sums over servers. */
export interface AdminTotals {
  /** Servers, with those that did not answer. */
  readonly nodes: number;
  readonly answered: number;
  readonly connections: number;
  readonly receivedPerSecond: number;
  readonly sentPerSecond: number;
  readonly bytesBuffered: number;
}

/** The connections that fit the viewer's {@link AdminView}. */
export interface AdminTable {
  readonly view: AdminView;
  /** Connections that fit the filter, including those that are not in `rows`. */
  readonly matching: number;
  readonly rows: readonly AdminConnection[];
}

/** One connection. */
export interface AdminConnection {
  readonly id: string;
  /** `''` on a Unix socket. */
  readonly remoteAddress: string;
  /** 0 if unknown. */
  readonly remotePort: number;
  /** The negotiated subprotocol; `''` if none. */
  readonly protocol: string;
  readonly state: ConnectionState;
  readonly ageMs: number;
  /** Time since the last byte arrived. */
  readonly lastReceivedAgoMs: number;
  /** Messages, and bytes on the wire, since the handshake. */
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Messages per second since the previous snapshot; in the first snapshot that has the connection, since the handshake. */
  readonly receivedPerSecond: number;
  readonly sentPerSecond: number;
  /** Bytes accepted by `send` that the kernel has not accepted. */
  readonly bufferedBytes: number;
  /** Smoothed; `null` before the first pong. */
  readonly rttMs: number | null;
  /** Number of topics. */
  readonly topics: number;
  readonly droppedMessages: number;
}

/** One topic. */
export interface AdminTopic {
  readonly name: string;
  readonly subscribers: number;
}

/**
 * What an event is about. `closed`: a connection ended in an unusual way, that is, neither side closed it with 1000 or 1001.
 * `action`: a request to the admin port changed something.
 */
export type AdminEventKind =
  | 'listening'
  | 'configured'
  | 'certificate-renewed'
  | 'refused'
  | 'closed'
  | 'handler-failed'
  | 'internal-fault'
  | 'engine-down'
  | 'engine-up'
  | 'accept-failed'
  | 'memory-shed'
  | 'load-level'
  | 'load-shed'
  | 'breaker'
  | 'alert'
  | 'shutting-down'
  | 'worker-up'
  | 'worker-ended'
  | 'action';

/** One event of the server. */
export interface AdminEvent {
  /** Counts all events of the server, from 1: an event that a viewer has shown before has the same number. */
  readonly number: number;
  /** Wall time, in ms since 1970. */
  readonly atMs: number;
  readonly kind: AdminEventKind;
  readonly severity: 'info' | 'warn' | 'error';
  /** One line of text, for example `ERR_ORIGIN (403): GET /chat`. Control characters are escaped. At most 300 characters. */
  readonly text: string;
  /** `null` if the event is not about a connection. */
  readonly connectionId: string | null;
  /** `null` if unknown. */
  readonly remoteAddress: string | null;
}
