import { MisuseError } from '../../protocol/errors.ts';

/**
 * State of a reconnecting client. `connecting`: gets URL and token, or dials. `ending`: the connection is closing, and the
 * client did not start that. `waiting`: waits for the next attempt. `closing`: makes no further attempt; the closing handshake
 * or the delivery of messages is not complete.
 */
export type ReconnectState = 'connecting' | 'open' | 'ending' | 'waiting' | 'closing' | 'closed';

/** Causes of transitions. `stop`: `close()`, an abort, or giving up. */
export type ReconnectCause = 'opened' | 'leaving' | 'retry' | 'due' | 'stop' | 'ended';

const MOVES: Readonly<Record<ReconnectState, Partial<Record<ReconnectCause, ReconnectState>>>> = {
  connecting: { opened: 'open', retry: 'waiting', stop: 'closing' },
  open: { leaving: 'ending', stop: 'closing' },
  ending: { retry: 'waiting', stop: 'closing' },
  waiting: { due: 'connecting', stop: 'closing' },
  closing: { ended: 'closed' },
  closed: {},
};

/** @throws MisuseError `ERR_STATE` for a transition that is not in the table: a bug in Hawser. */
export function moveReconnect(from: ReconnectState, cause: ReconnectCause): ReconnectState {
  const to = MOVES[from][cause];
  if (to === undefined) throw new MisuseError('ERR_STATE', `a reconnecting client: ${cause} while ${from}`);
  return to;
}
