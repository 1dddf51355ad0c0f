import { AssertionError } from 'node:assert';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { eventLoopTurns } from './wait-for.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** Resources to compare in addition to those of the process. */
export interface LeakCheckOptions {
  /**
   * Functions that count further resources, by name: for example the timers of a virtual clock, or the connections of a
   * server.
   */
  readonly counts?: Readonly<Record<string, () => number>>;
}

/** The resources that were open at a moment; see {@link leakCheck}. */
export interface LeakCheck {
  /**
   * Waits until all resources opened since then are closed.
   * @param options `withinMs`: maximum real time to wait. Default 1 000.
   * @throws AssertionError that lists the open resources by kind.
   */
  assertNothingLeft(options?: { readonly withinMs?: number }): Promise<void>;
}

/**
 * Counts the open resources of this process by kind: sockets, servers, timers, requests to the system. It sees only
 * resources that keep the process alive, so nothing that was `unref`ed. Use `counts` for other resources.
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  checkCallOptions('leakCheck', options, OPTIONS.leakCheck);
  const counts = new Map(Object.entries(options.counts ?? {}));
  const before = census(counts);
  return {
    async assertNothingLeft({ withinMs = 1_000 } = {}): Promise<void> {
      const giveUpAtMs = performance.now() + withinMs;
      for (;;) {
        // A closed resource leaves the list one turn later.
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
