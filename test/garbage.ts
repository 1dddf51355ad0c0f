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

/** For `skip` of a test that collects garbage: only V8 has a collector that can be called. */
export const NO_COLLECTOR: false | string =
  found === undefined && 'the garbage collector of this runtime cannot be called';

/** Collects all garbage, now. */
export const collectGarbage = (): void => found!();
