/** A number from `min` to `max`, whole unless it is a ratio; `false` is allowed too if the policy can be switched off. */
export interface NumberRule {
  readonly kind: 'count' | 'bits' | 'bytes' | 'ms' | 'seconds' | 'ratio';
  readonly min: number;
  readonly max: number;
  readonly orFalse: boolean;
  readonly says: string;
}
/** A list of strings; or a single one of `words`, a function, or `false`. */
export interface ListRule<Member extends string> {
  readonly kind: 'list';
  readonly of: Member;
  readonly words: readonly string[];
  readonly orFunction: boolean;
  readonly orFalse: boolean;
  /** The maximum of a whole number that may replace the list; 0 if no number is allowed. */
  readonly orCount: number;
  readonly says: string;
}
/** Two ascending numbers above 0, `[elevated, critical]`; or `false`. */
export interface LevelsRule {
  readonly kind: 'levels';
  readonly upTo: number;
  readonly says: string;
}
export interface EnumRule {
  readonly kind: 'enum';
  readonly values: readonly string[];
  readonly says: string;
}
export interface ObjectRule {
  readonly kind: 'object';
  readonly methods: readonly string[];
  readonly says: string;
}
/** A rule with no details beyond its kind. */
export interface PlainRule<Kind extends string> {
  readonly kind: Kind;
  readonly says: string;
}
/** An object of `RATE_LIMIT_TABLE`, or `false`. */
export type RateRule = PlainRule<'rate'>;
/** `true`, `false`, or an object of `DEFLATE_TABLE`. */
export type DeflateRule = PlainRule<'deflate'>;
/** An option whose value is an object with its own table. */
export type TableRule = RateRule | DeflateRule;
/** Rules that server and client options share. */
export type CommonRule =
  | NumberRule
  | ListRule<'token'>
  | EnumRule
  | ObjectRule
  | PlainRule<'boolean' | 'function' | 'budget'>
  | TableRule;

/** The maximum delay of a Node timer. */
const MAX_MS = 2 ** 31 - 1;

export const number = (kind: NumberRule['kind'], max: number, says: string): NumberRule =>
  Object.freeze({ kind, min: 1, max, orFalse: false, says });
export const count = (max: number, says: string): NumberRule => number('count', max, says);
export const bytes = (max: number, says: string): NumberRule => number('bytes', max, says);
export const ms = (says: string): NumberRule => number('ms', MAX_MS, says);
export const between = (kind: NumberRule['kind'], min: number, max: number, says: string): NumberRule =>
  Object.freeze({ ...number(kind, max, says), min });
export const ratio = (min: number, max: number, says: string): NumberRule => between('ratio', min, max, says);
export const levels = (upTo: number, says: string): LevelsRule =>
  Object.freeze({ kind: 'levels', upTo, says });
export const orFalse = (rule: NumberRule): NumberRule => Object.freeze({ ...rule, orFalse: true });
export const list = <Member extends string>(
  of: Member,
  extra: Partial<ListRule<Member>>,
  says: string,
): ListRule<Member> =>
  Object.freeze({
    kind: 'list',
    of,
    words: [],
    orFunction: false,
    orFalse: false,
    orCount: 0,
    ...extra,
    says,
  });
export const oneOf = (values: readonly string[], says: string): EnumRule =>
  Object.freeze({ kind: 'enum', values, says });
export const object = (methods: readonly string[], says: string): ObjectRule =>
  Object.freeze({ kind: 'object', methods, says });
export const plain = <Kind extends string>(kind: Kind, says: string): PlainRule<Kind> =>
  Object.freeze({ kind, says });
