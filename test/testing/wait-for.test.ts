import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { eventLoopTurns, WaitError, waitForEvent, waitUntil } from '../../src/testing/wait-for.ts';

const listeners = (emitter: EventEmitter) =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);

test('TK-01 waitForEvent gives the arguments of the next event and leaves no listener', async () => {
  const emitter = new EventEmitter();
  const waiting = waitForEvent<[number, string]>(emitter, 'close');
  emitter.emit('close', 1000, 'bye');
  emitter.emit('close', 1001, 'too late');
  const [code, reason] = await waiting;
  assert.equal(`${code} ${reason}`, '1000 bye');
  assert.equal(listeners(emitter), 0);
});

test('TK-01 waitForEvent says what did not come, and leaves no listener', async () => {
  const emitter = new EventEmitter();
  await assert.rejects(waitForEvent(emitter, 'message', { deadlineMs: 1 }), {
    name: 'WaitError',
    message: "no 'message' within 1 ms",
  });
  assert.equal(listeners(emitter), 0);
});

test("TK-01 waitForEvent: an 'error' instead ends the wait and is its cause", async () => {
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

test('TK-01 waitUntil asks at once, then in every turn, and gives the answer', async () => {
  let asked = 0;
  const answer = await waitUntil(() => (++asked >= 3 ? `after ${asked}` : ''));
  assert.equal(answer, 'after 3');
  assert.equal(await waitUntil(() => Promise.resolve(7)), 7);
});

test('TK-01 waitUntil asks once more than time allows: a condition that is true needs no time', async () => {
  assert.equal(await waitUntil(() => true, { deadlineMs: 0 }), true);
});

test('TK-01 waitUntil says what did not come true: the description, or the condition itself', async () => {
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

test('TK-01 waitUntil lets out what the condition throws', async () => {
  await assert.rejects(
    waitUntil(() => {
      throw new RangeError('of the condition');
    }),
    RangeError,
  );
});

test('TK-01 eventLoopTurns lets immediates run that were set before', async () => {
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
