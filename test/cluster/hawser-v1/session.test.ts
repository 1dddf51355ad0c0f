import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageStreams } from '../../../src/index.ts';
import { eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { controlled } from './fake-node.ts';
import { deferred, publish, subscribe, v1Server } from './peer.ts';

test('HI-01 the first frame is hello, with the id of the connection and the interval of pings', async (t) => {
  const { joins } = v1Server(t, { pingIntervalMs: 20_000 });
  const peer = await joins();
  assert.deepEqual(await peer.gets(), { op: 'hello', v: 1, connection: peer.connection.id, pingMs: 20_000 });
  const silent = v1Server(t, { heartbeat: false });
  assert.equal((await (await silent.joins()).gets())['pingMs'], 0);
});

test('HI-01 a session refuses what would send or receive parts of a message', async (t) => {
  const { joins } = v1Server(t);
  const { connection } = await joins();
  const refused = { code: 'ERR_STATE', message: /hawser\.v1/ };
  await assert.rejects(connection.sendStream(['a', 'b']), refused);
  assert.throws(() => messageStreams(connection), refused);
});

test('HI-01 connections without the subprotocol are plain', async (t) => {
  const { joins, core } = v1Server(t);
  const peer = await joins('chat');
  peer.connection.subscribe('t');
  peer.connection.on('message', (message) => void peer.connection.send(message));
  peer.sends('{"op":"ping"}');
  core.groups.publish(undefined, 't', '"news"', undefined);
  assert.deepEqual(await peer.all(), ['news', { op: 'ping' }]);
  await assert.rejects(peer.connection.request('x'), { code: 'ERR_STATE' });
});

test('HI-01 malformed frames close only if 10 of them come within a minute', async (t) => {
  const { greeted, clock } = v1Server(t, { heartbeat: false, idleTimeoutMs: false });
  const peer = await greeted();
  for (let i = 0; i < 12; i++) {
    peer.sends('x');
    await peer.all();
    clock.advance(6_700);
  }
  assert.equal(peer.connection.state, 'open');
  peer.sends(...Array.from({ length: 9 }, () => 'x'));
  assert.deepEqual((await peer.all()).at(-1), { close: 1008 });
  assert.equal(peer.connection.state, 'closing');
});

test('HI-01 a connection that closes while it waits leaves nothing behind, and no answer is made for it', async (t) => {
  const verdict = deferred<boolean>();
  const { greeted, node, core } = controlled(t, { authorizePublish: () => verdict.promise });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), publish(2, 't', 'x'), publish(3, 't', 'y'));
  await eventLoopTurns(8);
  const asked = peer.connection.request('x');
  peer.connection.terminate();
  await assert.rejects(asked, { code: 'ERR_CLOSED' });
  assert.equal(node().resumes[0]!.isCancelled, true);
  verdict.resolve(true);
  await eventLoopTurns(4);
  assert.deepEqual(node().taken(), ['start', 'resume t'], 'nothing is published for it');
  assert.equal(core.groups.topics.size, 0);
});

test('HI-01 the application sends and broadcasts to a session as message frames, and subscribes it', async (t) => {
  const { greeted, joins, core } = v1Server(t);
  const [peer, plain] = [await greeted(), await joins('chat')];
  assert.equal(peer.connection.subscribe('t'), true);
  peer.connection.send('"grüße"');
  peer.connection.send(Buffer.from([0, 255, 16]));
  peer.connection.send(Buffer.from('text'), { binary: false });
  core.groups.broadcast('{"all":1}', undefined);
  core.groups.publish(undefined, 't', 'news', undefined);
  core.groups.publish(undefined, 't', 'odd', { where: () => false });
  assert.deepEqual(await peer.all(), [
    { op: 'message', data: '"grüße"' },
    { op: 'message', data64: 'AP8Q' },
    { op: 'message', data: 'text' },
    { op: 'message', data: '{"all":1}' },
    { op: 'message', topic: 't', data: 'news' },
  ]);
  assert.deepEqual(await plain.all(), [{ all: 1 }]);
  assert.throws(() => peer.connection.send(7 as never), { code: 'ERR_ARGUMENT' });
});

test('HI-01 message frames reach the listeners of the application, as text and as bytes', async (t) => {
  for (const textAs of ['string', 'buffer'] as const) {
    const { greeted, emitter } = v1Server(t, { textAs });
    const peer = await greeted();
    const seen: unknown[] = [];
    emitter.on('message', (_, message, isText) => void seen.push([message, isText]));
    peer.sends({ op: 'message', data: 'hi' }, { op: 'message', data64: 'AP8Q' });
    await waitUntil(() => seen.length === 2);
    assert.deepEqual(seen, [
      [textAs === 'string' ? 'hi' : Buffer.from('hi'), true],
      [Buffer.from([0, 255, 16]), false],
    ]);
  }
});
