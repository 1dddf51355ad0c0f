import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driverOf } from '../../../src/connection/connection.ts';
import type { Link } from '../../../src/connection/link.ts';
import type { ConnectionState } from '../../../src/connection/states.ts';
import type { TopicSet } from '../../../src/connection/topic-set.ts';
import { eventLoopTurns, text, waitUntil } from '../../../src/testing/index.ts';
import { live, type Peer } from '../live.ts';

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function memoryLog(): {
  readonly lines: Line[];
  readonly logger: Record<'debug' | 'info' | 'warn' | 'error', () => void>;
} {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (fields?: unknown, message?: unknown): void =>
      void lines.push({ level, fields: fields as Line['fields'], message: String(message) });
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

const faultsIn = (lines: readonly Line[]): readonly (readonly [string, unknown])[] =>
  lines
    .filter(({ message }) => message.startsWith('internal fault'))
    .map(({ level, fields }) => [level, (fields['err'] as Error).message]);

/** The link of a connection, which is the owner of its transport. */
function linkOf({ wire }: Peer): Link {
  for (const key of Object.getOwnPropertySymbols(wire.server)) {
    const value = (wire.server as unknown as Record<symbol, unknown>)[key];
    if (typeof value === 'object' && value !== null && 'moveTo' in value) return value as Link;
  }
  throw new Error('the stream of the server has no owner');
}

const broken = (message: string): never => {
  throw new Error(message);
};

/** Steps of a removal, and how each is made to throw. */
const STEPS: readonly (readonly [string, (peer: Peer) => void])[] = [
  [
    'leaving topics',
    ({ connection }) => {
      driverOf(connection).topicSet = { size: 1 } as TopicSet;
    },
  ],
  [
    'giving the place back',
    ({ connection }) => {
      const { place } = driverOf(connection) as { place: { kind: string; address: unknown } };
      Object.defineProperty(place, 'address', { get: () => broken('no address') });
    },
  ],
  [
    'clearing the outbox',
    (peer) => void Object.defineProperty(linkOf(peer).outbox, 'clear', { value: () => broken('no outbox') }),
  ],
  [
    'ending the core',
    (peer) =>
      void Object.defineProperty(linkOf(peer).core, 'transportEnded', { value: () => broken('no core') }),
  ],
];

for (const [step, breakIt] of STEPS) {
  test(`RG-06 ${step} throws while a connection is removed: every other step runs, and the log names the fault`, async (t) => {
    const { lines, logger } = memoryLog();
    const { server, join } = live(t, { logger, maxConnections: 2 });
    const peer = await join();
    const other = await join();
    const told: unknown[] = [];
    peer.connection.on('stateChange', (next) => void told.push(next));
    peer.connection.on('close', () => void told.push('close'));
    server.on('close', (connection) => void told.push(connection === peer.connection));
    const waiting = peer.connection.closed;
    breakIt(peer);
    peer.connection.terminate();
    assert.equal((await waiting).cause, 'terminated');
    assert.deepEqual(told, ['closed', 'close', true]);
    const faults = faultsIn(lines);
    assert.ok(faults.length >= 1 && faults.every(([level]) => level === 'error'), JSON.stringify(faults));
    assert.deepEqual([...server.connections], [other.connection]);
    assert.equal(server.stats().closes.byCause.terminated, 1);
    // The other connection is served, and the place is free.
    server.on('message', (connection, message) => void connection.send(message));
    other.raw.send(text('still here'));
    assert.equal((await other.raw.nextFrame()).payload.toString(), 'still here');
    await join();
  });
}

for (const [from, to] of [
  ['open', 'open'],
  ['open', 'connecting'],
  ['closing', 'open'],
  ['closing', 'closing'],
] as const satisfies readonly (readonly [ConnectionState, ConnectionState])[]) {
  test(`ST-02 a move from ${from} to ${to} is logged as a fault and ends that connection alone`, async (t) => {
    const { lines, logger } = memoryLog();
    const { server, join } = live(t, { logger });
    const [peer, other] = [await join(), await join()];
    if (from === 'closing') peer.connection.close();
    linkOf(peer).moveTo(to);
    assert.equal(peer.connection.state, 'closed');
    const { cause, error } = await peer.connection.closed;
    assert.equal(cause, from === 'open' ? 'internal-error' : 'local-close');
    if (from === 'open') assert.equal(error?.code, 'ERR_INTERNAL');
    assert.deepEqual(faultsIn(lines), [['error', `a connection cannot go from ${from} to ${to}`]]);
    assert.equal(peer.wire.server.destroyed, true);
    server.on('message', (connection, message) => void connection.send(message));
    other.raw.send(text('still here'));
    assert.equal((await other.raw.nextFrame()).payload.toString(), 'still here');
  });
}

test('ST-02 a move out of closed is logged, and nothing is emitted twice', async (t) => {
  const { lines, logger } = memoryLog();
  const { join } = live(t, { logger });
  const peer = await join();
  let closes = 0;
  peer.connection.on('close', () => void closes++);
  const link = linkOf(peer);
  peer.connection.terminate();
  await peer.connection.closed;
  for (const to of ['open', 'closing', 'closed'] as const) link.moveTo(to);
  await eventLoopTurns(3);
  await waitUntil(() => peer.wire.server.destroyed);
  assert.deepEqual([peer.connection.state, closes, faultsIn(lines).length], ['closed', 1, 3]);
});
