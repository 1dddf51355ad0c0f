import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { UnsentMessage } from '../../../src/client/reconnect/offline-queue.ts';
import { type OutboxOwner, ReconnectOutbox } from '../../../src/client/reconnect/reconnect-outbox.ts';
import { ENTRY_BYTES } from '../../../src/protocol/limits.ts';
import { pair } from '../../../src/testing/index.ts';

type Changing<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** An outbox, and a connection that the test attaches and detaches. */
async function outboxOf(
  t: TestContext,
  queue: false | { maxBytes: number; maxMessages: number; ttlMs: number } = {
    maxBytes: 10_000,
    maxMessages: 10,
    ttlMs: 1_000,
  },
) {
  const limits = { highWaterMarkBytes: 1_000, maxBufferedBytes: 1_000_000 };
  const joined = await pair({ client: limits });
  t.after(() => joined[Symbol.asyncDispose]());
  const { client, clock } = joined;
  const owner: Changing<OutboxOwner> = { state: 'connecting', connection: undefined };
  const unsent: UnsentMessage[] = [];
  const settings = { highWaterMarkBytes: limits.highWaterMarkBytes, clock };
  const outbox = new ReconnectOutbox(owner, queue, settings, (message) => void unsent.push(message));
  const received: string[] = [];
  joined.server.on('message', (message) => void received.push(String(message).trimEnd()));
  return {
    ...joined,
    outbox,
    unsent,
    received,
    connect: () => Object.assign(owner, { state: 'open', connection: client }),
    disconnect: () => Object.assign(owner, { state: 'waiting', connection: undefined }),
    stop: () => Object.assign(owner, { state: 'closing' }),
  };
}

test('RC-04: no message overtakes queued messages, with or without a connection', async (t) => {
  const { outbox, connect, pass, received } = await outboxOf(t);
  assert.equal(outbox.send('one', undefined), true);
  connect();
  assert.equal(outbox.send('two', undefined), true);
  assert.deepEqual([outbox.queuedMessages, outbox.bufferedBytes], [2, 6 + 2 * ENTRY_BYTES]);
  assert.equal(outbox.flush(), false, 'no send was refused');
  assert.equal(outbox.send('three', undefined), true);
  assert.equal(outbox.queuedMessages, 0);
  await pass(50);
  assert.deepEqual(received, ['one', 'two', 'three']);
});

test('RC-04: without a queue, or after the end, messages are reported as unsent', async (t) => {
  const without = await outboxOf(t, false);
  assert.equal(without.outbox.send('\u00e9', undefined), false);
  assert.deepEqual(without.unsent, [{ bytes: 2, why: 'offline' }]);
  const { outbox, unsent, connect, stop } = await outboxOf(t);
  outbox.send('waits', undefined);
  connect();
  stop();
  outbox.end();
  assert.equal(outbox.send('late', undefined), false);
  assert.deepEqual(unsent, [
    { bytes: 5, why: 'offline' },
    { bytes: 4, why: 'offline' },
  ]);
});

test('RC-04 BP-03: drained() resolves after a send that returned false, even after a reconnect', async (t) => {
  const { outbox, connect, disconnect, pass } = await outboxOf(t);
  connect();
  assert.equal(outbox.send('x'.repeat(2_000), undefined), false);
  let drained = false;
  void outbox.drained(undefined).then(() => (drained = true));
  assert.equal(outbox.flush(), false, 'buffered bytes are still above the high-water mark');
  disconnect();
  await pass(50);
  assert.equal(outbox.flush(), false, 'there is no connection');
  assert.equal(drained, false);
  connect();
  assert.equal(outbox.flush(), true);
  assert.equal(outbox.flush(), false, 'once');
  await pass(50);
  assert.equal(drained, true);
});

test('BP-03: drained() rejects when the client ends', async (t) => {
  const { outbox, stop } = await outboxOf(t);
  const waiting = outbox.drained(undefined);
  stop();
  outbox.end();
  await assert.rejects(waiting, { code: 'ERR_CLOSED' });
  await assert.rejects(outbox.drained(undefined), { code: 'ERR_CLOSED' });
});
