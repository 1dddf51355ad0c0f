import type { Clock } from '../client/index.ts';
import { Alarm } from './alarm.ts';
import { LateOpenings } from './late-openings.ts';
import { LoadConnection, type LoadConnectionOwner, type LoadWire } from './load-connection.ts';
import type { LoadError } from './load-plan.ts';
import { Pacer } from './pacer.ts';
import type { Tally } from './tally.ts';

export interface HandshakeSettings {
  /** Connections opened concurrently. */
  readonly atOnce: number;
  readonly ratePerSecond: number | undefined;
  readonly timeoutMs: number;
  readonly leave: 'close' | 'reset';
  /** Connections to keep open; one more aborts the oldest. 0 aborts each as soon as it is open. */
  readonly keep: number;
}

/** Opens connections with a fixed concurrency, and aborts each at once or when enough are open. */
export class HandshakeLoad implements LoadConnectionOwner {
  /** Number of connections that failed to open, by reason. */
  readonly failures = new Map<string, number>();
  readonly #settings: HandshakeSettings;
  readonly #wire: LoadWire;
  readonly #clock: Clock;
  readonly #tally: Tally;
  readonly #opening = new Set<LoadConnection>();
  readonly #late: LateOpenings;
  readonly #leaving = new Set<LoadConnection>();
  /** Open connections, the oldest first. */
  readonly #kept = new Set<LoadConnection>();
  readonly #alarm: Alarm;
  readonly #failed: (error: LoadError) => void;
  #pacer: Pacer | undefined;
  #stopped = true;
  #behind = false;
  #gone: (() => void) | undefined;

  constructor(
    settings: HandshakeSettings,
    wire: LoadWire,
    clock: Clock,
    tally: Tally,
    failed: (error: LoadError) => void,
  ) {
    this.#settings = settings;
    this.#wire = wire;
    this.#clock = clock;
    this.#tally = tally;
    this.#failed = failed;
    this.#late = new LateOpenings(clock, this.#opening, settings.timeoutMs);
    this.#alarm = new Alarm(clock, () => this.#fill());
  }

  start(): void {
    const { ratePerSecond } = this.#settings;
    this.#stopped = false;
    if (ratePerSecond !== undefined) this.#pacer = new Pacer(ratePerSecond, this.#clock.now());
    this.#late.start();
    this.#fill();
  }

  /** Stops opening, and resolves when all connections have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm.clear();
    this.#late.stop();
    const gone = new Promise<void>((resolve) => {
      this.#gone = resolve;
    });
    for (const connection of [...this.#opening, ...this.#kept, ...this.#leaving]) connection.reset();
    this.#ifGone();
    await gone;
  }

  waiting(): boolean {
    return this.#opening.size > 0;
  }

  opened(connection: LoadConnection): void {
    const nowMs = this.#clock.now();
    this.#opening.delete(connection);
    this.#tally.opening.record(nowMs - connection.startedMs);
    if (this.#tally.measuring) this.#tally.latency.record(nowMs - connection.startedMs);
    this.#tally.count(1, nowMs);
    this.#kept.add(connection);
    if (this.#kept.size > this.#settings.keep) this.#leaveOldest();
    if (this.#pacer === undefined || this.#behind) this.#fill();
  }

  replied(): void {
    // This mode sends no messages. Ignore messages of the server, such as a greeting.
  }

  ended(connection: LoadConnection, why: string | undefined): void {
    this.#opening.delete(connection);
    this.#kept.delete(connection);
    this.#leaving.delete(connection);
    if (why !== undefined) this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
    if (this.#stopped) this.#ifGone();
    else if (this.#pacer === undefined || this.#behind) this.#fill();
  }

  failed(error: LoadError): void {
    this.#failed(error);
  }

  #leaveOldest(): void {
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest);
    this.#leaving.add(oldest);
    oldest[this.#settings.leave]();
  }

  #fill(): void {
    const pacer = this.#pacer;
    const nowMs = this.#clock.now();
    const free = this.#settings.atOnce - this.#opening.size - this.#leaving.size;
    const due = pacer?.due(nowMs) ?? free;
    this.#behind = due > free;
    for (let i = Math.min(due, free); i > 0; i--) {
      const connection = new LoadConnection(this.#wire, this);
      connection.startedMs = pacer?.nextMs() ?? nowMs;
      if (pacer !== undefined) pacer.sent++;
      this.#opening.add(connection);
    }
    if (pacer !== undefined && !this.#behind) this.#alarm.set(pacer.nextMs());
  }

  #ifGone(): void {
    if (this.#opening.size + this.#kept.size + this.#leaving.size === 0) this.#gone?.();
  }
}
