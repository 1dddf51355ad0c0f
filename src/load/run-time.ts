import type { Clock } from '../client/index.ts';
import { LoadError } from './load-plan.ts';

const LATE_CHECK_MS = 250;

/** What is watched for answers. */
export interface Answering {
  /** Something was sent that has not been answered. */
  waiting(): boolean;
}

/** The time of one run: its waits end early if the run failed or was interrupted; missing answers fail it. */
export class RunTime {
  /** Why nothing came of the run. */
  error: LoadError | undefined;
  readonly #clock: Clock;
  readonly #over = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Aborted when the run is over early. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  interrupt(): void {
    this.#over.abort();
  }

  /** The first failure is the one that counts. */
  fail(error: LoadError): void {
    this.error ??= error;
    this.#over.abort();
  }

  throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }

  /** Waits, until the run is over at the latest. @throws LoadError if it has failed. */
  async wait(ms: number): Promise<void> {
    const { signal } = this.#over;
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(() => {
          signal.removeEventListener('abort', ended);
          resolve();
        }, ms);
        const ended = (): void => {
          this.#clock.clearTimer(timer);
          resolve();
        };
        signal.addEventListener('abort', ended, { once: true });
      });
    }
    this.throwIfFailed();
  }

  /**
   * Fails the run when answers are missing for too long.
   * @param lastMs When the last one came.
   * @param hint Stands behind the error: what may be wrong.
   * @returns Ends that.
   */
  watch(answering: Answering, lastMs: () => number, timeoutMs: number, hint: string): () => void {
    let timer: unknown;
    const look = (): void => {
      if (answering.waiting() && this.#clock.now() - lastMs() > timeoutMs) {
        this.fail(new LoadError(`the server has not answered for ${timeoutMs} ms${hint}`));
      } else timer = this.#clock.setTimer(look, LATE_CHECK_MS);
    };
    look();
    return () => this.#clock.clearTimer(timer);
  }
}
