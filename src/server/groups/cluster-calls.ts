/** Options of a call to all servers of a cluster. */
export interface ClusterCallOptions {
  /** Longest time that the call waits for answers. Default 2,000; 1 to 2,147,483,647 ms. */
  readonly deadlineMs?: number | undefined;
  /** Aborting it rejects the promise with its reason. What other servers do already is not undone. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a call to all servers. Servers are named by their node id. */
export interface ClusterAnswer<Value> {
  readonly value: Value;
  /** The servers whose answers are in `value`, this one first. */
  readonly answered: readonly string[];
  /** The servers that were alive at the last sign of life, and whose answers are not in `value`. */
  readonly missing: readonly string[];
}

/** A server of a cluster. */
export interface NodeInfo {
  /** Random, new for each start of a server. */
  readonly id: string;
  /** Option `name` of the server. */
  readonly name: string | undefined;
  /** Name of the machine. */
  readonly host: string;
  readonly pid: number;
  /** Version of Hawser. */
  readonly version: string;
  readonly since: Date;
}

/** What a server of a cluster holds now, and what it has done since its start. */
export interface NodeStats {
  readonly id: string;
  readonly name: string | undefined;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Whether new clients can connect. */
  readonly ready: boolean;
  /** Why they cannot; see `Readiness`. */
  readonly reasons: readonly string[];
  readonly uptimeMs: number;
  /** Open and closing connections. */
  readonly connections: number;
  /** Connections whose buffered output is above `highWaterMarkBytes`. */
  readonly slowConnections: number;
  /** Topics with a subscriber on this server. */
  readonly topics: number;
  /** Pairs of a connection and a topic. */
  readonly subscriptions: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly messagesDropped: number;
  /** Bytes on the wire. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Bytes held now: output that waits, unfinished and undelivered input. */
  readonly bytesBuffered: number;
}

/** The numbers of {@link NodeStats} that make sense as sums. A topic can have subscribers on several servers. */
export type ClusterTotals = Omit<
  NodeStats,
  'id' | 'name' | 'host' | 'pid' | 'version' | 'ready' | 'reasons' | 'uptimeMs' | 'topics'
>;

/** The statistics of all servers that answered. */
export interface ClusterStats {
  /** Sums over `nodes`. */
  readonly totals: ClusterTotals;
  /** This server first. */
  readonly nodes: readonly NodeStats[];
}

/** The questions that servers ask each other, and the types of the answers. */
export interface NodeAnswers {
  readonly 'subscriber-count': number;
  readonly disconnect: boolean;
  readonly stats: NodeStats;
}
export type NodeQuestion = keyof NodeAnswers;

/** How long a call may take. */
export interface CallLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What other servers answered. */
export interface OtherAnswers<Value> {
  /** By node id. */
  readonly values: ReadonlyMap<string, Value>;
  readonly missing: readonly string[];
}
