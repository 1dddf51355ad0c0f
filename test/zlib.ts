import { drivesZlib } from '../src/engine/zlib/raw-zlib.ts';

/** For `skip` of a test that takes zlib's steps on the caller's stack: no Node is without, a test sees to that. */
export const NO_ZLIB_STEPS: false | string =
  !drivesZlib() && 'on this runtime zlib takes no steps on the stack of the caller';
