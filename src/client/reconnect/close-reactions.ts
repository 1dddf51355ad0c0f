import { checkArgument, type Rule } from '../topics/check.ts';

/**
 * The reaction to an end. `stay-away`: no further attempt. `again`: with the usual delay. `again-spread`: the first delay
 * is longer, because all clients of the server may reconnect together. `again-some`: the same, up to
 * `maxUnexpectedResponses`. `again-if-fresh`: once, and only with other credentials.
 */
export type Reaction = 'stay-away' | 'again' | 'again-spread' | 'again-some' | 'again-if-fresh';

/** Reaction by close code. All other codes, including 3000 to 4999: stay away. */
const CODE_REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [1000, 'stay-away'], // normal closure
  [1001, 'again-spread'], // the server shuts down, so all its clients reconnect
  [1002, 'stay-away'], // this client broke a rule, and would do so again
  [1003, 'stay-away'],
  [1005, 'again'], // no code
  [1006, 'again-spread'], // no Close frame: the server may have crashed
  [1007, 'stay-away'],
  [1008, 'again-if-fresh'], // credentials may have expired
  [1009, 'stay-away'],
  [1010, 'stay-away'],
  [1011, 'again'], // an error of the server, possibly temporary
  [1012, 'again-spread'], // the server restarts
  [1013, 'again-spread'], // the server is overloaded
  [1014, 'again'], // an error of a gateway
  [1015, 'again'],
]);

/** The reaction to a close code, of the server or of the application. */
export function reactionToCode(code: number): Reaction {
  return CODE_REACTIONS.get(code) ?? 'stay-away';
}

/**
 * Combines a reaction with the answer of `shouldReconnect`.
 * @param again Whether the application wants another attempt; `undefined` leaves it to the rules.
 */
export function overruled(byRule: Reaction, again: boolean | undefined): Reaction {
  if (again === undefined) return byRule;
  if (!again) return 'stay-away';
  return byRule === 'again-spread' || byRule === 'again-some' ? 'again-spread' : 'again';
}

const OPINION: Rule = [
  (value) => value === undefined || typeof value === 'boolean',
  'true, false or undefined, at once',
];

/**
 * The reaction after the application was asked. If its function throws or returns another value, the rules decide.
 * @param client Reports what the function throws, and other values.
 */
export function reactionAfter<Info>(
  byRule: Reaction,
  shouldReconnect: ((info: Info) => boolean | undefined) | undefined,
  info: Info,
  client: { listenerFailed(error: unknown, where: string): void },
): Reaction {
  try {
    const again = shouldReconnect?.(info);
    // The result is refused below. The rejection of a promise would end the process, too.
    if (!OPINION[0](again)) Promise.resolve(again).catch(() => {});
    checkArgument('shouldReconnect', 'its result', again, OPINION);
    return overruled(byRule, again);
  } catch (error) {
    client.listenerFailed(error, 'shouldReconnect');
    return byRule;
  }
}
