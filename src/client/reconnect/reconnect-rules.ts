import type { CloseCause, CloseInfo } from '../../protocol/close-info.ts';
import { NO_CLOSE } from '../../protocol/close.ts';
import { ConnectError } from '../../protocol/connect-error.ts';
import { MisuseError } from '../../protocol/errors.ts';

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

/** Protocol violations of the server that this client detected: the server would repeat them. */
const FAULTS: ReadonlySet<CloseCause> = new Set<CloseCause>([
  'protocol-error',
  'invalid-utf8',
  'message-too-big',
  'too-many-fragments',
  'rate-limit',
]);

/** The reaction to the end of a connection. */
export function reactionToClose(info: CloseInfo): Reaction {
  if (info.initiator === 'remote') return reactionToCode(info.code);
  if (info.cause === 'local-close') return reactionToCode(info.sentCode ?? NO_CLOSE);
  return FAULTS.has(info.cause) ? 'stay-away' : 'again-spread';
}

function reactionToCode(code: number): Reaction {
  return CODE_REACTIONS.get(code) ?? 'stay-away';
}

/** The reaction to an HTTP status that refuses the handshake, of the server or of a proxy. */
export function reactionToStatus(status: number): Reaction {
  if (status === 401) return 'again-if-fresh';
  if (status === 408 || status === 429 || (status >= 500 && status <= 599)) return 'again';
  return isOfDeploy(status) ? 'again-some' : 'stay-away';
}

/** Statuses that an ingress sends while no instance is ready: a page, a redirect, or a 404 of its default backend. */
const isOfDeploy = (status: number): boolean => (status >= 200 && status <= 400) || status === 404;

/** The reaction to a failed attempt. */
export function reactionToError(error: unknown): Reaction {
  if (error instanceof MisuseError) return 'stay-away';
  if (!(error instanceof ConnectError)) return 'again'; // a function of the application failed: its own server may be down
  if (error.code === 'ERR_URL' || error.code === 'ERR_PROXY_AUTH') return 'stay-away';
  return error.status === undefined ? 'again' : reactionToStatus(error.status);
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
