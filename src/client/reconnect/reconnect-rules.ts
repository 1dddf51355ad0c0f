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

/** By the code that the server sent, or that stands for its silence. Others, 3000 to 4999 among them: stay away. */
const CODE_REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [1000, 'stay-away'], // it is done
  [1001, 'again-spread'], // it goes away, and all its clients with it
  [1002, 'stay-away'], // we broke a rule, and would again
  [1003, 'stay-away'],
  [1005, 'again'], // no code
  [1006, 'again-spread'], // no Close at all: perhaps the whole server died
  [1007, 'stay-away'],
  [1008, 'again-if-fresh'], // credentials may have expired
  [1009, 'stay-away'],
  [1010, 'stay-away'],
  [1011, 'again'], // its fault, perhaps not every time
  [1012, 'again-spread'], // it restarts
  [1013, 'again-spread'], // it is overloaded
  [1014, 'again'], // a gateway's fault
  [1015, 'again'],
]);

/** Faults of the server that we found: it would make them again. */
const FAULTS: ReadonlySet<CloseCause> = new Set<CloseCause>([
  'protocol-error',
  'invalid-utf8',
  'message-too-big',
  'too-many-fragments',
  'rate-limit',
]);

/** What an end of a connection asks for. */
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

/** An ingress answers so while no instance of the service is ready: a page, a redirect, or its default backend's 404. */
const isOfDeploy = (status: number): boolean => (status >= 200 && status <= 400) || status === 404;

/** What it asks for that no connection came about. */
export function reactionToError(error: unknown): Reaction {
  if (error instanceof MisuseError) return 'stay-away';
  if (!(error instanceof ConnectError)) return 'again'; // the application's functions: perhaps its own server is down
  if (error.code === 'ERR_URL' || error.code === 'ERR_PROXY_AUTH') return 'stay-away';
  return error.status === undefined ? 'again' : reactionToStatus(error.status);
}

/**
 * What follows when the application has been asked, too.
 * @param again Whether it wants another attempt; `undefined` leaves it to the rules.
 */
export function overruled(byRule: Reaction, again: boolean | undefined): Reaction {
  if (again === undefined) return byRule;
  if (!again) return 'stay-away';
  return byRule === 'again-spread' || byRule === 'again-some' ? 'again-spread' : 'again';
}
