import { type Guarded, tellFailed } from '../guarded.ts';

/** Work that does not run on the event loop. */
export interface Job extends Guarded {
  /** Starts the job. It has to call `finished` once, in a later turn, however it ends. */
  start(finished: () => void): void;
}

/** Runs jobs in order, a limited number at a time. */
export class JobQueue {
  readonly #maxRunning: number;
  readonly #waiting = new Set<Job>();
  #running = 0;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** Number of queued jobs. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of running jobs. */
  get running(): number {
    return this.#running;
  }

  /** Starts `job` now, or queues it. */
  add(job: Job): void {
    this.#waiting.add(job);
    this.#startNext();
  }

  /** Cancels a queued job. @returns False if the job has already started. */
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
      // Deferred, because the caller of `add` does not have its job yet.
      queueMicrotask(() => {
        finished();
        tellFailed(job, error);
      });
    }
  }
}
