import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { count, ms } from './option-rules.ts';

/** From how many protocol violations on an address is refused, and for how long. */
export interface ViolationLimitOptions {
  /** Protocol violations of one address within a minute that are too many. No default; 1 to 1,000. A good value is 10. */
  readonly perMinute: number;
  /** How long new connections of the address are refused. Default 60,000; 1 to 2,147,483,647 ms. */
  readonly refuseMs?: number | undefined;
}

/** {@link ViolationLimitOptions} after checking. */
export interface ViolationLimit {
  readonly perMinute: number;
  readonly refuseMs: number;
}

/** The options inside `violationLimit`. */
export const VIOLATION_LIMIT_TABLE = Object.freeze({
  perMinute: count(1_000, 'protocol violations of one address within a minute that are too many'),
  refuseMs: ms('how long new connections of the address are refused'),
} satisfies Readonly<Record<keyof ViolationLimitOptions, unknown>>);

/** Defaults inside `violationLimit`. */
export const DEFAULT_VIOLATION_LIMIT = Object.freeze({ refuseMs: 60_000 });

/**
 * Checks the option `violationLimit` and fills in its default.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveViolationLimit(name: string, value: unknown): false | ViolationLimit {
  if (value === false) return value;
  const allowed = 'false, or an object such as { perMinute: 10, refuseMs: 60_000 }';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuseOption(name, value, allowed);
  const given = checkedRecord(name, value, VIOLATION_LIMIT_TABLE, checkedOption);
  if (given['perMinute'] === undefined) refuseOption(name, value, allowed);
  return Object.freeze({ ...DEFAULT_VIOLATION_LIMIT, ...given } as ViolationLimit);
}
