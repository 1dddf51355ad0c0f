import { isThenable } from '../connection/emitter.ts';
import { MisuseError } from '../protocol/errors.ts';

/**
 * What a predicate of the application says: yes only if it is exactly `true`.
 * @param what The predicate, for the message.
 * @throws MisuseError `ERR_ARGUMENT` for a promise: it decides nothing in time, and its rejection would end the process.
 */
export function verdictOf(what: string, verdict: unknown): boolean {
  if (!isThenable(verdict)) return verdict === true;
  verdict.then(undefined, () => {});
  throw new MisuseError('ERR_ARGUMENT', `${what} must answer true or false at once, not with a promise`);
}
