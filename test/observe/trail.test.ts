import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driverOf } from '../../src/connection/connection.ts';
import { trail, type TrailEntry } from '../../src/observe/index.ts';
import { LegalityJudge } from '../../src/observe/trail/legality.ts';
import { pair, text, waitForEvent } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

const kindsOf = (entries: readonly TrailEntry[]): string[] =>
  entries.map((entry) =>
    entry.kind === 'frame'
      ? `${entry.dir} ${entry.type}`
      : entry.kind === 'state'
        ? `${entry.from} ${entry.to}`
        : entry.kind,
  );

test('LG-05: a trail has states, frames, writes and the closing handshake, all of them legal', async () => {
  await using joined = await pair();
  joined.server.on('message', () => undefined);
  let dumped: readonly TrailEntry[] | undefined;
  const steps = trail(joined.server, { onClose: (entries) => void (dumped = entries) });
  joined.client.send('Hello');
  await joined.pass(100);
  joined.server.send('World');
  await joined.pass(100);
  joined.client.close(1000);
  await joined.server.closed;
  assert.deepEqual(dumped, steps.entries);
  assert.deepEqual(steps.illegal, []);
  const kinds = kindsOf(steps.entries);
  for (const wanted of [
    'in text',
    'out text',
    'flush',
    'in close',
    'open closing',
    'out close',
    'closing closed',
    'close',
  ])
    assert.ok(kinds.includes(wanted), `${wanted} in ${kinds.join(', ')}`);
  assert.match(steps.dump(), /200\.000 ms {2}frame {2}in {2}close 1000, 2 bytes/);
  assert.ok(!Object.hasOwn(driverOf(joined.server).link, 'moveTo'));
});

test('LG-05: a trail records deadlines and pauses', async () => {
  await using joined = await pair({ server: { receiveAheadBytes: 1_000 } });
  const steps = trail(joined.server);
  joined.client.send(Buffer.alloc(2_000));
  await joined.pass(100);
  await joined.pass(40_000, 1_000);
  const kinds = kindsOf(steps.entries);
  assert.ok(kinds.includes('pause') && kinds.includes('timer'), kinds.join());
  assert.deepEqual(steps.illegal, []);
});

test('LG-05: a trail keeps its latest entries', async () => {
  await using joined = await pair();
  joined.server.on('message', () => undefined);
  const steps = trail(joined.server, { entries: 4 });
  for (let i = 1; i <= 9; i++) joined.client.send('x'.repeat(i));
  await joined.pass(100);
  assert.deepEqual(
    steps.entries.map((entry) => (entry.kind === 'frame' ? entry.bytes : 0)),
    [6, 7, 8, 9],
  );
  steps.stop();
  joined.client.send('not recorded');
  await joined.pass(100);
  assert.equal(steps.entries.length, 4);
});

test('LG-05: planted illegal steps of a connection are found', async (t) => {
  const { join, errors } = live(t);
  const peer = await join();
  const steps = trail(peer.connection);
  const { link } = driverOf(peer.connection);
  peer.connection.close(1000);
  link.flush();
  link.transport.write([text('after our Close', { mask: false })]);
  assert.match(steps.illegal.at(-1)!.illegal!, /this side sent a frame after its Close/);
  link.moveTo('open');
  assert.match(steps.illegal.at(-1)!.illegal!, /cannot go from closing to open/);
  assert.match(steps.dump(), /ILLEGAL: a connection cannot go from closing to open/);
  await peer.connection.closed;
  errors.length = 0;
});

test('LG-05: every step that the tables do not have is illegal', () => {
  for (const [event, rule] of [
    [{ kind: 'state', from: 'closed', to: 'open' }, /cannot go from closed to open/],
    [
      { kind: 'close', what: 'phase', from: 'ended', to: 'open' },
      /closing handshake cannot go from ended to open/,
    ],
    [
      { kind: 'close', what: 'phase', from: 'closed-both', to: 'failed' },
      /cannot go from closed-both to failed/,
    ],
    [{ kind: 'close', what: 'step', from: 'released', to: 'pending' }, /removal of a connection cannot go/],
    [{ kind: 'close', what: 'phase', from: 'open', to: 'ended' }, undefined],
    [{ kind: 'close', what: 'phase', from: 'open', to: 'closed-both' }, undefined],
    [{ kind: 'close', what: 'step', from: 'pending', to: 'released' }, undefined],
    [{ kind: 'state', from: 'open', to: 'closed' }, undefined],
    [{ kind: 'timer' }, undefined],
  ] as const) {
    const found = new LegalityJudge().judge(event);
    if (rule === undefined) assert.equal(found, undefined);
    else assert.match(found!, rule);
  }
  const judge = new LegalityJudge();
  const frame = { kind: 'frame', fin: true, bytes: 0 } as const;
  assert.equal(judge.judge({ ...frame, dir: 'in', type: 'close' }), undefined);
  assert.equal(judge.judge({ ...frame, dir: 'out', type: 'close' }), undefined);
  assert.match(judge.judge({ ...frame, dir: 'in', type: 'text' })!, /the peer sent a frame after its Close/);
});

test('LG-05 GN-16: an onClose that throws is a failure of a handler', async () => {
  await using joined = await pair();
  const failed = waitForEvent(joined.webSocketServer, 'error');
  trail(joined.server, {
    onClose: () => {
      throw new Error('planted');
    },
  });
  joined.client.terminate();
  const [error] = (await failed) as [Error];
  assert.equal((error.cause as Error).message, 'planted');
});
