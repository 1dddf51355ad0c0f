import { type Guarded, tellFailed } from '../guarded.ts';

/** A piece of work that does not run on the event loop. */
export interface Job extends Guarded {
  /** Begins it. `finished` is to be called once, later, however it ends. */
  start(finished: () => void): void;
}

/** Jobs in the order of asking, only so many at a time. */
export class JobQueue {
  readonly #maxRunning: number;
  readonly #waiting = new Set<Job>();
  #running = 0;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** Jobs not begun. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Jobs begun and not finished. */
  get running(): number {
    return this.#running;
  }

  /** Begins `job` now or when its turn comes. */
  add(job: Job): void {
    this.#waiting.add(job);
    this.#startNext();
  }

  /** @returns Whether it had not begun: then it never will. */
  cancel(job: Job): boolean {
    return this.#waiting.delete(job);
  }

  #startNext(): void {
    for (const job of this.#waiting) {
      if (this.#running >= this.#maxRunning) return;
      this.#waiting.delete(job);
      this.#running++;
      this.#start(job);
    }
  }

  #start(job: Job): void {
    let isRunning = true;
    const finished = (): void => {
      if (!isRunning) return;
      isRunning = false;
      this.#running--;
      this.#startNext();
    };
    try {
      job.start(finished);
    } catch (error) {
      // Later: the caller of `add` does not have its job yet.
      queueMicrotask(() => {
        finished();
        tellFailed(job, error);
      });
    }
  }
}
