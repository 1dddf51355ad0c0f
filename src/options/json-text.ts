import { MisuseError } from '../protocol/errors.ts';
import { isThenable, refuseSurplus } from './call-check.ts';
import { checkSendOptions } from './call-options.ts';

/** Values that `JSON.stringify` turns into `{}`, and what to send instead. */
const WITHOUT_FORM: readonly (readonly [kind: string, fits: (value: unknown) => boolean, instead: string])[] =
  Object.freeze([
    ['a promise', isThenable, 'await it first'],
    ['a Map', (value) => value instanceof Map, 'send Object.fromEntries(value) or [...value]'],
    ['a Set', (value) => value instanceof Set, 'send [...value]'],
  ]);

/**
 * Checks the arguments of `sendJson`. @returns The value as JSON.
 * @param of `connection` or `client`.
 * @throws MisuseError `ERR_ARGUMENT` for a value without a JSON form, and for a surplus argument; `ERR_OPTION` for an
 *   invalid option.
 */
export function jsonText(
  of: 'connection' | 'client',
  value: unknown,
  options: unknown,
  surplus: unknown,
): string {
  if (surplus !== undefined) refuseSurplus(`${of}.sendJson`, surplus, `await ${of}.drained()`);
  if (options !== undefined) checkSendOptions(of, options, undefined);
  return jsonOf(`${of}.sendJson`, value);
}

/**
 * Writes a value as JSON.
 * @param call The call, for the message.
 * @throws MisuseError `ERR_ARGUMENT` for a value without a JSON form.
 */
export function jsonOf(call: string, value: unknown): string {
  if (typeof value === 'object' && value !== null && !('toJSON' in value))
    for (const [kind, fits, instead] of WITHOUT_FORM)
      if (fits(value)) refuseValue(call, `${kind} has no JSON form; ${instead}`);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    refuseValue(
      call,
      `the value has no JSON form: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
  return (
    text ??
    refuseValue(
      call,
      `${value === undefined ? 'undefined' : `a ${typeof value}`} has no JSON form; send null`,
    )
  );
}

function refuseValue(call: string, why: string, cause?: unknown): never {
  throw new MisuseError('ERR_ARGUMENT', `${call}: ${why}`, cause === undefined ? undefined : { cause });
}
