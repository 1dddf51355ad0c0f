import { AssertionError } from 'node:assert';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { eventLoopTurns } from './wait-for.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** What is compared beside the resources of the process. */
export interface LeakCheckOptions {
  /** More things that must not be left, by name: how many there are now. For example timers of a virtual clock, connections of a server. */
  readonly counts?: Readonly<Record<string, () => number>>;
}

/** What was open when it was made; see {@link leakCheck}. */
export interface LeakCheck {
  /**
   * Waits until nothing is open that was not open when the check began.
   * @param options `withinMs`: real time that closing may take. Default 1 000.
   * @throws AssertionError that lists what is left, by kind, if something is.
   */
  assertNothingLeft(options?: { readonly withinMs?: number }): Promise<void>;
}

/**
 * Remembers what is open in this process now: sockets, servers, timers, requests to the system, by kind. It sees what
 * keeps a process alive, so neither what was `unref`ed nor how long a timer still has; `counts` takes care of the rest.
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  checkCallOptions('leakCheck', options, OPTIONS.leakCheck);
  const counts = new Map(Object.entries(options.counts ?? {}));
  const before = census(counts);
  return {
    async assertNothingLeft({ withinMs = 1_000 } = {}): Promise<void> {
      const giveUpAtMs = performance.now() + withinMs;
      for (;;) {
        // What is closed leaves the list in the turn after.
        await eventLoopTurns(1);
        const left = [...census(counts)]
          .map(([kind, count]) => ({ kind, count: count - (before.get(kind) ?? 0) }))
          .filter(({ count }) => count > 0);
        if (left.length === 0) return;
        if (performance.now() < giveUpAtMs) continue;
        const list = left.map(({ kind, count }) => `${count} ${kind}`).join(', ');
        throw new AssertionError({
          message: `still open after ${withinMs} ms: ${list}`,
          actual: left,
          expected: [],
        });
      }
    },
  };
}

function census(counts: ReadonlyMap<string, () => number>): Map<string, number> {
  const found = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) found.set(kind, (found.get(kind) ?? 0) + 1);
  for (const [name, count] of counts) found.set(name, count());
  return found;
}
