import type { Connection } from '../../connection/connection.ts';
import { inSlices, type Pace } from './slices.ts';
import type { AdminConnection, AdminSort, AdminTable, AdminView } from './snapshot.ts';
import { keyOf } from './view.ts';

/** The connections of a server, as a scan sees them. */
export interface ScannedConnections extends Iterable<Connection> {
  readonly size: number;
}

/** Counters of one connection at the previous scan. */
interface Before {
  readonly received: number;
  readonly sent: number;
}

interface Rates {
  readonly received: number;
  readonly sent: number;
}

const VALUES: Readonly<Record<AdminSort, (connection: Connection, rates: Rates, nowMs: number) => number>> = {
  buffered: ({ bufferedBytes }) => bufferedBytes,
  in: (_, { received }) => received,
  out: (_, { sent }) => sent,
  rtt: ({ rttMs }) => rttMs ?? -1,
  age: ({ connectedAt }, _, nowMs) => nowMs - connectedAt.getTime(),
  topics: ({ topics }) => topics.size,
  dropped: ({ droppedMessages }) => droppedMessages,
};

/** Finds the rows with the largest values of one view. */
class TopRows {
  readonly view: AdminView;
  matching = 0;
  readonly #needle: string;
  /** Up to twice as many as wanted; the smaller half is discarded when it is full. */
  #candidates: { readonly value: number; readonly connection: Connection; readonly rates: Rates }[] = [];

  constructor(view: AdminView) {
    this.view = view;
    this.#needle = view.filter.toLowerCase();
  }

  offer(connection: Connection, rates: Rates, wallMs: number): void {
    if (this.#needle !== '' && !contains(connection, this.#needle)) return;
    this.matching++;
    const value = VALUES[this.view.sort](connection, rates, wallMs);
    this.#candidates.push({ value, connection, rates });
    if (this.#candidates.length >= 2 * this.view.limit) this.#cut();
  }

  table(wallMs: number): AdminTable {
    this.#cut();
    const { view, matching } = this;
    return {
      view,
      matching,
      rows: this.#candidates.map(({ connection, rates }) => rowOf(connection, rates, wallMs)),
    };
  }

  #cut(): void {
    // Sorting is stable: of equal connections, the older one stays.
    this.#candidates.sort((one, other) => other.value - one.value);
    this.#candidates = this.#candidates.slice(0, this.view.limit);
  }
}

function contains({ id, remoteAddress, protocol, state, topics }: Connection, needle: string): boolean {
  if (id.includes(needle) || remoteAddress.includes(needle) || state.includes(needle)) return true;
  if (protocol.toLowerCase().includes(needle)) return true;
  for (const topic of topics) if (topic.toLowerCase().includes(needle)) return true;
  return false;
}

function rowOf(connection: Connection, rates: Rates, wallMs: number): AdminConnection {
  return {
    id: connection.id,
    remoteAddress: connection.remoteAddress,
    remotePort: connection.remotePort,
    protocol: connection.protocol,
    state: connection.state,
    ageMs: Math.max(0, Math.round(wallMs - connection.connectedAt.getTime())),
    lastReceivedAgoMs: Math.max(0, Math.round(connection.lastReceivedAgoMs)),
    messagesReceived: connection.messagesReceived,
    messagesSent: connection.messagesSent,
    bytesReceived: connection.bytesReceived,
    bytesSent: connection.bytesSent,
    receivedPerSecond: rounded(rates.received),
    sentPerSecond: rounded(rates.sent),
    bufferedBytes: connection.bufferedBytes,
    rttMs: connection.rttMs === undefined ? null : rounded(connection.rttMs),
    topics: connection.topics.size,
    droppedMessages: connection.droppedMessages,
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

/** Looks at all connections of a server, and remembers their counters, to know the rates at the next scan. */
export class ConnectionScan {
  readonly #pace: Pace;
  #before = new Map<Connection, Before>();
  #beforeMs = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Forgets the counters. */
  reset(): void {
    this.#before = new Map();
  }

  /**
   * @param wallMs Wall time now.
   * @param wanted Asked between slices.
   * @returns The rows of each view, by its key; `undefined` if no viewer is left.
   */
  async tables(
    connections: ScannedConnections,
    views: readonly AdminView[],
    wallMs: number,
    wanted: () => boolean,
  ): Promise<ReadonlyMap<string, AdminTable> | undefined> {
    const tops = new Map(views.map((view) => [keyOf(view), new TopRows(view)]));
    const nowMs = this.#pace.now();
    const seconds = (nowMs - this.#beforeMs) / 1_000;
    const next = new Map<Connection, Before>();
    const visit = (connection: Connection): void => {
      const { messagesReceived: received, messagesSent: sent } = connection;
      next.set(connection, { received, sent });
      const before = this.#before.get(connection);
      const overSeconds =
        before !== undefined && seconds > 0
          ? seconds
          : Math.max(1, (wallMs - connection.connectedAt.getTime()) / 1_000);
      const rates = {
        received: (received - (before?.received ?? 0)) / overSeconds,
        sent: (sent - (before?.sent ?? 0)) / overSeconds,
      };
      for (const top of tops.values()) top.offer(connection, rates, wallMs);
    };
    const isDone = await inSlices(connections, connections.size, visit, this.#pace, wanted);
    if (!isDone) return undefined;
    this.#before = next;
    this.#beforeMs = nowMs;
    return new Map([...tops].map(([key, top]) => [key, top.table(wallMs)]));
  }
}
