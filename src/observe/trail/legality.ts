import {
  type ConnectionState,
  type EndMove,
  type EndStep,
  moveEnd,
  moveState,
} from '../../connection/states.ts';
import { type CloseMove, type ClosePhase, moveClose } from '../../protocol/close.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { TrailEvent } from './trail-entry.ts';

const CLOSE_MOVES: readonly CloseMove[] = ['send-close', 'receive-close', 'fail', 'transport-end'];
const END_MOVES: readonly EndMove[] = ['close', 'report', 'release'];

/** Where a move of a table leads; `undefined` if the table does not have it. */
function led<Place>(move: () => Place): Place | undefined {
  try {
    return move();
  } catch (error) {
    if (error instanceof MisuseError) return undefined;
    throw error;
  }
}

/** Whether moves of a table lead from one place to another. Several moves can happen between two observations. */
function isReachable<Place, Move>(
  from: Place,
  to: Place,
  moves: readonly Move[],
  move: (from: Place, by: Move) => Place,
): boolean {
  const seen = new Set<Place>([from]);
  for (const place of seen)
    for (const by of moves) {
      const next = led(() => move(place, by));
      if (next === to) return true;
      if (next !== undefined) seen.add(next);
    }
  return false;
}

const isLegalState = (from: ConnectionState, to: ConnectionState): boolean =>
  led(() => moveState(from, to)) !== undefined;
const isLegalPhase = (from: ClosePhase, to: ClosePhase): boolean =>
  isReachable(from, to, CLOSE_MOVES, moveClose);
const isLegalStep = (from: EndStep, to: EndStep): boolean => isReachable(from, to, END_MOVES, moveEnd);

/** Judges the steps of one connection, in order: states and closing by their tables, frames by RFC 6455 §5.5.1 and §7.1. */
export class LegalityJudge {
  #closeSent = false;
  #closeReceived = false;

  /** @returns The rule that a step breaks; `undefined` for a legal step. */
  judge(event: TrailEvent): string | undefined {
    if (event.kind === 'frame') return this.#frame(event.dir, event.type);
    if (event.kind === 'state')
      return isLegalState(event.from, event.to)
        ? undefined
        : `a connection cannot go from ${event.from} to ${event.to}`;
    if (event.kind !== 'close') return undefined;
    const isLegal =
      event.what === 'phase' ? isLegalPhase(event.from, event.to) : isLegalStep(event.from, event.to);
    const what = event.what === 'phase' ? 'a closing handshake' : 'the removal of a connection';
    return isLegal ? undefined : `${what} cannot go from ${event.from} to ${event.to}`;
  }

  #frame(dir: 'in' | 'out', type: string): string | undefined {
    const [side, wasClosed] =
      dir === 'out' ? ['this side', this.#closeSent] : ['the peer', this.#closeReceived];
    if (type === 'close') {
      if (dir === 'out') this.#closeSent = true;
      else this.#closeReceived = true;
    }
    return wasClosed ? `${side} sent a frame after its Close (RFC 6455 §5.5.1)` : undefined;
  }
}
