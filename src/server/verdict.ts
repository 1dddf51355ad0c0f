import { shown } from '../connection/option-check.ts';
import { isThenable } from '../connection/emitter.ts';
import { MisuseError } from '../protocol/errors.ts';

/**
 * What a predicate of the application says. Only `true` means yes.
 * @param what The predicate, for the message.
 * @throws MisuseError `ERR_ARGUMENT` for anything but `true` and `false`. A promise decides nothing in time, and its
 *   rejection would end the process; `undefined` is a forgotten `return`.
 */
export function verdictOf(what: string, verdict: unknown): boolean {
  if (typeof verdict === 'boolean') return verdict;
  const isPromise = isThenable(verdict);
  if (isPromise) verdict.then(undefined, () => {});
  throw new MisuseError(
    'ERR_ARGUMENT',
    `${what} returned ${isPromise ? 'a promise' : shown(verdict)}; it must return true or false at once`,
  );
}
