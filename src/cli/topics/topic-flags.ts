import { MisuseError, type ServerOptions, WebSocketServer } from '../../index.ts';
import { UsageError } from '../command.ts';
import { type Flag, type FlagValues, listOf, textOf, wholeNumber } from '../flags.ts';

/** Longest topic name, in bytes of UTF-8. */
const MAX_TOPIC_BYTES = 256;
const MAX_TOKEN = 256;
/** Environment variable that replaces --publish-token: other users of the machine can see a command line. */
export const TOKEN_VARIABLE = 'HAWSER_PUBLISH_TOKEN';

/** Flags of `serve --topics`. */
export const TOPIC_FLAGS: readonly Flag[] = [
  {
    name: 'allow-subscribe',
    value: '<match>',
    repeatable: true,
    says: "topics that clients may subscribe to: a name, or a prefix that ends in '*'",
  },
  {
    name: 'allow-publish',
    value: '<match>',
    repeatable: true,
    says: 'topics that clients may publish to',
  },
  {
    name: 'history',
    value: '<match[:messages[:bytes[:ms]]]>',
    repeatable: true,
    says: 'topics whose last messages are stored for clients that return; the first match applies (default :100:1048576:300000)',
  },
  {
    name: 'presence',
    value: '<match>',
    repeatable: true,
    says: 'topics that know their members: every subscriber is one, with its connection id as key',
  },
  {
    name: 'publish-token',
    value: '<token>',
    says: `secret for POST and GET of /topics/<topic>; ${TOKEN_VARIABLE} of the environment sets it, too`,
  },
];

type One<Rules> = Exclude<NonNullable<Rules>, readonly unknown[]>;
/** A rule of the option `history`. */
type HistoryRule = One<ServerOptions['history']>;
/** A rule of the option `presence`. */
type PresenceRule = One<ServerOptions['presence']>;

/** The settings of `serve --topics`. */
export interface TopicSettings {
  readonly maySubscribe: (topic: string) => boolean;
  readonly mayPublish: (topic: string) => boolean;
  readonly hasMembers: (topic: string) => boolean;
  readonly hasHistory: (topic: string) => boolean;
  readonly history: readonly HistoryRule[];
  readonly presence: readonly PresenceRule[];
  /** `undefined`: HTTP publishing is refused. */
  readonly token: string | undefined;
}

/**
 * The settings of {@link TOPIC_FLAGS}.
 * @param variable Reads a variable of the environment.
 * @throws UsageError naming the flag, its value, and what is allowed.
 */
export function topicSettingsOf(
  flags: FlagValues,
  variable: (name: string) => string | undefined,
): TopicSettings {
  const presence = matchesOf(flags, 'presence');
  const history = listOf(flags, 'history').map(historyRule);
  return {
    maySubscribe: matcher(matchesOf(flags, 'allow-subscribe')),
    mayPublish: matcher(matchesOf(flags, 'allow-publish')),
    hasMembers: matcher(presence),
    hasHistory: matcher(history.map(({ match }) => match)),
    history,
    presence: presence.map((match) => ({ match })),
    token: tokenOf(flags, variable),
  };
}

/** @throws UsageError for a flag of topics without --topics. */
export function refuseTopicFlags(flags: FlagValues): void {
  const given = TOPIC_FLAGS.find(({ name }) => flags.has(name));
  if (given !== undefined) throw new UsageError(`--${given.name} needs --topics`);
}

/** Says why a text cannot be a topic; `undefined` if it can. */
export function topicFault(topic: string): string | undefined {
  if (topic === '') return 'it must not be empty';
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) return `it must be at most ${MAX_TOPIC_BYTES} bytes`;
  return /[\p{Cc}\p{Cs}]/u.test(topic) ? 'it must not contain control characters' : undefined;
}

function matchesOf(flags: FlagValues, name: string): readonly string[] {
  for (const match of listOf(flags, name)) checkMatch(name, match, match);
  return listOf(flags, name);
}

function checkMatch(flag: string, match: string, given: string): void {
  const fault = topicFault(match);
  if (fault !== undefined) throw new UsageError(`--${flag} is '${given}', which is no topic: ${fault}`);
}

function matcher(matches: readonly string[]): (topic: string) => boolean {
  const names = new Set(matches.filter((match) => !match.endsWith('*')));
  const prefixes = matches.filter((match) => match.endsWith('*')).map((match) => match.slice(0, -1));
  return (topic) => names.has(topic) || prefixes.some((prefix) => topic.startsWith(prefix));
}

/** Up to three numbers at the end are limits; the rest is the topic, which may contain colons. */
function historyRule(given: string): HistoryRule & { readonly match: string } {
  const parts = given.split(':');
  const numbers: number[] = [];
  while (parts.length > 1 && numbers.length < 3) {
    const number = wholeNumber(parts.at(-1)!);
    if (number === undefined) break;
    numbers.unshift(number);
    parts.pop();
  }
  const match = parts.join(':');
  checkMatch('history', match, given);
  const [maxMessages, maxBytes, ttlMs] = numbers;
  const rule = { match, maxMessages, maxBytes, ttlMs };
  try {
    // A server that does not listen holds no resources.
    void new WebSocketServer({ history: rule });
  } catch (error) {
    if (!(error instanceof MisuseError)) throw error;
    throw new UsageError(`--history is '${given}': ${error.message.replaceAll('history.', '')}`, {
      cause: error,
    });
  }
  return rule;
}

function tokenOf(flags: FlagValues, variable: (name: string) => string | undefined): string | undefined {
  const [flag, name] = [textOf(flags, 'publish-token'), variable(TOKEN_VARIABLE)];
  const token = flag ?? name;
  if (token === undefined) return undefined;
  if (!/^[!-~]+$/.test(token) || token.length > MAX_TOKEN) {
    const from = flag === undefined ? TOKEN_VARIABLE : '--publish-token';
    throw new UsageError(
      `${from} is not a token: it must be 1 to ${MAX_TOKEN} visible ASCII characters without blanks`,
    );
  }
  return token;
}
