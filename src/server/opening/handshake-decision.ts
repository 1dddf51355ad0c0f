import type { DeadlineOwner } from '../../engine/deadlines.ts';
import type { HandshakeOwner } from './handshake-owner.ts';
import type { Verdict } from './upgrade-decision.ts';
import type { AskedUpgrade, UpgradeHookCall } from './upgrade-hook-call.ts';

/** The verdict of a server without the `upgrade` hook. */
const ADMITTED = Object.freeze({ refusal: undefined, acceptance: undefined });

/**
 * Decides about one handshake: asks the `upgrade` hook, waits for code that the server loads, and delays the handshake under
 * load. All of it together ends with `upgradeTimeoutMs`.
 */
export class HandshakeDecision<UserData> {
  readonly #owner: HandshakeOwner<UserData>;
  readonly #handshake: DeadlineOwner;
  readonly #call: UpgradeHookCall | undefined;
  /** Set during a delay. */
  #endDelay: (() => void) | undefined;

  /** @param call `undefined` without a hook. */
  constructor(owner: HandshakeOwner<UserData>, handshake: DeadlineOwner, call: UpgradeHookCall | undefined) {
    this.#owner = owner;
    this.#handshake = handshake;
    this.#call = call;
  }

  /**
   * @param opening What the server still loads.
   * @param isWanted Whether the handshake is still pending. If not, the verdict does not count.
   * @throws What the hook throws, at once or as a rejection. As a rejection, `ERR_UPGRADE_HOOK` for an unusable result.
   */
  verdict(
    asked: AskedUpgrade,
    opening: Promise<void> | undefined,
    isWanted: () => boolean,
  ): Promise<Verdict<UserData>> {
    const owner = this.#owner;
    const { deadlines, options } = owner;
    const limitMs = deadlines.now() + options.upgradeTimeoutMs;
    deadlines.plan(this.#handshake, limitMs);
    const hook = options.upgrade;
    const judged: Verdict<UserData> | Promise<Verdict<UserData>> =
      this.#call === undefined || hook === undefined
        ? ADMITTED
        : this.#call.verdict(hook, asked, deadlines.clock, (ms) => owner.upgradeHookEnded(ms));
    return this.#delayed(judged, opening, isWanted, limitMs);
  }

  async #delayed(
    judged: Verdict<UserData> | Promise<Verdict<UserData>>,
    opening: Promise<void> | undefined,
    isWanted: () => boolean,
    limitMs: number,
  ): Promise<Verdict<UserData>> {
    const verdict = await judged;
    if (opening !== undefined) await opening;
    const owner = this.#owner;
    const { deadlines } = owner;
    const { delayMs } = owner.guard.gate;
    if (delayMs === 0 || verdict.refusal !== undefined || !isWanted()) return verdict;
    owner.guard.handshakeDelayed(verdict.acceptance?.priority ?? 'normal');
    // A promise keeps the asynchronous context of the handshake; the callback of a deadline has none.
    await new Promise<void>((resolve) => {
      this.#endDelay = resolve;
      deadlines.plan(this.#handshake, Math.min(deadlines.now() + delayMs, limitMs));
    });
    return verdict;
  }

  /** @returns `false` if the time limit has passed; `true` if only a delay has ended. */
  deadlineReached(): boolean {
    if (this.#endDelay === undefined) {
      this.#call?.timedOut();
      return false;
    }
    this.#endDelay();
    return true;
  }

  /** The handshake is over: the result of the hook no longer counts. */
  abort(): void {
    this.#call?.abort();
  }
}
