import { LatencyHistogram } from './latency-histogram.ts';

/** What a run counts. Everything but the openings counts only while it is measured. */
export class Tally {
  measuring = false;
  /** Messages that came back, deliveries of a fan-out, or connections opened in `handshake`. */
  messages = 0;
  /** All of them since the start, also while nothing is measured. */
  total = 0;
  lastMs = 0;
  readonly latency = new LatencyHistogram();
  /** From a connection's start to its 101. */
  readonly opening = new LatencyHistogram();
  /** Until the last recipient of a fan-out had everything. */
  readonly lastRecipient = new LatencyHistogram();
  /** How late the generator itself sent due messages. */
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
