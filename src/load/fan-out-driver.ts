import type { Clock } from '../client/index.ts';
import { Alarm } from './alarm.ts';
import type { LoadDriver, Sender } from './load-connection.ts';
import { Pacer } from './pacer.ts';
import type { Tally } from './tally.ts';

/**
 * One connection sends, all others receive. A turn is a number of messages in one write. The next turn begins when all
 * recipients have received all messages and, with a rate, the turn is due.
 */
export class FanOutDriver implements LoadDriver {
  readonly #sender: Sender;
  readonly #recipients: Set<Sender>;
  readonly #publishes: number;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #turnsPerSecond: number | undefined;
  readonly #alarm: Alarm;
  #pacer: Pacer | undefined;
  #stopped = true;
  /** Deliveries of this turn that have not arrived. */
  #missing = 0;
  #dueMs = 0;

  constructor(
    sender: Sender,
    recipients: Iterable<Sender>,
    publishes: number,
    ratePerSecond: number | undefined,
    clock: Clock,
    tally: Tally,
  ) {
    this.#sender = sender;
    this.#recipients = new Set(recipients);
    this.#publishes = publishes;
    this.#turnsPerSecond = ratePerSecond === undefined ? undefined : ratePerSecond / publishes;
    this.#clock = clock;
    this.#tally = tally;
    this.#alarm = new Alarm(clock, () => this.#publish());
  }

  start(): void {
    this.#stopped = false;
    if (this.#turnsPerSecond !== undefined) this.#pacer = new Pacer(this.#turnsPerSecond, this.#clock.now());
    this.#publish();
  }

  replied(connection: Sender, count: number): void {
    // Some servers also send the message back to its sender. Do not count it.
    if (connection === this.#sender) return;
    if (connection.unanswered < count) return connection.giveUp('more messages arrived than were sent');
    const tally = this.#tally;
    const nowMs = this.#clock.now();
    const tookMs = nowMs - this.#dueMs;
    connection.unanswered -= count;
    if (tally.measuring) tally.latency.record(tookMs, count);
    tally.count(count, nowMs);
    this.#arrived(count, nowMs);
  }

  lost(connection: Sender): void {
    this.#recipients.delete(connection);
    this.#arrived(connection.unanswered, this.#clock.now());
  }

  waiting(): boolean {
    return this.#missing > 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#alarm.clear();
  }

  #arrived(count: number, nowMs: number): void {
    if (count === 0) return;
    this.#missing -= count;
    if (this.#missing > 0) return;
    if (this.#tally.measuring) this.#tally.lastRecipient.record(nowMs - this.#dueMs);
    if (this.#stopped) return;
    if (this.#pacer === undefined) this.#publish();
    else this.#alarm.set(this.#pacer.nextMs());
  }

  #publish(): void {
    const pacer = this.#pacer;
    this.#dueMs = pacer === undefined ? this.#clock.now() : pacer.nextMs();
    if (pacer !== undefined) pacer.sent++;
    for (const recipient of this.#recipients) recipient.unanswered = this.#publishes;
    this.#missing = this.#recipients.size * this.#publishes;
    this.#sender.send(this.#publishes, this.#dueMs);
  }
}
