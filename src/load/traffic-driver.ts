import type { Clock } from '../client/index.ts';
import type { LoadDriver, Sender } from './load-connection.ts';
import type { Tally } from './tally.ts';

/** Each connection exchanges the same number of messages, one at a time, and is idle afterwards. */
export class TrafficDriver implements LoadDriver {
  /** Messages that each connection still has to send. A connection without an entry is done. */
  readonly #left: Map<Sender, number>;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #done: () => void;

  /** @param each At least 1. */
  constructor(connections: Iterable<Sender>, each: number, clock: Clock, tally: Tally, done: () => void) {
    this.#left = new Map([...connections].map((connection) => [connection, each]));
    this.#clock = clock;
    this.#tally = tally;
    this.#done = done;
  }

  start(): void {
    const nowMs = this.#clock.now();
    for (const connection of this.#left.keys()) connection.send(1, nowMs);
  }

  replied(connection: Sender, count: number): void {
    const left = this.#left.get(connection);
    if (left === undefined || count > connection.unanswered)
      return connection.giveUp('the server sent more messages than it received');
    const nowMs = this.#clock.now();
    connection.takeSentMs();
    this.#tally.count(count, nowMs);
    if (left > 1) {
      this.#left.set(connection, left - 1);
      connection.send(1, nowMs);
    } else this.lost(connection);
  }

  lost(connection: Sender): void {
    this.#left.delete(connection);
    if (this.#left.size === 0) this.#done();
  }

  waiting(): boolean {
    return this.#left.size > 0;
  }

  stop(): void {
    // The exchange ends by itself.
  }
}
