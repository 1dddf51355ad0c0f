import { BreakerCore } from '../../breaker/breaker-core.ts';
import type { Observers } from '../../connection/observers.ts';
import type { Clock } from '../../engine/clock.ts';
import type { ResolvedServerOptions } from '../../options/server-options.ts';

const WINDOW_MS = 10_000;

/** The server whose `upgrade` hook a breaker guards. */
export interface HookBreakerOwner {
  readonly options: Pick<ResolvedServerOptions<never>, 'loadControl'>;
  readonly observers: Observers;
  readonly clock: Clock;
}

/** The circuit breaker around the `upgrade` hook. @returns `undefined` without the option `loadControl.breaker`. */
export function hookBreakerOf(owner: HookBreakerOwner): BreakerCore | undefined {
  const { loadControl } = owner.options;
  if (loadControl === false || loadControl.breaker === false) return undefined;
  const { minHandshakes, failureRatio, openMs, trials } = loadControl.breaker;
  const rules = { windowMs: WINDOW_MS, minCalls: minHandshakes, failureRatio, openMs, trials };
  return new BreakerCore(rules, owner.clock, (next, previous) =>
    owner.observers.tell('breakerChanged', next, previous),
  );
}
