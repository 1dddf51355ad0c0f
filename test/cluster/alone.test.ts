import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { jobs, offsetsOf, resume, RULE, TestNode, textOf } from './recorded.ts';

const position = (epoch: string, offset: number): { epoch: string; offset: number } => ({ epoch, offset });

test('HI-03 a publish comes back numbered within the turn, and its result has the position and the counts', async () => {
  const one = new TestNode();
  assert.equal(one.node.state, 'alone');
  one.node.subscribe('news');
  const publisher = {};
  const first = one.publish('news', 'a', publisher);
  const second = one.publish('news', 'b');
  assert.deepEqual(one.owner.texts, [], 'the order is decided later in the turn');
  await jobs();
  assert.deepEqual(one.owner.texts, ['a', 'b']);
  assert.deepEqual(offsetsOf(one.owner.delivered), [1, 2]);
  assert.deepEqual(one.owner.publishers, [publisher, undefined]);
  assert.equal(one.owner.delivered[0]!.publisher, undefined, 'the tail keeps no publisher');
  const { epoch } = one.owner.delivered[0]!.position!;
  const delivery = { sent: 1, skipped: 0, failed: 0 };
  assert.deepEqual(await first, { ok: true, position: position(epoch, 1), delivery });
  assert.deepEqual(await second, { ok: true, position: position(epoch, 2), delivery });
  assert.deepEqual(await one.node.position('news'), position(epoch, 2));
  assert.equal(one.clock.nextTimerMs! > 0, true);
});

test('HI-03 a message without subscribers is stored, and its counts are 0', async () => {
  const one = new TestNode();
  const result = await one.publish('news', 'a');
  assert.ok(result.ok);
  assert.deepEqual(result.delivery, { sent: 0, skipped: 0, failed: 0 });
  assert.equal(result.position!.offset, 1);
  assert.deepEqual(one.owner.delivered, []);
});

test('HI-04 a resume gets what it missed, once and in order, and joins without a gap', async () => {
  const one = new TestNode();
  for (const text of ['a', 'b', 'c']) void one.publish('news', text);
  await jobs();
  const { epoch } = await one.node.position('news');
  const resumed = resume(one, 'news', position(epoch, 1));
  void one.publish('news', 'd');
  await jobs();
  const { result } = resumed.answer!;
  assert.deepEqual(result!.missed.map(textOf), ['b', 'c']);
  assert.deepEqual([result!.recovered, result!.position], [true, position(epoch, 1)]);
  assert.deepEqual(one.owner.texts, ['d']);
  void one.publish('news', 'e');
  await jobs();
  assert.deepEqual(offsetsOf(one.owner.delivered), [4, 5]);
});

test('HI-04 a resume without a position, and with one that the history does not cover', async () => {
  const one = new TestNode({ history: [{ ...RULE, maxMessages: 2 }] });
  for (const text of ['a', 'b', 'c', 'd']) void one.publish('news', text);
  await jobs();
  const { epoch } = await one.node.position('news');
  const now = resume(one, 'news', undefined);
  const old = resume(one, 'news', position(epoch, 1));
  const other = resume(one, 'news', position('other', 4));
  const ahead = resume(one, 'news', position(epoch, 9));
  await jobs();
  assert.deepEqual(now.answer!.result, {
    recovered: false,
    position: position(epoch, 4),
    missed: [],
    run: undefined,
  });
  for (const { answer } of [old, other, ahead]) {
    assert.equal(answer!.result!.recovered, false);
    assert.deepEqual(answer!.result!.position, position(epoch, 2));
    assert.deepEqual(answer!.result!.missed.map(textOf), ['c', 'd']);
  }
});

test('HI-03 a stored message, the tail and the frame of a connection share their memory', async () => {
  const one = new TestNode();
  one.node.subscribe('news');
  const message = new PreparedMessage('shared');
  void one.node.publish('news', message, undefined, undefined);
  await jobs();
  assert.equal(one.owner.delivered[0]!.message, message);
  one.node.unsubscribe('news');
  await one.pass(11_000);
  const { epoch } = await one.node.position('news');
  const read = resume(one, 'news', position(epoch, 0));
  await jobs();
  const [again] = read.answer!.result!.missed;
  assert.notEqual(again!.message, message, 'the tail was freed, and the history read again');
  assert.equal(again!.message.frame.buffer, message.frame.buffer);
});

test('TP-03 alone, a topic without history costs the node nothing', async () => {
  const one = new TestNode({ history: [] });
  one.node.subscribe('news');
  assert.deepEqual(await one.publish('news', 'a'), { ok: true });
  assert.equal(one.node.hasHistory('news'), false);
  await assert.rejects(one.node.position('news'), { code: 'ERR_ARGUMENT' });
  assert.throws(() => resume(one, 'news', undefined), { code: 'ERR_ARGUMENT' });
  assert.equal(one.clock.pendingTimers, 0);
  await one.node.stop(1_000);
});
