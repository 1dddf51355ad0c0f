import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MisuseError, type Priority } from '../../src/index.ts';
import { pair } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

test('LC-04 RG-04 the priority of a connection is normal, and can be set while it is open and afterwards', async (t) => {
  const room = live(t, { upgrade: () => ({ priority: 'low' }) });
  const { raw, connection } = await room.join();
  assert.equal(connection.priority, 'low');
  for (const priority of ['critical', 'high', 'normal', 'low'] as const) {
    connection.priority = priority;
    assert.equal(connection.priority, priority);
  }
  raw[Symbol.dispose]();
  await connection.closed;
  connection.priority = 'high';
  assert.equal(connection.priority, 'high');
});

test('LC-04 GN-05 another priority is refused, and the old one stays', async (t) => {
  const { connection } = await live(t).join();
  assert.throws(
    () => {
      connection.priority = 'urgent' as Priority;
    },
    (error) =>
      error instanceof MisuseError &&
      error.code === 'ERR_ARGUMENT' &&
      error.message === `connection: priority is "urgent"; it must be 'critical', 'high', 'normal' or 'low'`,
  );
  assert.equal(connection.priority, 'normal');
});

test('LC-04 a connection of a client has a priority, too, without effect', async () => {
  await using both = await pair();
  const { client } = both;
  assert.equal(client.priority, 'normal');
  client.priority = 'low';
  assert.equal(client.priority, 'low');
});
