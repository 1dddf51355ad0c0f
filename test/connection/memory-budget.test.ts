import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget, MisuseError, type ServerOptions } from '../../src/index.ts';
import { binary, continuation, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { listening, live, nextText } from '../server/live.ts';

const options = (maxBytes: number): ServerOptions & { readonly memoryBudget: MemoryBudget } => ({
  memoryBudget: new MemoryBudget({ maxBytes }),
  maxBufferedBytes: 100_000_000,
  maxMessageBytes: 10_000_000,
  heartbeat: false,
  idleTimeoutMs: false,
});

test('BP-08: over the budget whoever holds most is closed, until 90 % are reached; the others do not notice', async (t) => {
  const settings = options(1_000_000);
  const { memoryBudget } = settings;
  const { server, join, errors, closes } = live(t, settings);
  const [large, middle, small, healthy] = [await join(), await join(), await join(), await join()];
  for (const { raw } of [large, middle, small]) raw.pause();
  large.connection.send(Buffer.alloc(500_000));
  middle.connection.send(Buffer.alloc(300_000));
  small.connection.send(Buffer.alloc(150_000));
  await eventLoopTurns(5);
  assert.ok(memoryBudget.usedBytes > 700_000, `${memoryBudget.usedBytes}`);
  assert.deepEqual(errors, []);
  for (let i = 0; i < 4; i++) {
    middle.connection.send(Buffer.alloc(100_000));
    await eventLoopTurns(2);
  }
  // Both hold about the same now; whichever is closed, one is enough.
  assert.equal(errors.length, 1);
  assert.equal(Reflect.get(errors.splice(0)[0]!, 'code'), 'ERR_MEMORY_CAP');
  const states = [large, middle, small, healthy].map(({ connection }) => connection.state === 'open');
  assert.equal(states.filter((open) => !open).length, 1);
  assert.deepEqual(states.slice(2), [true, true]);
  assert.ok(memoryBudget.usedBytes <= 900_000, `${memoryBudget.usedBytes}`);
  healthy.connection.send('fine');
  assert.equal(await nextText(healthy.raw), 'fine');
  for (const { raw } of [large, middle, small]) raw[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 1);
  assert.deepEqual(
    closes.filter(({ cause }) => cause === 'memory-cap').map(({ sentCode }) => sentCode),
    [1013],
  );
  healthy.raw[Symbol.dispose]();
  await waitUntil(() => memoryBudget.usedBytes === 0);
});

test('BP-08: peers that read are not lost: what they take at once is written first', async (t) => {
  const settings = options(200_000);
  const { server, join, errors } = await listening(t, settings);
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await join());
  // A megabyte within one turn, a fifth of which fits.
  for (const connection of server.connections) {
    for (let i = 0; i < 5; i++) connection.send('x'.repeat(10_000));
  }
  for (const client of clients)
    for (let i = 0; i < 5; i++) assert.equal((await nextText(client)).length, 10_000);
  assert.deepEqual(errors, []);
  await waitUntil(() => settings.memoryBudget.usedBytes === 0);
});

test('BP-08: unfinished messages count', async (t) => {
  const settings = options(300_000);
  const { server, join, errors, closes } = live(t, settings);
  server.on('message', () => undefined);
  const peers = [await join(), await join(), await join()];
  for (const { raw } of peers) {
    raw.send(binary(Buffer.alloc(60_000), { fin: false }));
    await eventLoopTurns(10);
  }
  assert.ok(settings.memoryBudget.usedBytes >= 180_000, `${settings.memoryBudget.usedBytes}`);
  peers[1]!.raw.send(continuation(Buffer.alloc(200_000), { fin: false }));
  await waitUntil(() => errors.length === 1);
  errors.splice(0);
  assert.deepEqual(
    peers.map(({ connection }) => connection.state === 'open'),
    [true, false, true],
  );
  peers[1]!.raw[Symbol.dispose]();
  await waitUntil(() => closes.length === 1);
  assert.equal(closes[0]!.cause, 'memory-cap');
  for (const at of [0, 2]) peers[at]!.raw.send(continuation('', { fin: true }));
});

test('BP-08 BP-10: messages that no handler takes count', async (t) => {
  const settings = { ...options(100_000), receiveAheadBytes: 1_000_000 };
  const { join, errors } = live(t, settings);
  const peer = await join();
  // Nobody listens for messages.
  for (let i = 0; i < 50; i++) peer.raw.send(text('x'.repeat(5_000)));
  await waitUntil(() => errors.length === 1);
  errors.splice(0);
  assert.notEqual(peer.connection.state, 'open');
  assert.ok(peer.connection.droppedMessages > 0);
  peer.raw[Symbol.dispose]();
  await waitUntil(() => settings.memoryBudget.usedBytes === 0);
});

test('BP-08: two servers may share a budget, and the one that holds most pays', async (t) => {
  const settings = options(500_000);
  const [one, two] = [live(t, settings), live(t, settings)];
  const [modest, greedy] = [await one.join(), await two.join()];
  for (const { raw } of [modest, greedy]) raw.pause();
  modest.connection.send(Buffer.alloc(200_000));
  greedy.connection.send(Buffer.alloc(300_000));
  await eventLoopTurns(3);
  greedy.connection.send(Buffer.alloc(300_000));
  assert.deepEqual([modest.connection.state, greedy.connection.state], ['open', 'closed']);
  assert.deepEqual([one.errors.splice(0).length, two.errors.splice(0).length], [0, 1]);
});

for (const maxBytes of [0, -1, 1.5, Infinity, Number.NaN, '5', null]) {
  test(`BP-08 GN-02: a budget cannot be ${JSON.stringify(maxBytes)}`, () => {
    assert.throws(
      () => new MemoryBudget({ maxBytes: maxBytes as number }),
      (error) =>
        error instanceof MisuseError && error.code === 'ERR_OPTION' && error.message.includes('maxBytes'),
    );
  });
}
