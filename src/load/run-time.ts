import type { Clock } from '../client/index.ts';
import { LoadError } from './load-plan.ts';

const LATE_CHECK_MS = 250;

/** A driver whose answers are watched. */
export interface Answering {
  /** Whether a message is unanswered. */
  waiting(): boolean;
}

/** The timing of one run. Waits end early if the run fails or is interrupted. Missing answers fail the run. */
export class RunTime {
  /** The failure of the run. */
  error: LoadError | undefined;
  readonly #clock: Clock;
  readonly #over = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Aborted when the run fails or is interrupted. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  interrupt(): void {
    this.#over.abort();
  }

  /** Ends the run with an error. Later errors are ignored. */
  fail(error: LoadError): void {
    this.error ??= error;
    this.#over.abort();
  }

  throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }

  /** Waits for `ms`, or until the run ends. @throws LoadError if the run has failed. */
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
   * Fails the run if no answer arrives for `timeoutMs` while a message is unanswered.
   * @param lastMs Returns the time of the last answer.
   * @param hint Appended to the error: a possible cause.
   * @returns A function that ends the watch.
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
