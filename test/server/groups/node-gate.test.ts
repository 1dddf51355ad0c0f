import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogFields, type Logger, WebSocketServer } from '../../../src/index.ts';
import { plainRunOf } from '../../../src/server/groups/position-follower.ts';
import type { Relayed, TopicNode } from '../../../src/server/groups/topic-node.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { at, controlled, HISTORY_AND_PRESENCE, idleEngine } from '../../cluster/hawser-v1/fake-node.ts';
import { v1Server } from '../../cluster/hawser-v1/peer.ts';
import { live } from '../live.ts';

test('GN-17 a match function that throws or returns nonsense matches nothing, and is visible', async (t) => {
  let verdict: () => unknown = () => {
    throw new Error('as a test');
  };
  const { server, errors } = live(t, {
    history: [{ match: () => verdict() as boolean }, { match: 'z', maxMessages: 5 }],
  });
  assert.equal(server.publish('t', 'x').sent, 0);
  assert.match(String(errors.splice(0)[0]?.cause), /as a test/);
  verdict = () => 'yes';
  await server.publish('t', 'x').relayed;
  assert.match(String(errors.splice(0)[0]?.cause), /match returned "yes"/);
});

test('SC-07 engineDown and engineUp come once each, ready follows requireEngine, and the log has them', async (t) => {
  const lines: unknown[] = [];
  const log = (level: string) => (fields: LogFields, text: string) =>
    void lines.push([level, text, Object.keys(fields).join()]);
  const logger: Logger = { debug: () => {}, info: log('info'), warn: log('warn'), error: log('error') };
  const { core, node, emitter, joins } = controlled(t, { cluster: idleEngine, requireEngine: true, logger });
  core.isReachable = () => true;
  assert.deepEqual(core.readiness().reasons, ['engine'], 'nothing is loaded yet');
  await joins('chat');
  assert.deepEqual(core.readiness(), { ready: true, reasons: [] });
  lines.length = 0;
  const events: unknown[] = [];
  emitter.on('engineDown', ({ message }) => void events.push(message));
  emitter.on('engineUp', (info) => void events.push(info));
  node().state = 'down';
  node().owner.engineDown(new Error('gone'));
  assert.deepEqual(core.readiness().reasons, ['engine']);
  node().state = 'up';
  node().owner.engineUp({ downMs: 12, gaps: 2 });
  node().owner.engineFault(new Error('odd'));
  node().owner.lost('t', at(1));
  assert.deepEqual(events, ['gone', { downMs: 12, gaps: 2 }]);
  assert.deepEqual(lines, [
    ['error', 'engine down', 'err'],
    ['info', 'engine up', 'downMs,gaps'],
    ['warn', 'a message of the engine was dropped, or a call of it failed', 'err'],
    ['warn', 'messages of a topic are missing for good', 'topic'],
  ]);
});

test('SC-07 calls before the node is loaded wait, and are made in order', async (t) => {
  const { core, node } = controlled(t);
  const gate = core.groups.node!;
  const position = gate.position('t');
  gate.subscribe('t');
  const published = core.groups.publish(undefined, 't', 'one', undefined).relayed!;
  const never = gate.resume('t', undefined, { runOf: plainRunOf, resumed: assert.fail, failed: assert.fail });
  never();
  gate.resume('u', at(1), { runOf: plainRunOf, resumed: assert.fail, failed: () => {} });
  gate.enter('t', 'id', 'key', 1);
  gate.watch('t');
  gate.unwatch('t');
  gate.leave('t', 'id');
  gate.unsubscribe('t');
  const members = gate.members('t');
  assert.equal(gate.state, 'alone');
  assert.deepEqual(await position, at(7));
  assert.deepEqual(await members, { count: 0, members: [] });
  assert.deepEqual(node().taken(), [
    'start',
    'subscribe t',
    'publish t one',
    'resume u',
    'enter t key 1',
    'watch t',
    'unwatch t',
    'leave t',
    'unsubscribe t',
  ]);
  node()
    .publishes.shift()!
    .resolve({ ok: true, position: at(1) });
  assert.deepEqual(await published, { ok: true, position: at(1) });
});

test('SC-07 a node that cannot be loaded fails every call, and refuses hawser.v1; the failure is visible', async (t) => {
  const failure = new Error('no such file');
  const options = { ...HISTORY_AND_PRESENCE, history: { match: 't' } };
  const { core, errors, joins } = v1Server(t, options, () => {
    throw failure;
  });
  const gate = core.groups.node!;
  const relayed = ['t', 'live'].map(
    (topic) => core.groups.publish(undefined, topic, 'x', undefined).relayed!,
  );
  const refusals: unknown[] = [];
  gate.resume('t', undefined, {
    runOf: plainRunOf,
    resumed: assert.fail,
    failed: (...given) => void refusals.push(given),
  });
  gate.subscribe('t');
  await assert.rejects(gate.position('t'), { code: 'ERR_ENGINE_DOWN' });
  assert.deepEqual(errors.splice(0), [failure]);
  const results = (await Promise.all(relayed)) as (Relayed & { ok: false })[];
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['not-published', 'unknown'],
    'local subscribers got the message of a topic without history',
  );
  assert.deepEqual(refusals, [['unavailable', undefined]]);
  assert.equal(gate.state, 'alone');
  const { raw } = await joins();
  assert.equal((await raw.nextFrame()).payload.readUInt16BE(), 1011);
});

test('SD-02 shutdown stops the node after the last connection; a node that cannot stop is visible', async (t) => {
  const clock = new VirtualClock();
  const server = new WebSocketServer({ clock, history: { match: '*' }, protocols: ['hawser.v1'] });
  const errors: Error[] = [];
  server.on('error', (error) => void errors.push(error));
  t.after(() => server.shutdown());
  await server.publish('t', 'x').relayed;
  await server.shutdown();
  const after = (await server.publish('t', 'y').relayed) as Relayed & { ok: false };
  assert.deepEqual([after.ok, after.outcome], [false, 'not-published']);
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(errors, []);

  const { core, node, joins, errors: seen } = controlled(t);
  await joins('chat');
  (node() as TopicNode).stop = () => Promise.reject(new Error('as a test'));
  await core.topics.stop();
  Reflect.deleteProperty(node(), 'stop');
  assert.deepEqual(
    seen.splice(0).map(({ message }) => message),
    ['as a test'],
  );
});
