import { Backoff, type PlannedAttempt } from './backoff.ts';
import type { RetrySettings } from '../../options/retry-options.ts';
import type { Reaction } from './close-reactions.ts';

/** Why there is no further attempt; see `EndInfo`. */
export type GiveUpReason = 'refused' | 'credentials' | 'attempts';

/**
 * Decides whether and when to retry. Unlike the rules, it knows the number of attempts in a row and their credentials. All
 * times in ms on one clock.
 * @typeParam Down Describes how an attempt or a connection failed.
 */
export class RetryPlan<Down> {
  readonly #backoff: Backoff;
  readonly #maxUnexpectedResponses: number;
  /** Unexpected responses since the last connection. */
  #unexpectedResponses = 0;
  readonly #canChange: boolean;
  /** Credentials of the last attempt. */
  #credentials: string | undefined;
  /** How the server refused the credentials of the last attempt. */
  #turnedAway: Down | undefined;
  /** Fresh credentials were already tried, without a stable connection since. */
  #triedFresh = false;

  /** @param canChange Whether the next attempt can have other credentials than the last one. */
  constructor(settings: RetrySettings, canChange: boolean) {
    this.#backoff = new Backoff(settings);
    this.#maxUnexpectedResponses = settings.maxUnexpectedResponses;
    this.#canChange = canChange;
  }

  /** Attempts in a row without a stable connection. */
  get attempts(): number {
    return this.#backoff.attempts;
  }

  /**
   * Takes the credentials of the next attempt.
   * @param credentials All values that may contain credentials, as one text.
   * @returns How the server refused the same credentials before. Then the attempt is pointless.
   */
  bring(credentials: string): Down | undefined {
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
   * Decides whether to retry, and plans the next attempt.
   * @param fraction Random; from 0 up to, not including, 1.
   * @param lowerBoundMs What the server requested with `Retry-After`.
   */
  next(
    reaction: Reaction,
    info: Down,
    fraction: number,
    lowerBoundMs?: number,
  ): PlannedAttempt | GiveUpReason {
    if (reaction === 'stay-away') return 'refused';
    if (reaction === 'again-some' && ++this.#unexpectedResponses >= this.#maxUnexpectedResponses)
      return 'refused';
    if (reaction === 'again-if-fresh') {
      if (this.#triedFresh || !this.#canChange) return 'credentials';
      this.#triedFresh = true;
      this.#turnedAway = info;
    }
    const spread = reaction === 'again-spread' || reaction === 'again-some';
    return this.#backoff.next(spread, fraction, lowerBoundMs) ?? 'attempts';
  }
}
