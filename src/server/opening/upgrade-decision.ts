import { nearestName } from '../../options/nearest-name.ts';
import { shown } from '../../options/option-check.ts';
import { isPriority, PRIORITIES_ALLOWED } from '../../options/priority.ts';
import { HandshakeError } from '../../protocol/errors.ts';
import { type ResponseLike, type UpgradeAcceptance } from '../../options/hooks.ts';
import { isHeaderList, isPlainObject, isResponseLike } from './response-like.ts';
import { refuse } from './refuse.ts';

/** The meaning of the result of the `upgrade` hook. */
export type Verdict<UserData> =
  | { readonly refusal: ResponseLike }
  | { readonly refusal: undefined; readonly acceptance: UpgradeAcceptance<UserData> | undefined };

/** The allowed values of each key of an acceptance, besides `undefined`. */
const KEYS: Readonly<
  Record<keyof UpgradeAcceptance<unknown>, readonly [string, (value: unknown) => boolean]>
> = {
  data: ['anything', () => true],
  protocol: ['a string', (value) => typeof value === 'string'],
  headers: ['Headers, an array of pairs or an object', isHeaderList],
  expiresAt: [
    'a Date or a number of milliseconds since 1970',
    (value) => Number.isFinite(value instanceof Date ? value.getTime() : value),
  ],
  perMessageDeflate: ['true or false', (value) => typeof value === 'boolean'],
  priority: [PRIORITIES_ALLOWED, isPriority],
};

const WHAT_TO_RETURN = 'return nothing or { data } to admit, and refuse(status) or false to refuse';

/**
 * Reads the result of the `upgrade` hook. Only `undefined` or an object with known keys admits the client. Any other result
 * is a mistake, and admitting the client would make it a security hole.
 * @throws HandshakeError `ERR_UPGRADE_HOOK`: its message says what the hook returned and what to return instead.
 */
export function judgeDecision<UserData>(decision: unknown): Verdict<UserData> {
  if (decision === undefined) return { refusal: undefined, acceptance: undefined };
  if (decision === null || decision === false) return { refusal: DENIED() };
  if (isResponseLike(decision)) return { refusal: checkedRefusal(decision) };
  if (decision instanceof Error || !isPlainObject(decision)) throw unusable(decision);
  checkAcceptance(decision);
  return { refusal: undefined, acceptance: decision };
}

const DENIED = (): ResponseLike => refuse(403, { body: 'This request is not allowed.\n' });

function checkedRefusal(response: ResponseLike): ResponseLike {
  const { status } = response;
  if (status >= 300 && status <= 599) return response;
  throw fault(`returned a response with status ${status}, which refuses nothing; ${WHAT_TO_RETURN}`);
}

function checkAcceptance(given: object): asserts given is UpgradeAcceptance<never> {
  for (const key of Reflect.ownKeys(given)) {
    const rule =
      typeof key === 'string' && Object.hasOwn(KEYS, key) ? KEYS[key as keyof typeof KEYS] : undefined;
    if (rule === undefined) throw unknownKey(given, key);
    const [allowed, fits] = rule;
    const value: unknown = Reflect.get(given, key);
    if (value !== undefined && !fits(value))
      throw fault(`returned an object whose ${String(key)} is ${shownValue(value)}; it must be ${allowed}`);
  }
}

const shownValue = (value: unknown): string => (value instanceof Date ? 'an invalid Date' : shown(value));

function unknownKey(given: object, key: string | symbol): HandshakeError {
  const { status } = given as { status?: unknown };
  if (key === 'status' && typeof status === 'number') {
    return fault(`returned an object with status ${status} but without headers; ${insteadOf(status)}`);
  }
  const name = String(key).slice(0, 64);
  const nearest = nearestName(name, Object.keys(KEYS));
  const hint =
    nearest === undefined
      ? `the keys are ${Object.keys(KEYS).join(', ')}, and values of your own belong into data`
      : `the nearest is ${nearest}`;
  return fault(`returned an object with the unknown key ${name}; ${hint}`);
}

function unusable(decision: unknown): HandshakeError {
  if (decision instanceof Error) {
    return fault('returned an Error; throw it, or return refuse(status) to refuse', decision);
  }
  const instead = typeof decision === 'number' ? insteadOf(decision) : WHAT_TO_RETURN;
  return fault(`returned ${kindOf(decision)}; ${instead}`);
}

const insteadOf = (status: number): string =>
  status >= 300 && status <= 599 ? `return refuse(${status}) to refuse` : WHAT_TO_RETURN;

/** Describes the result. Names the class of an object; does not show text, which may be a secret. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'a string';
  const name: unknown = (value as object).constructor?.name;
  return typeof value === 'object' && typeof name === 'string' && name !== ''
    ? `an object of class ${name.slice(0, 64)}`
    : shown(value);
}

const fault = (detail: string, cause?: Error): HandshakeError =>
  new HandshakeError('ERR_UPGRADE_HOOK', `the upgrade hook ${detail}`, cause === undefined ? {} : { cause });
