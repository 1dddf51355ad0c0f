import type { Clock } from '../../engine/clock.ts';
import { isThenable } from '../../options/call-check.ts';
import { shown } from '../../options/option-check.ts';
import { memberFault } from '../../options/topic-calls.ts';
import type { SubscribeAcceptance } from '../../options/topic-hooks.ts';
import { MisuseError } from '../../protocol/errors.ts';

/** What an accepted subscription makes of the connection; `undefined`: the hook refused. */
export type SubscribeVerdict = SubscribeAcceptance | undefined;

/**
 * Reads the result of `authorizeSubscribe`.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a boolean or an object with known keys: then the hook has not accepted.
 */
export function subscribeVerdict(result: unknown): SubscribeVerdict {
  if (result === false) return undefined;
  if (result === true) return {};
  if (typeof result !== 'object' || result === null || Array.isArray(result)) throw unusable(result);
  for (const key of Object.keys(result))
    if (key !== 'presence') throw unusable(result, `an object with the unknown key ${key.slice(0, 64)}`);
  const { presence } = result as { presence?: unknown };
  if (presence === undefined) return {};
  if (typeof presence !== 'object' || presence === null || Array.isArray(presence))
    throw unusable(result, `an object whose presence is ${shown(presence)}`);
  for (const key of Object.keys(presence))
    if (key !== 'key' && key !== 'info')
      throw unusable(result, `an object whose presence has the unknown key ${key.slice(0, 64)}`);
  const fault = memberFault(presence);
  if (fault !== undefined)
    throw unusable(result, `an object whose presence.${fault.name} is not ${fault.must}`);
  return { presence };
}

/**
 * Reads the result of `authorizePublish`.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a boolean.
 */
export function publishVerdict(result: unknown): boolean {
  if (typeof result === 'boolean') return result;
  throw new MisuseError(
    'ERR_ARGUMENT',
    `authorizePublish returned ${shown(result)}; it must return true or false`,
  );
}

const unusable = (result: unknown, what = shown(result)): MisuseError =>
  new MisuseError(
    'ERR_ARGUMENT',
    `authorizeSubscribe returned ${what}; it must return true, false, or { presence: { key, info } }`,
  );

/** The hooks of one session that have not answered. */
export class Deciding {
  readonly #clock: Clock;
  readonly #settings: { readonly upgradeTimeoutMs: number };
  readonly #timers = new Set<unknown>();

  /** @param settings `upgradeTimeoutMs` is the time limit of a hook. */
  constructor(clock: Clock, settings: { readonly upgradeTimeoutMs: number }) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /**
   * Calls a hook, and waits for its promise if it returns one.
   * @param done Called once, before this returns if the hook answers at once: with its result, or with a failure.
   */
  ask(
    hook: () => unknown,
    done: (result: unknown, failure: { readonly error: unknown } | undefined) => void,
  ): void {
    let result: unknown;
    try {
      result = hook();
    } catch (error) {
      done(undefined, { error });
      return;
    }
    if (!isThenable(result)) {
      done(result, undefined);
      return;
    }
    let isDone = false;
    const settle = (value: unknown, failure: { readonly error: unknown } | undefined): void => {
      if (isDone) return;
      isDone = true;
      this.#clock.clearTimer(timer);
      this.#timers.delete(timer);
      done(value, failure);
    };
    const timer = this.#clock.setTimer(() => {
      const error = new MisuseError(
        'ERR_STATE',
        `no answer within ${this.#settings.upgradeTimeoutMs} ms (upgradeTimeoutMs)`,
      );
      settle(undefined, { error });
    }, this.#settings.upgradeTimeoutMs);
    this.#timers.add(timer);
    // A thenable of the application may throw, or settle twice.
    void Promise.resolve(result).then(
      (value) => settle(value, undefined),
      (error: unknown) => settle(undefined, { error }),
    );
  }

  /** The connection is closed: no answer is needed. */
  end(): void {
    for (const timer of this.#timers) this.#clock.clearTimer(timer);
    this.#timers.clear();
  }
}
