import type { CloseCause, CloseInfo } from '../../protocol/close-info.ts';
import { NO_CLOSE } from '../../protocol/close.ts';
import { ConnectError } from '../../protocol/connect-error.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { type Reaction, reactionToCode } from './close-reactions.ts';

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
