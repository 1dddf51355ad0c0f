import type { Clock } from '../client/index.ts';
import { Alarm } from './alarm.ts';
import { LateOpenings } from './late-openings.ts';
import { LoadConnection, type LoadConnectionOwner, type LoadWire } from './load-connection.ts';
import type { LoadError } from './load-plan.ts';
import { Pacer } from './pacer.ts';
import type { Tally } from './tally.ts';

/** Maximum concurrent handshakes without a ramp: half of the usual backlog of a listener. */
const OPENING_AT_ONCE = 256;

export interface FleetSettings {
  readonly size: number;
  readonly rampMs: number;
  readonly timeoutMs: number;
}

/** Events of the connections of a fleet. */
export interface FleetListener {
  replied(connection: LoadConnection, count: number): void;
  /** The server or the network ended an open connection. */
  lost(connection: LoadConnection): void;
  failed(error: LoadError): void;
}

/** The connections of a run: opens them, counts failures by reason, and closes them at the end. */
export class Fleet implements LoadConnectionOwner {
  readonly open = new Set<LoadConnection>();
  /** Number of connections that failed to open or were lost, by reason. */
  readonly failures = new Map<string, number>();
  /** Messages without an answer on connections that have ended with a closing handshake. */
  unanswered = 0;

  readonly #settings: FleetSettings;
  readonly #wire: LoadWire;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #listener: FleetListener;
  readonly #opening = new Set<LoadConnection>();
  readonly #late: LateOpenings;
  readonly #alarm: Alarm;
  #started = 0;
  #pacer: Pacer | undefined;
  #isClosing = false;
  #settled: (() => void) | undefined;
  #empty: (() => void) | undefined;

  constructor(settings: FleetSettings, wire: LoadWire, clock: Clock, tally: Tally, listener: FleetListener) {
    this.#settings = settings;
    this.#wire = wire;
    this.#clock = clock;
    this.#tally = tally;
    this.#listener = listener;
    this.#late = new LateOpenings(clock, this.#opening, settings.timeoutMs);
    this.#alarm = new Alarm(clock, () => this.#start());
  }

  /** Opens all connections. Resolves when each is open or has failed, or when `signal` is aborted. */
  openAll(signal: AbortSignal): Promise<void> {
    const { size, rampMs } = this.#settings;
    if (rampMs > 0) this.#pacer = new Pacer((size * 1_000) / rampMs, this.#clock.now());
    return new Promise<void>((resolve) => {
      this.#settled = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#late.start();
      this.#start();
    }).finally(() => {
      this.#started = size;
      this.#alarm.clear();
      this.#late.stop();
    });
  }

  /** Closes all connections and resolves when they have ended; aborts them after `graceMs`. */
  async leave(how: 'close' | 'reset', graceMs: number): Promise<void> {
    this.#started = this.#settings.size;
    const gone = new Promise<void>((resolve) => {
      this.#empty = resolve;
    });
    this.#isClosing = how === 'close';
    for (const connection of [...this.open, ...this.#opening]) connection[how]();
    const timer = this.#clock.setTimer(() => {
      this.#isClosing = false;
      for (const connection of [...this.open, ...this.#opening]) connection.reset();
    }, graceMs);
    this.#ended();
    await gone;
    this.#clock.clearTimer(timer);
  }

  opened(connection: LoadConnection): void {
    this.#opening.delete(connection);
    this.open.add(connection);
    this.#tally.opening.record(this.#clock.now() - connection.startedMs);
    this.#start();
  }

  replied(connection: LoadConnection, count: number): void {
    this.#listener.replied(connection, count);
  }

  ended(connection: LoadConnection, why: string | undefined): void {
    this.#opening.delete(connection);
    const wasOpen = this.open.delete(connection);
    if (this.#isClosing) this.unanswered += connection.unanswered;
    if (why !== undefined) {
      this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
      if (wasOpen) this.#listener.lost(connection);
    }
    this.#start();
    this.#ended();
  }

  failed(error: LoadError): void {
    this.#listener.failed(error);
  }

  /** Opens the connections that may be opened now. */
  #start(): void {
    const { size } = this.#settings;
    const pacer = this.#pacer;
    const nowMs = this.#clock.now();
    let room = pacer === undefined ? OPENING_AT_ONCE - this.#opening.size : pacer.due(nowMs);
    for (; room > 0 && this.#started < size; room--) {
      const connection = new LoadConnection(this.#wire, this);
      connection.startedMs = pacer === undefined ? nowMs : pacer.nextMs();
      this.#opening.add(connection);
      this.#started++;
      if (pacer !== undefined) pacer.sent++;
    }
    if (pacer !== undefined && this.#started < size) this.#alarm.set(pacer.nextMs());
    if (this.#started === size && this.#opening.size === 0) this.#settled?.();
  }

  #ended(): void {
    if (this.open.size === 0 && this.#opening.size === 0) this.#empty?.();
  }
}

/** The most frequent reason, with its number of connections. */
export function mainFailure(failures: ReadonlyMap<string, number>): string {
  const [first] = [...failures].sort((a, b) => b[1] - a[1]);
  if (first === undefined) return 'the reason is unknown';
  const [why, times] = first;
  return times === 1 ? why : `${why}, ${times} times`;
}
