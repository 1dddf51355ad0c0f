import { LatencyHistogram } from './latency-histogram.ts';

/** Counters of a run. All but `opening`, `total` and `lastMs` count only while `measuring` is set. */
export class Tally {
  measuring = false;
  /** Answers of an echo, deliveries of a fan-out, or connections opened in mode `handshake`. */
  messages = 0;
  /** The same since the start of the run, also outside the measurement. */
  total = 0;
  /** Time of the last of them. */
  lastMs = 0;
  readonly latency = new LatencyHistogram();
  /** Time from the start of a connection to its 101. */
  readonly opening = new LatencyHistogram();
  /** Time until the last recipient of a fan-out had all messages of a turn. */
  readonly lastRecipient = new LatencyHistogram();
  /** Delay between the schedule and the write, if the load generator caused it. */
  readonly lateness = new LatencyHistogram();

  count(messages: number, nowMs: number): void {
    this.total += messages;
    this.lastMs = nowMs;
    if (this.measuring) this.messages += messages;
  }

  begin(): void {
    this.messages = 0;
    this.latency.clear();
    this.lastRecipient.clear();
    this.lateness.clear();
    this.measuring = true;
  }
}
