import type { TestContext } from 'node:test';
import { defaultEngine } from '../src/engine/engine.ts';
import type { ZlibPool } from '../src/engine/zlib/zlib-pool.ts';

/** For the `skip` option of tests that run zlib synchronously. Never skips on Node: a test asserts it. */
export const NO_ZLIB_STEPS: false | string =
  !defaultEngine.zlib.drivesZlib && 'on this runtime zlib cannot run on the stack of the caller';

/** For the duration of a test, the engine behaves as if Node's internals could not run zlib synchronously. */
export function withoutZlibSteps(t: TestContext, zlib: ZlibPool = defaultEngine.zlib): void {
  t.mock.getter(zlib, 'drivesZlib', () => false);
}
