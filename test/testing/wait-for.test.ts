import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { eventLoopTurns, WaitError, waitForEvent, waitUntil } from '../../src/testing/wait-for.ts';

const listeners = (emitter: EventEmitter) =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);

test('TK-01 waitForEvent returns the arguments of the next event and leaves no listener', async () => {
  const emitter = new EventEmitter();
  const waiting = waitForEvent<[number, string]>(emitter, 'close');
  emitter.emit('close', 1000, 'bye');
  emitter.emit('close', 1001, 'too late');
  const [code, reason] = await waiting;
  assert.equal(`${code} ${reason}`, '1000 bye');
  assert.equal(listeners(emitter), 0);
});

test('TK-01 waitForEvent names the missing event and leaves no listener', async () => {
  const emitter = new EventEmitter();
  await assert.rejects(waitForEvent(emitter, 'message', { deadlineMs: 1 }), {
    name: 'WaitError',
    message: "no 'message' within 1 ms",
  });
  assert.equal(listeners(emitter), 0);
});

test("TK-01 waitForEvent: an 'error' ends the wait and is the cause of the rejection", async () => {
  const emitter = new EventEmitter();
  const cause = new Error('lost');
  const waiting = waitForEvent(emitter, 'open');
  emitter.emit('error', cause);
  await assert.rejects(waiting, {
    name: 'WaitError',
    message: /'error' .* waiting for 'open': .*lost/,
    cause,
  });
  assert.equal(listeners(emitter), 0);
});

test("TK-01 waitForEvent can wait for 'error' itself", async () => {
  const emitter = new EventEmitter();
  const waiting = waitForEvent(emitter, 'error');
  const error = new Error('wanted');
  emitter.emit('error', error);
  assert.deepEqual(await waiting, [error]);
  assert.equal(listeners(emitter), 0);
});

test('TK-01 waitUntil checks at once, then in each turn, and returns the value', async () => {
  let asked = 0;
  const answer = await waitUntil(() => (++asked >= 3 ? `after ${asked}` : ''));
  assert.equal(answer, 'after 3');
  assert.equal(await waitUntil(() => Promise.resolve(7)), 7);
});

test('TK-01 waitUntil checks at least once: a condition that is already true needs no time', async () => {
  assert.equal(await waitUntil(() => true, { deadlineMs: 0 }), true);
});

test('TK-01 the error of waitUntil shows the description, or the source text of the condition', async () => {
  await assert.rejects(
    waitUntil(() => false, { deadlineMs: 1, description: 'ten connections' }),
    new WaitError('not true within 1 ms: ten connections'),
  );
  const registry = { size: 0 };
  await assert.rejects(
    waitUntil(() => registry.size > 9, { deadlineMs: 1 }),
    { message: 'not true within 1 ms: () => registry.size > 9' },
  );
});

test('TK-01 waitUntil rejects with the error of the condition', async () => {
  await assert.rejects(
    waitUntil(() => {
      throw new RangeError('of the condition');
    }),
    RangeError,
  );
});

test('TK-01 eventLoopTurns runs the immediates that were set before', async () => {
  const ran: string[] = [];
  setImmediate(() => {
    ran.push('first');
    setImmediate(() => ran.push('second'));
  });
  await eventLoopTurns(1);
  assert.deepEqual(ran, ['first']);
  await eventLoopTurns(1);
  assert.deepEqual(ran, ['first', 'second']);
});
