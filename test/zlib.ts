import type { TestContext } from 'node:test';
import { defaultEngine } from '../src/engine/engine.ts';
import type { ZlibPool } from '../src/engine/zlib/zlib-pool.ts';

/** For `skip` of a test that takes zlib's steps on the caller's stack: no Node is without, a test sees to that. */
export const NO_ZLIB_STEPS: false | string =
  !defaultEngine.zlib.drivesZlib && 'on this runtime zlib takes no steps on the stack of the caller';

/** For the time of a test, Node's internals are not what zlib's steps need. */
export function withoutZlibSteps(t: TestContext, zlib: ZlibPool = defaultEngine.zlib): void {
  t.mock.getter(zlib, 'drivesZlib', () => false);
}
