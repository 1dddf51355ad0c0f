import { MisuseError } from '../protocol/errors.ts';

/** Applications see connections of a server from `open` on. */
export type ConnectionState = 'connecting' | 'open' | 'closing' | 'closed';

const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  connecting: ['open', 'closed'],
  open: ['closing', 'closed'],
  closing: ['closed'],
  closed: [],
};

/** @throws MisuseError `ERR_STATE` for a move that is not in the table: a fault of ours. */
export function moveState(from: ConnectionState, to: ConnectionState): ConnectionState {
  if (!MOVES[from].includes(to))
    throw new MisuseError('ERR_STATE', `a connection cannot go from ${from} to ${to}`);
  return to;
}
