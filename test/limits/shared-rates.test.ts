import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, MisuseError, type ServerOptions } from '../../src/index.ts';
import { close, eventLoopTurns, ping, text, waitUntil } from '../../src/testing/index.ts';
import { closeCode, live, type Peer } from '../server/live.ts';

interface User {
  readonly user: string | undefined;
}
const userOf = (connection: Connection): string | undefined => (connection.data as User).user;
const options = (rateLimit: Partial<NonNullable<ServerOptions['rateLimit']>>): ServerOptions => ({
  heartbeat: false,
  idleTimeoutMs: false,
  upgrade: ({ request }) => ({ data: { user: request.headers['x-user'] } satisfies User }),
  rateLimit: { messagesPerSecond: 2, burstMessages: 4, key: userOf, ...rateLimit },
});

test('RL-06: the connection of a user that exceeds the shared burst is closed with 1008, the others stay', async (t) => {
  const { server, join } = live(t, options({}));
  const peers: Peer[] = [];
  for (const user of ['ann', 'ann', 'ben']) peers.push(await join({ 'X-User': user }));
  const [ann, again, ben] = peers as [Peer, Peer, Peer];
  let received = 0;
  server.on('message', () => void received++);
  for (const { raw } of [ann, again, ben]) raw.send(Buffer.concat([text('1'), ping('2'), text('3')]));
  assert.equal((await again.raw.nextFrame()).opcode, 10, 'the pong of its ping');
  assert.equal(await closeCode(again.raw), 1008);
  assert.deepEqual([ann.connection.state, ben.connection.state], ['open', 'open']);
  again.raw.send(close(1008));
  again.raw.end();
  const { cause } = await again.connection.closed;
  assert.equal(cause, 'rate-limit');
  assert.match(server.metrics(), /^hawser_rate_limited_total\{action="close"\} 1$/m);
  assert.equal(received, 2 + 1 + 2);
});

test('RL-06: with throttle, connections of a user share the rate', async (t) => {
  const { server, join, pass } = live(t, options({ action: 'throttle' }));
  const [ann, again] = [await join({ 'X-User': 'ann' }), await join({ 'X-User': 'ann' })];
  let received = 0;
  server.on('message', () => void received++);
  for (const { raw } of [ann, again]) raw.send(Buffer.concat(Array.from({ length: 6 }, () => text('x'))));
  await eventLoopTurns(3);
  assert.equal(received, 4);
  await pass(1_000);
  assert.ok(received >= 5 && received <= 6, `${received} after a second`);
  await pass(4_000);
  assert.equal(received, 12);
  assert.deepEqual([ann.connection.state, again.connection.state], ['open', 'open']);
});

test('RL-06: the key is asked for once, when the first bytes have arrived, after the connection event', async (t) => {
  const asked: string[] = [];
  const { server, join } = live(
    t,
    options({
      key: (connection) => {
        asked.push(userOf(connection)!);
        return userOf(connection);
      },
    }),
  );
  server.on('connection', (connection) => {
    connection.data = { user: 'set by the listener' };
    connection.on('message', () => undefined);
  });
  const { raw, connection } = await join({ 'X-User': 'ann' });
  assert.deepEqual(asked, []);
  raw.send(text('1'));
  await waitUntil(() => connection.messagesReceived === 1);
  raw.send(text('2'));
  await waitUntil(() => connection.messagesReceived === 2);
  assert.deepEqual(asked, ['set by the listener']);
});

test('RL-06: undefined means limits of the connection itself', async (t) => {
  const { server, join } = live(t, options({}));
  server.on('message', () => undefined);
  const peers = [await join(), await join()];
  for (const { raw } of peers) raw.send(Buffer.concat(Array.from({ length: 4 }, () => text('x'))));
  await waitUntil(() => peers.every(({ connection }) => connection.messagesReceived === 4));
  for (const { connection } of peers) assert.equal(connection.state, 'open');
});

for (const { what, key, says } of [
  { what: 'throws', key: () => assert.fail('as a test'), says: /as a test/ },
  {
    what: 'returns a number',
    key: () => 5,
    says: /rateLimit\.key returned 5; it must return a string of 1 to 256/,
  },
  { what: 'returns null', key: () => null, says: /rateLimit\.key returned null/ },
  { what: 'returns an empty string', key: () => '', says: /rateLimit\.key returned ""/ },
  { what: 'returns a long string', key: () => 'x'.repeat(257), says: /rateLimit\.key returned "x/ },
  {
    what: 'returns a promise',
    key: () => Promise.reject(new Error('late')),
    says: /returned a promise.*at once/,
  },
]) {
  test(`RL-06 ER-05: a key function that ${what} closes the connection with 1011, and delivers nothing`, async (t) => {
    const { server, join, errors } = live(t, options({ key: key as () => string }));
    server.on('message', () => assert.fail('delivered'));
    const { raw, connection } = await join({ 'X-User': 'ann' });
    raw.send(text('x'));
    assert.equal(await closeCode(raw), 1011);
    raw.send(close(1011));
    raw.end();
    const { cause, error } = await connection.closed;
    assert.deepEqual([cause, error?.code], ['handler-error', 'ERR_HANDLER']);
    const [failure] = errors.splice(0);
    assert.match((failure!.cause as Error).message, says);
    if (what.startsWith('returns')) assert.ok(failure!.cause instanceof MisuseError);
    assert.equal(connection.droppedMessages, 1);
  });
}

test('RL-06 HS-13: bytes that follow the handshake count for the key, too', async (t) => {
  const { server, join } = live(t, options({ messagesPerSecond: 1, burstMessages: 1 }));
  server.on('message', () => undefined);
  const { raw } = await join({ 'X-User': 'ann' });
  raw.send(Buffer.concat([text('1'), text('2')]));
  assert.equal(await closeCode(raw), 1008);
});

test('RL-06 CF-03: connections of a user share the new limit after a change at run time, too', async (t) => {
  const { server, join } = live(t, options({}));
  const [ann, again] = [await join({ 'X-User': 'ann' }), await join({ 'X-User': 'ann' })];
  server.on('message', () => {});
  ann.raw.send(text('before'));
  await waitUntil(() => ann.connection.messagesReceived === 1, { description: 'the first message' });
  server.configure({ rateLimit: { messagesPerSecond: 1, burstMessages: 2, key: userOf } });
  ann.raw.send(text('1'));
  await waitUntil(() => ann.connection.messagesReceived === 2, { description: 'the next message' });
  again.raw.send(Buffer.concat([text('2'), text('3')]));
  assert.equal(await closeCode(again.raw), 1008);
  assert.equal(ann.connection.state, 'open');
  again.raw.send(close(1008));
  again.raw.end();
  await again.connection.closed;
});
