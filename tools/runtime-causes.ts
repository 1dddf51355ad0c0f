/** Why tests fail on a runtime that is not Node. `tools/run-others.js --record` finds out which do. */
export interface Cause {
  /** Beginnings of the runtimes' names. */
  readonly runtimes: readonly string[];
  /** Paths under test/, without `.test.ts`. */
  readonly files: readonly string[];
  /** Which of their tests; all, if nothing is said. */
  readonly tests?: RegExp;
  readonly happens: string;
  readonly whose: string;
}

/** The first that fits counts. */
export const CAUSES: readonly Cause[] = [
  {
    runtimes: ['Deno'],
    files: ['connection/compressed-receiving'],
    happens:
      'no job is ever seen under way: zlib’s streams work on the event loop, and so large messages keep it',
    whose: 'Deno’s `node:zlib`',
  },
];
