import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { at, controlled, topicMessage } from './fake-node.ts';
import { deferred, error, matches, ok, subscribe, v1Server } from './peer.ts';

test('HI-01 an unsubscribe overtakes a subscribe: each id gets one answer, and the late verdict changes nothing', async (t) => {
  const verdict = deferred<boolean>();
  const { greeted, core } = v1Server(t, { authorizeSubscribe: () => verdict.promise });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'), { op: 'unsubscribe', id: 3, topic: 't' });
  matches(await peer.all(), [error(1, 'not-subscribed'), error(2, 'not-subscribed'), ok(3, 't')]);
  verdict.resolve(true);
  assert.deepEqual(await peer.all(), []);
  assert.equal(core.groups.topics.size, 0);
});

test('HI-01 an unsubscribe cancels a resume that waits for the engine', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'));
  await eventLoopTurns(8);
  peer.sends({ op: 'unsubscribe', id: 3, topic: 't' }, subscribe(4, 't', { since: at(1) }));
  matches(await peer.all(), [error(1, 'not-subscribed'), error(2, 'not-subscribed'), ok(3, 't')]);
  const [first, second] = node().resumes;
  assert.deepEqual([first!.isCancelled, second!.isCancelled, second!.since], [true, false, at(1)]);
  let sent = 0;
  const messages = [topicMessage('t', 2)];
  const run = second!.waiter.runOf({ messages, plainRun: undefined, wireRun: undefined });
  second!.waiter.resumed({ recovered: true, position: at(1), missed: messages, run }, () => sent++);
  assert.deepEqual(await peer.all(), [
    { op: 'ok', id: 4, topic: 't', recovered: true, epoch: 'e', offset: 1, missed: 1 },
    { op: 'message', topic: 't', offset: 2, data: 'm2' },
  ]);
  assert.equal(sent, 1, 'the node hears that the messages were written');
});

test('HI-08 busy has retryAfterMs; unavailable has no outcome; both answer those that wait, too', async (t) => {
  const { greeted, node } = controlled(t);
  const peer = await greeted();
  peer.sends(subscribe(1, 't'), subscribe(2, 't'), subscribe(3, 'u'));
  await eventLoopTurns(8);
  node().resumes[0]!.waiter.failed('busy', 1_234);
  node().resumes[1]!.waiter.failed('unavailable', undefined);
  matches(await peer.all(), [
    error(1, 'busy', { retryAfterMs: 1_234 }),
    error(2, 'busy', { retryAfterMs: 1_234 }),
    error(3, 'unavailable'),
  ]);
});

test('HI-05 lost reaches the sessions that follow the topic, before later messages', async (t) => {
  const { greeted, node } = controlled(t);
  const [peer, other] = [await greeted(), await greeted()];
  peer.sends(subscribe(1, 't'));
  other.sends(subscribe(1, 'u'));
  await eventLoopTurns(8);
  for (const { waiter } of node().resumes)
    waiter.resumed({ recovered: false, position: at(0), missed: [], run: undefined }, () => {});
  await Promise.all([peer.all(), other.all()]);
  const position = { epoch: 'f', offset: 4 };
  node().owner.lost('t', position);
  node().owner.deliver('t', [topicMessage('t', 5, 'x', { position: { epoch: 'f', offset: 5 } })]);
  assert.deepEqual(await peer.all(), [
    { op: 'lost', topic: 't', ...position },
    { op: 'message', topic: 't', offset: 5, data: 'x' },
  ]);
  assert.deepEqual(await other.all(), []);
});

test('HI-01 limit: maxTopicsPerConnection topics, those that the application chose included', async (t) => {
  const { greeted } = v1Server(t, { maxTopicsPerConnection: 2 });
  const peer = await greeted();
  peer.connection.subscribe('own');
  peer.sends(
    subscribe(1, 'a'),
    subscribe(2, 'b'),
    { op: 'unsubscribe', id: 3, topic: 'own' },
    subscribe(4, 'b'),
  );
  matches(await peer.all(), [ok(1, 'a'), error(2, 'limit'), ok(3, 'own'), ok(4, 'b')]);
});

test('HI-01 a client that the application subscribes learns its position from lost, at the latest with the first message', async (t) => {
  const { greeted, node } = controlled(t);
  const [one, two] = [await greeted(), await greeted()];
  one.connection.subscribe('t');
  two.connection.subscribe('t');
  const [first, second] = node().resumes;
  first!.waiter.resumed({ recovered: false, position: at(4), missed: [], run: undefined }, () => {});
  node().owner.deliver('t', [topicMessage('t', 5)]);
  second!.waiter.failed('busy', 500);
  node().owner.deliver('t', [topicMessage('t', 6)]);
  for (const peer of [one, two])
    assert.deepEqual(await peer.all(), [
      { op: 'lost', topic: 't', ...at(4) },
      { op: 'message', topic: 't', offset: 5, data: 'm5' },
      { op: 'message', topic: 't', offset: 6, data: 'm6' },
    ]);
  // Neither a subscription that has ended nor one that the client has begun meanwhile gets it.
  one.connection.subscribe('u');
  one.connection.unsubscribe('u');
  two.connection.subscribe('u');
  two.sends(subscribe(1, 'u'));
  await eventLoopTurns(8);
  const [ended, replaced, begun] = node().resumes.slice(2);
  begun!.waiter.resumed({ recovered: false, position: at(7), missed: [], run: undefined }, () => {});
  for (const { waiter } of [ended!, replaced!])
    waiter.resumed({ recovered: false, position: at(7), missed: [], run: undefined }, () => {});
  assert.deepEqual(
    [(await one.all()).map(({ op }) => op), (await two.all()).map(({ op }) => op)],
    [['unsubscribed'], ['ok']],
  );
});
