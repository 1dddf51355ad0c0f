import { isThenable } from '../options/call-check.ts';
import type { RateLimit } from '../options/connection-settings.ts';
import { shown } from '../options/option-check.ts';
import { MisuseError } from '../protocol/errors.ts';

const MAX_KEY_LENGTH = 256;

/**
 * Asks the application for the key of a connection.
 * @throws MisuseError `ERR_ARGUMENT` for a result that is no key; what the function throws.
 */
export function rateKeyOf({ key }: RateLimit, connection: object): string | undefined {
  const named = key?.(connection as never);
  if (named === undefined) return undefined;
  if (typeof named === 'string' && named.length > 0 && named.length <= MAX_KEY_LENGTH) return named;
  const isPromise = isThenable(named);
  if (isPromise) named.then(undefined, () => {});
  throw new MisuseError(
    'ERR_ARGUMENT',
    `rateLimit.key returned ${isPromise ? 'a promise' : shown(named)}; it must return a string of 1 to ${MAX_KEY_LENGTH} characters, or undefined, at once`,
  );
}
