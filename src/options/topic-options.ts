import { verdictOf } from './call-check.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { bytes, count, ms, type NumberRule } from './option-rules.ts';

/** A topic, a prefix that ends in `*`, a pattern that the whole name must match, or a function. */
export type TopicMatch = string | RegExp | ((topic: string) => boolean);

/** Which topics have a history, and how much of it is stored. The first rule that matches a topic applies. */
export interface HistoryRule {
  /** A string that ends in `*` matches all names with that prefix; a regular expression must match the whole name. */
  readonly match: TopicMatch;
  /** Messages that are stored of one topic. Default 100; 1 to 100,000. */
  readonly maxMessages?: number | undefined;
  /** Bytes that are stored of one topic. A larger message is refused. Default 1,048,576; 1 to 268,435,456 bytes. */
  readonly maxBytes?: number | undefined;
  /** Time after the last publish until the messages are deleted. Default 300,000; 1 to 2,147,483,647 ms. */
  readonly ttlMs?: number | undefined;
  /** Time after the last use until the position is forgotten, too. Default 86,400,000; 1 to 2,147,483,647 ms. */
  readonly positionTtlMs?: number | undefined;
}

/** Which topics know their members. The first rule that matches a topic applies. */
export interface PresenceRule {
  /** As in {@link HistoryRule}. */
  readonly match: TopicMatch;
  /** Above this number of members, only their number is known. Default 1,000; 1 to 100,000. */
  readonly maxMembers?: number | undefined;
  /**
   * A member that returns within this time has not left. Default 5,000; 0 to 2,147,483,647 ms. Clients reconnect within
   * 5 seconds after a server ends.
   */
  readonly graceMs?: number | undefined;
}

type Settings<Rule extends { readonly match: TopicMatch }> = {
  readonly [Name in keyof Omit<Rule, 'match'>]-?: number;
} & {
  /** @throws What a function of the application throws, and MisuseError `ERR_ARGUMENT` unless it returns a boolean. */
  readonly match: (topic: string) => boolean;
};
/** {@link HistoryRule} after checking. */
export type HistorySettings = Settings<HistoryRule>;
/** {@link PresenceRule} after checking. */
export type PresenceSettings = Settings<PresenceRule>;

const MATCH = Object.freeze({ kind: 'match', says: 'which topics' });
type Rule = NumberRule | typeof MATCH;

const KINDS = Object.freeze({
  history: {
    example: "{ match: 'room:*' }",
    table: Object.freeze({
      match: MATCH,
      maxMessages: count(100_000, 'messages that are stored of one topic'),
      maxBytes: bytes(268_435_456, 'bytes that are stored of one topic'),
      ttlMs: ms('time after the last publish until the messages are deleted'),
      positionTtlMs: ms('time after the last use until the position is forgotten'),
    } satisfies Readonly<Record<keyof HistoryRule, Rule>>),
    defaults: Object.freeze({
      maxMessages: 100,
      maxBytes: 1_048_576,
      ttlMs: 300_000,
      positionTtlMs: 86_400_000,
    }),
  },
  presence: {
    example: "{ match: 'room:*' }",
    table: Object.freeze({
      match: MATCH,
      maxMembers: count(100_000, 'members that are listed of one topic'),
      graceMs: Object.freeze({ ...ms('time in which a member may return without having left'), min: 0 }),
    } satisfies Readonly<Record<keyof PresenceRule, Rule>>),
    defaults: Object.freeze({ maxMembers: 1_000, graceMs: 5_000 }),
  },
});

/**
 * Checks the option `history` or `presence`: one rule, or a list of rules.
 * @returns The rules, with defaults.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveTopicRules(
  kind: 'history' | 'presence',
  name: string,
  value: unknown,
): readonly (HistorySettings | PresenceSettings)[] {
  const { table, defaults, example } = KINDS[kind];
  const allowed = `a rule such as ${example}, or an array of rules`;
  const isList = Array.isArray(value);
  if (!isList && (typeof value !== 'object' || value === null)) refuseOption(name, value, allowed);
  const rules: readonly unknown[] = isList ? [...(value as readonly unknown[])] : [value];
  return Object.freeze(
    rules.map((rule, i) => {
      const path = isList ? `${name}[${i}]` : name;
      const given = checkedRecord<Rule>(path, rule, table, (member, row, memberValue) =>
        row.kind === 'match' ? compiledMatch(member, memberValue) : checkedOption(member, row, memberValue),
      );
      const { match, ...limits } = given;
      if (match === undefined) refuseOption(`${path}.match`, undefined, MATCH_ALLOWED);
      return Object.freeze({ ...defaults, ...limits, match }) as unknown as HistorySettings;
    }),
  );
}

const MATCH_ALLOWED = "a topic, a prefix such as 'room:*', a regular expression, or a function";

function compiledMatch(name: string, match: unknown): (topic: string) => boolean {
  if (typeof match === 'function')
    return (topic) => verdictOf(name, (match as (topic: string) => unknown)(topic));
  if (match instanceof RegExp) {
    // Without the flags that make `test` remember where it stopped.
    const whole = new RegExp(`^(?:${match.source})$`, match.flags.replaceAll(/[gy]/g, ''));
    return (topic) => whole.test(topic);
  }
  if (typeof match !== 'string' || match === '') return refuseOption(name, match, MATCH_ALLOWED);
  if (!match.endsWith('*')) return (topic) => topic === match;
  const prefix = match.slice(0, -1);
  return (topic) => topic.startsWith(prefix);
}
