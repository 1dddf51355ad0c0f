import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConnectionState,
  type EndMove,
  type EndStep,
  moveEnd,
  moveState,
} from '../../src/connection/states.ts';
import { moveSocket, type SocketMove, type SocketStep } from '../../src/connection/socket-end.ts';

const STATES: readonly ConnectionState[] = ['connecting', 'open', 'closing', 'closed'];

/** Rows `from move to`; every other pair of a step and a move is a fault. */
function assertTable<Step extends string, Move extends string>(
  move: (from: Step, by: Move) => Step,
  steps: readonly Step[],
  moves: readonly Move[],
  rows: readonly string[],
): void {
  const found: string[] = [];
  for (const from of steps)
    for (const by of moves) {
      try {
        found.push(`${from} ${by} ${move(from, by)}`);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_STATE');
      }
    }
  assert.deepEqual(found.toSorted(), rows.toSorted());
}

test('§7.1.4: a connection moves from open over closing to closed, and never back', () => {
  assertTable<ConnectionState, ConnectionState>(moveState, STATES, STATES, [
    'connecting open open',
    'connecting closed closed',
    'open closing closing',
    'open closed closed',
    'closing closed closed',
  ]);
});

test('§7.1.1: each half of the socket ends once; a destroyed socket only closes', () => {
  const steps: readonly SocketStep[] = [
    'open',
    'ending',
    'ended',
    'peer-ended',
    'peer-ended-ending',
    'both-ended',
    'destroyed',
    'closed',
  ];
  const moves: readonly SocketMove[] = ['end', 'output-ended', 'peer-end', 'destroy', 'close'];
  assertTable(moveSocket, steps, moves, [
    'open end ending',
    'open peer-end peer-ended',
    'ending end ending',
    'ending output-ended ended',
    'ending peer-end peer-ended-ending',
    'ended end ended',
    'ended peer-end both-ended',
    'peer-ended end peer-ended-ending',
    'peer-ended peer-end peer-ended',
    'peer-ended-ending end peer-ended-ending',
    'peer-ended-ending output-ended both-ended',
    'peer-ended-ending peer-end peer-ended-ending',
    'both-ended end both-ended',
    'both-ended peer-end both-ended',
    'destroyed end destroyed',
    'destroyed peer-end destroyed',
    'closed end closed',
    'closed peer-end closed',
    'closed destroy closed',
    ...steps.filter((step) => step !== 'closed').map((step) => `${step} close closed`),
    ...steps.filter((step) => step !== 'closed').map((step) => `${step} destroy destroyed`),
  ]);
});

test('CL-11: the end is reported after the state is closed, and the connection is released after the report', () => {
  const steps: readonly EndStep[] = ['pending', 'closed', 'reported', 'released'];
  const moves: readonly EndMove[] = ['close', 'report', 'release'];
  assertTable(moveEnd, steps, moves, [
    'pending close closed',
    'closed report reported',
    'reported report reported',
    'reported release released',
    'released report released',
  ]);
});
