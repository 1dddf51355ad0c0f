import { MisuseError } from '../protocol/errors.ts';

/** Applications see connections of a server from `open` on. */
export type ConnectionState = 'connecting' | 'open' | 'closing' | 'closed';

const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  connecting: ['open', 'closed'],
  open: ['closing', 'closed'],
  closing: ['closed'],
  closed: [],
};

/**
 * Checks a change of state.
 * @throws MisuseError `ERR_STATE` for a change that is not in the table: an internal error.
 */
export function moveState(from: ConnectionState, to: ConnectionState): ConnectionState {
  if (!MOVES[from].includes(to))
    throw new MisuseError('ERR_STATE', `a connection cannot go from ${from} to ${to}`);
  return to;
}
