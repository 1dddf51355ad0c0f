import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

function collector(): (() => void) | undefined {
  try {
    setFlagsFromString('--expose-gc');
    return runInNewContext('gc') as () => void;
  } catch {
    return undefined;
  }
}

const found = collector();

/** For the `skip` option of tests that force garbage collection: only V8 exposes its collector. */
export const NO_COLLECTOR: false | string =
  found === undefined && 'this runtime does not expose its garbage collector';

/** Runs a full garbage collection synchronously. */
export const collectGarbage = (): void => found!();
