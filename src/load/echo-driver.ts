import type { Clock } from '../client/index.ts';
import { Alarm } from './alarm.ts';
import type { LoadDriver, Sender } from './load-connection.ts';
import { Pacer } from './pacer.ts';
import type { Tally } from './tally.ts';

/**
 * Each connection keeps a window of unanswered messages: each answer triggers the next message. With a rate, messages are
 * sent on schedule, on any connection with room in its window. If no connection has room, messages wait, and the wait counts
 * as latency.
 */
export class EchoDriver implements LoadDriver {
  readonly #connections: Sender[];
  readonly #window: number;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #rate: number | undefined;
  readonly #alarm: Alarm;
  #pacer: Pacer | undefined;
  #stopped = true;
  /** Index where the search for a connection with room begins. */
  #turn = 0;
  /** Number of connections without room in their window. */
  #full = 0;
  /** A message was due, but no connection had room: the server causes the delay. */
  #behind = false;

  constructor(
    connections: Iterable<Sender>,
    window: number,
    ratePerSecond: number | undefined,
    clock: Clock,
    tally: Tally,
  ) {
    this.#connections = [...connections];
    this.#window = window;
    this.#rate = ratePerSecond;
    this.#clock = clock;
    this.#tally = tally;
    this.#alarm = new Alarm(clock, () => this.#sendDue());
  }

  start(): void {
    this.#stopped = false;
    const nowMs = this.#clock.now();
    if (this.#rate === undefined) {
      for (const connection of this.#connections) connection.send(this.#window, nowMs);
      return;
    }
    this.#pacer = new Pacer(this.#rate, nowMs);
    this.#sendDue();
  }

  replied(connection: Sender, count: number): void {
    const tally = this.#tally;
    const nowMs = this.#clock.now();
    if (connection.unanswered < count)
      return connection.giveUp('the server sent more messages than it received');
    if (this.#pacer !== undefined && connection.unanswered === this.#window) this.#full--;
    for (let i = 0; i < count; i++) {
      const tookMs = nowMs - connection.takeSentMs();
      if (tally.measuring) tally.latency.record(tookMs);
    }
    tally.count(count, nowMs);
    if (this.#stopped) return;
    if (this.#pacer === undefined) {
      connection.send(count, nowMs);
    } else if (this.#behind) {
      this.#turn = this.#connections.indexOf(connection);
      this.#sendDue();
    }
  }

  lost(connection: Sender): void {
    if (connection.unanswered === this.#window) this.#full--;
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    this.#turn = 0;
  }

  waiting(): boolean {
    return this.#connections.some(({ unanswered }) => unanswered > 0);
  }

  stop(): void {
    this.#stopped = true;
    this.#alarm.clear();
  }

  #sendDue(): void {
    const pacer = this.#pacer!;
    const nowMs = this.#clock.now();
    const wasBehind = this.#behind;
    for (let due = pacer.due(nowMs); due > 0; due--) {
      const connection = this.#withRoom();
      if (connection === undefined) {
        this.#behind = true;
        return;
      }
      const dueMs = pacer.nextMs();
      pacer.sent++;
      connection.send(1, dueMs);
      if (connection.unanswered === this.#window) this.#full++;
      if (this.#tally.measuring && !wasBehind) this.#tally.lateness.record(nowMs - dueMs);
    }
    this.#behind = false;
    this.#alarm.set(pacer.nextMs());
  }

  /** The next connection, round robin, that has room for another message. */
  #withRoom(): Sender | undefined {
    const connections = this.#connections;
    if (this.#full === connections.length) return undefined;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[this.#turn]!;
      this.#turn = this.#turn + 1 >= connections.length ? 0 : this.#turn + 1;
      if (connection.unanswered < this.#window) return connection;
    }
    return undefined;
  }
}
