import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../src/protocol/errors.ts';
import { controlled } from './fake-node.ts';
import { error, matches, ok, subscribe } from './peer.ts';

test('HI-07 limit: a member of 16 topics', async (t) => {
  const { greeted, node, core } = controlled(t, {
    history: [],
    authorizeSubscribe: () => ({ presence: {} }),
  });
  const peer = await greeted();
  for (let i = 0; i < 17; i++) peer.sends(subscribe(i, `t${i}`));
  matches(
    await peer.all(),
    Array.from({ length: 17 }, (_, i) => (i === 16 ? error(i, 'limit') : ok(i, `t${i}`))),
  );
  assert.equal(core.groups.topics.size, 16);
  assert.equal(
    node()
      .taken()
      .filter((call) => call.startsWith('enter')).length,
    16,
  );
});

test('HI-07 a member enters with key and info, before the ok; unsubscribing leaves', async (t) => {
  const { greeted, node } = controlled(t, {
    history: [],
    authorizeSubscribe: (connection) =>
      Promise.resolve({ presence: { key: `u${connection.id.length}`, info: { name: 'Ada' } } }),
  });
  const [peer, closing] = [await greeted(), await greeted()];
  peer.sends(subscribe(1, 't', { presence: true }));
  matches(await peer.all(), [ok(1, 't')]);
  assert.deepEqual(node().taken(), ['start', 'subscribe t', 'enter t u36 {"name":"Ada"}', 'watch t']);
  closing.sends(subscribe(1, 't'));
  await closing.all();
  closing.connection.terminate();
  peer.sends({ op: 'unsubscribe', id: 2, topic: 't' });
  matches(await peer.all(), [ok(2, 't')]);
  assert.deepEqual(node().taken(), [
    'enter t u36 {"name":"Ada"}',
    'leave t',
    'leave t',
    'unwatch t',
    'unsubscribe t',
  ]);
});

test('HI-07 presence lists members; join and leave come to those that watch, as one shared frame', async (t) => {
  const { greeted, node } = controlled(t, { history: [] });
  const [one, two, other] = [await greeted(), await greeted(), await greeted()];
  const member = { key: 'u7', info: { name: 'Ada' }, since: new Date(1_790_000_000_000), connections: 1 };
  for (const { sends } of [one, two]) sends(subscribe(1, 't', { presence: true }));
  other.sends(
    subscribe(1, 't'),
    subscribe(2, 't', { presence: true }),
    subscribe(3, 't', { presence: true }),
  );
  for (const peer of [one, two, other]) await peer.all();
  assert.equal(
    node()
      .taken()
      .filter((call) => call === 'watch t').length,
    3,
    'each session watches once',
  );
  node().owner.joined('t', member);
  node().owner.left('t', member);
  node().owner.counted('t', { count: 5_000 });
  node().owner.counted('t', { count: 1, members: [member] });
  for (const peer of [one, two, other])
    assert.deepEqual(await peer.all(), [
      { op: 'join', topic: 't', member: { ...member, since: 1_790_000_000_000 } },
      { op: 'leave', topic: 't', key: 'u7' },
      { op: 'presence', topic: 't', count: 5_000 },
      { op: 'presence', topic: 't', count: 1, members: [{ ...member, since: 1_790_000_000_000 }] },
    ]);
  node().list = { count: 2, members: [member] };
  one.sends({ op: 'presence', id: 5, topic: 't' }, { op: 'presence', id: 6, topic: 'elsewhere' });
  matches(
    await one.all(),
    [5, 6].map((id) => ({ op: 'ok', id, count: 2, members: [{ ...member, since: 1_790_000_000_000 }] })),
  );
  node().list = { count: 5_000 };
  one.sends({ op: 'presence', id: 7, topic: 't' });
  assert.deepEqual(await one.all(), [{ op: 'ok', id: 7, count: 5_000 }]);
  node().list = new EngineError('ERR_ENGINE_DOWN');
  one.sends({ op: 'presence', id: 8, topic: 't' });
  matches(await one.all(), [error(8, 'unavailable')]);
});
