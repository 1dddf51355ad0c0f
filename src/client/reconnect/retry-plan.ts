import { ConnectError } from '../../protocol/connect-error.ts';
import { Backoff, type PlannedAttempt } from './backoff.ts';
import type { EndInfo } from './reconnect-events.ts';
import type { DownInfo, RetrySettings } from '../../options/reconnect-options.ts';
import type { Reaction } from './reconnect-rules.ts';

/** Why there is no further attempt; what they mean is at {@link EndInfo}. */
export type GiveUpReason = Exclude<EndInfo['why'], 'close' | 'abort'>;

/**
 * Whether there is another attempt, and when. Knows what the rules do not: how many there were in a row, and with which
 * credentials. All times in ms on one clock.
 */
export class RetryPlan {
  readonly #backoff: Backoff;
  readonly #maxUnexpectedResponses: number;
  /** Since the last connection. */
  #unexpectedResponses = 0;
  readonly #canChange: boolean;
  /** What the last attempt brought. */
  #credentials: string | undefined;
  /** The server wants others than these, and this is what it said. */
  #turnedAway: DownInfo | undefined;
  /** That was tried already, and no connection has lasted since. */
  #triedFresh = false;

  /** @param canChange The next attempt can bring other credentials than the last one. */
  constructor(settings: RetrySettings, canChange: boolean) {
    this.#backoff = new Backoff(settings);
    this.#maxUnexpectedResponses = settings.maxUnexpectedResponses;
    this.#canChange = canChange;
  }

  /** Attempts in a row that brought no lasting connection. */
  get attempts(): number {
    return this.#backoff.attempts;
  }

  /**
   * What an attempt is about to bring.
   * @param credentials Everything in which they may stand, as one text.
   * @returns How the server turned away the very same ones: then there is no use in it.
   */
  bring(credentials: string): DownInfo | undefined {
    if (this.#turnedAway !== undefined && credentials === this.#credentials) return this.#turnedAway;
    this.#turnedAway = undefined;
    this.#credentials = credentials;
    return undefined;
  }

  opened(nowMs: number): void {
    this.#unexpectedResponses = 0;
    this.#backoff.opened(nowMs);
  }

  /** The connection has ended. */
  lost(nowMs: number): void {
    if (this.#backoff.lost(nowMs)) this.#triedFresh = false;
  }

  /**
   * Decides, once there is no connection, and plans the next attempt.
   * @param fraction At random, from 0 up to, not including, 1.
   */
  next(reaction: Reaction, info: DownInfo, fraction: number): PlannedAttempt | GiveUpReason {
    if (reaction === 'stay-away') return 'refused';
    if (reaction === 'again-some' && ++this.#unexpectedResponses >= this.#maxUnexpectedResponses)
      return 'refused';
    if (reaction === 'again-if-fresh') {
      if (this.#triedFresh || !this.#canChange) return 'credentials';
      this.#triedFresh = true;
      this.#turnedAway = info;
    }
    const lowerBoundMs = info.error instanceof ConnectError ? info.error.retryAfterMs : undefined;
    const spread = reaction === 'again-spread' || reaction === 'again-some';
    return this.#backoff.next(spread, fraction, lowerBoundMs) ?? 'attempts';
  }
}
