import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../src/protocol/errors.ts';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { at, controlled, topicMessage } from './fake-node.ts';
import { deferred, error, matches, ok, publish, subscribe, v1Server } from './peer.ts';

test('HI-01 publishes of one topic keep their order, whatever the hook takes for each', async (t) => {
  const verdicts = [deferred<boolean>(), deferred<boolean>(), deferred<boolean>()];
  let asked = 0;
  const { greeted, core } = v1Server(t, {
    authorizePublish: (_, topic) => (topic === 'other' ? true : verdicts[asked++]!.promise),
  });
  const [peer, reader] = [await greeted(), await greeted()];
  reader.connection.subscribe('t');
  reader.connection.subscribe('other');
  peer.sends(
    publish(1, 't', 'one'),
    publish(2, 't', 'two'),
    publish(3, 't', 'three'),
    publish(4, 'other', 'four'),
  );
  assert.deepEqual(await peer.all(), [ok(4, 'other')], 'another topic does not wait');
  verdicts[2]!.resolve(true);
  verdicts[1]!.resolve(false);
  assert.deepEqual(await peer.all(), []);
  verdicts[0]!.resolve(true);
  matches(await peer.all(), [ok(1, 't'), error(2, 'forbidden'), ok(3, 't')]);
  assert.deepEqual(
    (await reader.all()).map(({ data }) => data),
    ['four', 'one', 'three'],
  );
  assert.equal(core.groups.topics.subscriberCount('t'), 1);
});

test('HI-01 a publish tells the outcome when the engine is down, and too-big when the engine refuses', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(publish(1, 't', 'a'), publish(2, 't', 'b'), publish(3, 't', 'c'), publish(4, 't', 'd'));
  await eventLoopTurns(8);
  const [one, two, three, four] = node().publishes.splice(0);
  one!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_DOWN'), outcome: 'unknown' });
  two!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_FULL'), outcome: 'not-published' });
  three!.resolve({ ok: false, error: new EngineError('ERR_ENGINE_REFUSED'), outcome: 'not-published' });
  four!.resolve({ ok: true, position: at(9) });
  matches(await peer.all(), [
    error(1, 'unavailable', { outcome: 'unknown' }),
    error(2, 'unavailable', { outcome: 'not-published' }),
    error(3, 'too-big'),
    { ...ok(4, 't'), ...at(9) },
  ]);
});

test('HI-01 the ok of a publish stands between the messages before and after it', async (t) => {
  const { greeted, node, core } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  node().resumes[0]!.waiter.resumed(
    { recovered: false, position: at(0), missed: [], run: undefined },
    () => {},
  );
  await peer.all();
  peer.sends(publish(2, 't', 'mine'));
  await eventLoopTurns(8);
  const { publisher, resolve } = node().publishes.shift()!;
  const except = peer.connection.id;
  const counts = node().owner.deliver('t', [
    topicMessage('t', 1),
    topicMessage('t', 2, 'mine', { except, publisher }),
    topicMessage('t', 3),
  ]);
  resolve({ ok: true, position: at(2) });
  assert.deepEqual(counts, { sent: 1, skipped: 0, failed: 0 });
  assert.deepEqual(await peer.all(), [
    { op: 'message', topic: 't', offset: 1, data: 'm1' },
    { ...ok(2, 't'), ...at(2) },
    { op: 'message', topic: 't', offset: 3, data: 'm3' },
  ]);
  assert.deepEqual(core.groups.topics.get('t')?.position, at(3));
});

test('HI-01 all sessions share one frame of a message, in one turn; plain subscribers get the payload', async (t) => {
  const { greeted, joins, node } = controlled(t);
  const peers = [await greeted(), await greeted(), await greeted()];
  for (const { sends } of peers) sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  for (const { waiter } of node().resumes)
    waiter.resumed({ recovered: false, position: at(0), missed: [], run: undefined }, () => {});
  const plain = await joins('chat');
  plain.connection.subscribe('t');
  for (const peer of peers) await peer.all();
  const message = topicMessage('t', 1, '"x"');
  assert.deepEqual(node().owner.deliver('t', [message]), { sent: 4, skipped: 0, failed: 0 });
  const shared = message.wireFrame;
  assert.ok(shared);
  node().owner.deliver('t', [message]);
  assert.equal(message.wireFrame, shared, 'it is built once');
  for (const peer of peers)
    assert.deepEqual(
      await peer.all(),
      [1, 1].map((offset) => ({ op: 'message', topic: 't', offset, data: '"x"' })),
    );
  assert.deepEqual(await plain.all(), ['x', 'x']);
});
