import assert from 'node:assert/strict';
import { MisuseError } from '../../src/protocol/errors.ts';
import { resolveServerOptions, type ServerOptions } from '../../src/options/resolve-server-options.ts';

/** Any value, as untyped callers may pass it. */
export const resolve = (options: unknown) => resolveServerOptions(options as ServerOptions);
/** Message of the `MisuseError` that the options cause. */
export const refusal = (options: unknown): string => {
  try {
    resolve(options);
  } catch (error) {
    assert.ok(error instanceof MisuseError);
    assert.equal(error.code, 'ERR_OPTION');
    return error.message;
  }
  return assert.fail('it was accepted');
};
