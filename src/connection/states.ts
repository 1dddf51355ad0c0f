import { MisuseError } from '../protocol/errors.ts';

/** Applications see connections of a server from `open` on. */
export type ConnectionState = 'connecting' | 'open' | 'closing' | 'closed';

const STATES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
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
  if (!STATES[from].includes(to))
    throw new MisuseError('ERR_STATE', `a connection cannot go from ${from} to ${to}`);
  return to;
}

/**
 * What the owner of a connection knows of its end. `pending`: the state is not closed yet. `closed`: the state is closed.
 * `reported`: the owner knows that no more messages come, and delivers the buffered ones. `released`: the owner is done.
 */
export type EndStep = 'pending' | 'closed' | 'reported' | 'released';
export type EndMove = 'close' | 'report' | 'release';

const END_MOVES: Readonly<Record<EndStep, Partial<Record<EndMove, EndStep>>>> = {
  pending: { close: 'closed' },
  closed: { report: 'reported' },
  // The end may be reported before the socket has closed; its close changes nothing then.
  reported: { report: 'reported', release: 'released' },
  released: { report: 'released' },
};

/**
 * Checks a step of an end.
 * @throws MisuseError `ERR_STATE` for a step that is not in the table: an internal error.
 */
export function moveEnd(from: EndStep, move: EndMove): EndStep {
  const to = END_MOVES[from][move];
  if (to === undefined) throw new MisuseError('ERR_STATE', `end of a connection: ${move} while ${from}`);
  return to;
}
