import type { Clock } from '../../engine/clock.ts';
import type { CloseInfo } from '../../protocol/close-info.ts';
import type { DropCause, ObservedConnection, Observer, Refusal, ResumeResult } from '../observer.ts';
import { Histogram, type HistogramCounts } from './histogram.ts';
import { closeCodeLabel, refusalLabel } from './labels.ts';
import { bucketsOf } from './metric-table.ts';

const MS_PER_SECOND = 1_000;

/** Between two labels in a key. No label contains it. */
const BETWEEN = ' ';

/** Values by their labels. */
export type Labelled = readonly (readonly [labels: readonly string[], value: number])[];

/** A counter with labels of bounded sets. */
class LabelledCounter {
  readonly #counts = new Map<string, number>();

  /** @param known Labels that are shown from the start, with 0, so that the first event is seen as an increase. */
  constructor(known: readonly string[] = []) {
    for (const key of known) this.#counts.set(key, 0);
  }

  add(key: string, by = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  read(): Labelled {
    return [...this.#counts].map(([key, value]) => [key.split(BETWEEN), value]);
  }
}

/** What {@link ServerCounts} has counted, at one moment. Durations are in seconds. */
export interface ServerCountsReading {
  readonly closes: Labelled;
  /** By the status of the response. */
  readonly acceptances: Labelled;
  readonly refusals: Labelled;
  readonly dropped: Labelled;
  readonly rateLimited: Labelled;
  readonly engineErrors: number;
  readonly recoveries: Labelled;
  readonly handshakeSeconds: HistogramCounts;
  readonly upgradeHookSeconds: HistogramCounts;
  readonly connectionSeconds: HistogramCounts;
  readonly pingRttSeconds: HistogramCounts;
}

/** Counts what only the metrics show: durations, and events by bounded labels. Always on: none of it happens per message. */
export class ServerCounts implements Observer {
  readonly #clock: Clock;
  readonly #closes = new LabelledCounter();
  readonly #acceptances = new LabelledCounter(['101']);
  readonly #refusals = new LabelledCounter();
  readonly #dropped = new LabelledCounter(['undelivered', 'unsent', 'close', 'drop-newest', 'drop-oldest']);
  readonly #rateLimited = new LabelledCounter(['close', 'throttle']);
  readonly #recoveries = new LabelledCounter(['recovered', 'not-recovered', 'busy', 'unavailable', 'lost']);
  #engineErrors = 0;
  readonly #handshakes = new Histogram(bucketsOf('handshake_seconds'));
  readonly #hooks = new Histogram(bucketsOf('upgrade_hook_seconds'));
  readonly #connections = new Histogram(bucketsOf('connection_seconds'));
  readonly #roundTrips = new Histogram(bucketsOf('ping_rtt_seconds'));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  upgradeHookEnded(durationMs: number): void {
    this.#hooks.add(durationMs / MS_PER_SECOND);
  }

  opened(_connection: ObservedConnection, handshakeMs: number, status: number): void {
    this.#acceptances.add(String(status));
    this.#handshakes.add(handshakeMs / MS_PER_SECOND);
  }

  refused({ code }: Refusal): void {
    this.#refusals.add(refusalLabel(code));
  }

  closed(connection: ObservedConnection, info: CloseInfo): void {
    this.#closes.add(closeCodeLabel(info) + BETWEEN + info.cause);
    this.#connections.add((this.#clock.wallNow() - connection.connectedAtMs) / MS_PER_SECOND);
  }

  dropped(_connection: ObservedConnection, messages: number, cause: DropCause): void {
    this.#dropped.add(cause, messages);
  }

  rateLimited(_connection: ObservedConnection, action: 'close' | 'throttle'): void {
    this.#rateLimited.add(action);
  }

  roundTrip(_connection: ObservedConnection, rttMs: number): void {
    this.#roundTrips.add(rttMs / MS_PER_SECOND);
  }

  engineFault(): void {
    this.#engineErrors++;
  }

  resumed(_topic: string, result: ResumeResult): void {
    this.#recoveries.add(result);
  }

  topicLost(): void {
    this.#recoveries.add('lost');
  }

  get pingRttSeconds(): HistogramCounts {
    return this.#roundTrips.read();
  }

  read(): ServerCountsReading {
    return {
      closes: this.#closes.read(),
      acceptances: this.#acceptances.read(),
      refusals: this.#refusals.read(),
      dropped: this.#dropped.read(),
      rateLimited: this.#rateLimited.read(),
      engineErrors: this.#engineErrors,
      recoveries: this.#recoveries.read(),
      handshakeSeconds: this.#handshakes.read(),
      upgradeHookSeconds: this.#hooks.read(),
      connectionSeconds: this.#connections.read(),
      pingRttSeconds: this.pingRttSeconds,
    };
  }
}
