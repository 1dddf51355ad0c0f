import type { Clock } from '../../engine/clock.ts';
import { PRIORITIES, type Priority } from '../../options/priority.ts';
import type { CloseInfo } from '../../protocol/close-info.ts';
import type { DropCause, ObservedConnection, Observer, Refusal, ResumeResult } from '../observer.ts';
import { Histogram, type HistogramCounts } from './histogram.ts';
import { type Labelled, labelled, LabelledCounter } from './labelled-counter.ts';
import { closeCodeLabel, refusalLabel } from './labels.ts';
import { bucketsOf } from './metric-table.ts';

const MS_PER_SECOND = 1_000;

/** What {@link ServerCounts} has counted, at one moment. Durations are in seconds. */
export interface ServerCountsReading {
  readonly closes: Labelled;
  /** By the status of the response. */
  readonly acceptances: Labelled;
  readonly refusals: Labelled;
  readonly dropped: Labelled;
  readonly rateLimited: Labelled;
  /** By priority. */
  readonly delayedHandshakes: Labelled;
  /** By priority. */
  readonly shed: Labelled;
  readonly engineErrors: number;
  readonly recoveries: Labelled;
  readonly handshakeSeconds: HistogramCounts;
  readonly upgradeHookSeconds: HistogramCounts;
  readonly connectionSeconds: HistogramCounts;
  readonly pingRttSeconds: HistogramCounts;
}

/**
 * Counts the events of a server, for its statistics and its metrics, and measures durations. Always on: none of it happens per
 * message. Labels of the metrics are bounded; statistics show the codes themselves.
 */
export class ServerCounts implements Observer {
  readonly #clock: Clock;
  /** By code, cause, and the label of the code. */
  readonly closes = new LabelledCounter();
  /** By the status of the response. */
  readonly acceptances = new LabelledCounter(['101']);
  /** By code. */
  readonly refusals = new LabelledCounter();
  /** By cause. */
  readonly droppedMessages = new LabelledCounter([
    'undelivered',
    'unsent',
    'close',
    'drop-newest',
    'drop-oldest',
    'conflate',
  ]);
  readonly #rateLimited = new LabelledCounter(['close', 'throttle']);
  readonly #delayedHandshakes = new LabelledCounter(PRIORITIES);
  readonly #shed = new LabelledCounter(['high', 'normal', 'low']);
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
    this.acceptances.add(String(status));
    this.#handshakes.add(handshakeMs / MS_PER_SECOND);
  }

  refused({ code }: Refusal): void {
    this.refusals.add(code);
  }

  closed(connection: ObservedConnection, info: CloseInfo): void {
    this.closes.add(labelled(String(info.code), info.cause, closeCodeLabel(info)));
    this.#connections.add((this.#clock.wallNow() - connection.connectedAtMs) / MS_PER_SECOND);
  }

  dropped(_connection: ObservedConnection, messages: number, cause: DropCause): void {
    this.droppedMessages.add(cause, messages);
  }

  rateLimited(_connection: ObservedConnection, action: 'close' | 'throttle'): void {
    this.#rateLimited.add(action);
  }

  handshakeDelayed(priority: Priority): void {
    this.#delayedHandshakes.add(priority);
  }

  shed(_connection: ObservedConnection, priority: Priority): void {
    this.#shed.add(priority);
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
      closes: this.closes.folded(([, cause, label]) => labelled(label!, cause!)).read(),
      acceptances: this.acceptances.read(),
      refusals: this.refusals.folded(([code]) => refusalLabel(code as Refusal['code'])).read(),
      dropped: this.droppedMessages.read(),
      rateLimited: this.#rateLimited.read(),
      delayedHandshakes: this.#delayedHandshakes.read(),
      shed: this.#shed.read(),
      engineErrors: this.#engineErrors,
      recoveries: this.#recoveries.read(),
      handshakeSeconds: this.#handshakes.read(),
      upgradeHookSeconds: this.#hooks.read(),
      connectionSeconds: this.#connections.read(),
      pingRttSeconds: this.pingRttSeconds,
    };
  }
}
