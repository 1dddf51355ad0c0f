import { MisuseError } from '../protocol/errors.ts';

/** Which topics a rule is for. A string that ends in `*` is a prefix; other strings are whole names. */
export type TopicMatch = string | RegExp | ((topic: string) => boolean);

/** What is kept of the topics that match. */
export interface ResolvedHistoryRule {
  readonly match: TopicMatch;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly positionTtlMs: number;
}

/** The topics whose members are known. */
export interface ResolvedPresenceRule {
  readonly match: TopicMatch;
  readonly maxMembers: number;
  readonly graceMs: number;
}

type Matcher<Rule> = readonly [matches: (topic: string) => boolean, rule: Rule];

function matcherOf(match: TopicMatch): (topic: string) => boolean {
  if (typeof match === 'function') return match;
  if (typeof match === 'string') {
    const prefix = match.endsWith('*') ? match.slice(0, -1) : undefined;
    return prefix === undefined ? (topic) => topic === match : (topic) => topic.startsWith(prefix);
  }
  // Without g and y: with them `test` begins where the last match ended.
  const pattern = new RegExp(match.source, match.flags.replaceAll(/[gy]/g, ''));
  return (topic) => pattern.test(topic);
}

/** Rules in the order of the application; the first match wins. */
export class Rules<Rule extends { readonly match: TopicMatch }> {
  readonly #matchers: readonly Matcher<Rule>[];
  readonly #failed: (error: unknown) => void;

  /** @param failed Called when a function of a rule throws, or returns neither true nor false: it then matches nothing. */
  constructor(rules: readonly Rule[], failed: (error: unknown) => void) {
    this.#matchers = rules.map((rule) => [matcherOf(rule.match), rule]);
    this.#failed = failed;
  }

  of(topic: string): Rule | undefined {
    for (const [matches, rule] of this.#matchers) if (this.#ask(matches, topic)) return rule;
    return undefined;
  }

  #ask(matches: (topic: string) => boolean, topic: string): boolean {
    try {
      const verdict: unknown = matches(topic);
      if (typeof verdict === 'boolean') return verdict;
      throw new MisuseError('ERR_OPTION', `match must return true or false, not ${String(verdict)}`);
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }
}
