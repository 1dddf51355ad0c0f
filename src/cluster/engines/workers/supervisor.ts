import { type Clock, setKeepingTimer } from '../../../engine/clock.ts';
import type { RandomSource } from '../../../engine/random.ts';
import { backoffMs } from '../../backoff.ts';

/** When a worker that ended is started again, in ms. */
export interface RestartSettings {
  readonly minMs: number;
  readonly maxMs: number;
  readonly stableMs: number;
}

/** How a worker ended. */
export interface WorkerExit {
  /** Exit code; `null` for a process that a signal ended. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The error that ended a thread, or why the hub killed the worker. */
  readonly error?: Error | undefined;
}

/** A worker that was started. */
export interface Running {
  /** A process id, or the id of a thread. */
  readonly id: number;
  /** Shuts down its servers and lets it exit. */
  stop(deadlineMs: number): void;
  kill(): void;
}

/** Starts workers. Calls `up` and `exited` later, once each; `exited` also if the worker cannot be started. */
export type Launch = (number: number, up: () => void, exited: (exit: WorkerExit) => void) => Running;

/** A place for a worker, of those that `count` says. */
export interface WorkerState {
  /** From 1 up; stays when the worker is restarted. */
  readonly number: number;
  /** `waiting`: it ended and will be started again. `ended`: after `stop`. */
  readonly state: 'starting' | 'up' | 'waiting' | 'stopping' | 'ended';
  /** A process id, or the id of a thread; `undefined` while none runs. */
  readonly id: number | undefined;
  readonly restarts: number;
}

export interface SupervisorOwner {
  up(worker: WorkerState): void;
  exit(worker: WorkerState, exit: WorkerExit): void;
  restart(worker: WorkerState, planned: { readonly attempt: number; readonly delayMs: number }): void;
  /** A worker ended this often in a row before it was stable. Called once in a row. */
  failing(worker: WorkerState, exit: WorkerExit, exits: number): void;
}

export interface SupervisorSettings {
  readonly count: number;
  readonly launch: Launch;
  readonly restart: RestartSettings;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly owner: SupervisorOwner;
}

/** A worker that ended this often without being stable is reported. */
const FAILING_EXITS = 4;

class Slot {
  readonly number: number;
  state: WorkerState['state'] = 'starting';
  running: Running | undefined;
  restarts = 0;
  /** Exits in a row before the worker was stable. */
  exits = 0;
  startedMs = 0;
  timer: unknown;

  constructor(number: number) {
    this.number = number;
  }

  get view(): WorkerState {
    const { number, state, running, restarts } = this;
    return Object.freeze({ number, state, id: running?.id, restarts });
  }
}

/** Keeps a number of workers running. Restarts with exponential backoff and full jitter. */
export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #slots: readonly Slot[];
  #isStopping = false;
  #stopped: Promise<void> | undefined;
  #allEnded: () => void = () => undefined;

  constructor(settings: SupervisorSettings) {
    this.#settings = settings;
    this.#slots = Array.from({ length: settings.count }, (_, at) => new Slot(at + 1));
  }

  get workers(): readonly WorkerState[] {
    return this.#slots.map(({ view }) => view);
  }

  start(): void {
    for (const slot of this.#slots) this.#launch(slot);
  }

  /** Resolves when every worker has ended; after `deadlineMs` it is killed. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#settings;
    this.#isStopping = true;
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    for (const slot of this.#slots) {
      clock.clearTimer(slot.timer);
      slot.state = slot.running === undefined ? 'ended' : 'stopping';
      slot.running?.stop(deadlineMs);
    }
    const timer = setKeepingTimer(
      clock,
      () => {
        for (const { running } of this.#slots) running?.kill();
      },
      deadlineMs,
    );
    this.#checkEnded();
    await ended;
    clock.clearTimer(timer);
  }

  #checkEnded(): void {
    if (this.#slots.every(({ state }) => state === 'ended')) this.#allEnded();
  }

  #launch(slot: Slot): void {
    const { launch, clock, owner } = this.#settings;
    slot.state = 'starting';
    slot.startedMs = clock.now();
    slot.running = launch(
      slot.number,
      () => {
        if (slot.state !== 'starting') return;
        slot.state = 'up';
        owner.up(slot.view);
      },
      (exit) => this.#exited(slot, exit),
    );
  }

  #exited(slot: Slot, exit: WorkerExit): void {
    const { clock, random, owner, restart } = this.#settings;
    if (clock.now() - slot.startedMs >= restart.stableMs) slot.exits = 0;
    slot.exits++;
    slot.state = this.#isStopping ? 'ended' : 'waiting';
    owner.exit(slot.view, exit);
    slot.running = undefined;
    if (!this.#isStopping && slot.exits === FAILING_EXITS) owner.failing(slot.view, exit, slot.exits);
    // A listener of either event may have called `stop`.
    if (this.#isStopping) {
      slot.state = 'ended';
      this.#checkEnded();
      return;
    }
    const { minMs: firstMs, maxMs } = restart;
    const delayMs = Math.round(backoffMs({ firstMs, maxMs }, slot.exits - 1, random));
    slot.timer = setKeepingTimer(
      clock,
      () => {
        slot.restarts++;
        this.#launch(slot);
      },
      delayMs,
    );
    owner.restart(slot.view, { attempt: slot.exits, delayMs });
  }
}
