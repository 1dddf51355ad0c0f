import { MisuseError } from '../../protocol/errors.ts';

/**
 * Where a reconnecting client stands. `connecting`: asking for URL and token, or dialling. `ending`: the connection is
 * on its way out, and not at our wish. `waiting`: for the time of the next attempt. `closing`: it is over, and what
 * remains is the closing handshake and messages that nobody took yet.
 */
export type ReconnectState = 'connecting' | 'open' | 'ending' | 'waiting' | 'closing' | 'closed';

/** What moves it. `stop`: `close()`, an abort, or giving up. */
export type ReconnectCause = 'opened' | 'leaving' | 'retry' | 'due' | 'stop' | 'ended';

const MOVES: Readonly<Record<ReconnectState, Partial<Record<ReconnectCause, ReconnectState>>>> = {
  connecting: { opened: 'open', retry: 'waiting', stop: 'closing' },
  open: { leaving: 'ending', stop: 'closing' },
  ending: { retry: 'waiting', stop: 'closing' },
  waiting: { due: 'connecting', stop: 'closing' },
  closing: { ended: 'closed' },
  closed: {},
};

/** @throws MisuseError `ERR_STATE` for a move that is not in the table: a fault of ours. */
export function moveReconnect(from: ReconnectState, cause: ReconnectCause): ReconnectState {
  const to = MOVES[from][cause];
  if (to === undefined) throw new MisuseError('ERR_STATE', `a reconnecting client: ${cause} while ${from}`);
  return to;
}
