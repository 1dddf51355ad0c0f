import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { compareMemoryReports } from '../../src/observe/index.ts';
import { binary, eventLoopTurns, pair, text, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

test('LG-07: a report has what the memory budget counts, by kind, and in sum', async (t) => {
  const { server, join } = live(t);
  const [quiet, slow, cut, unread] = await Promise.all([join(), join(), join(), join()]);
  quiet.connection.on('message', () => undefined);
  slow.raw.pause();
  slow.connection.send(Buffer.alloc(3_000_000));
  cut.raw.send(binary(Buffer.alloc(5_000), { fin: false }));
  unread.raw.send(text('x'.repeat(2_000)));
  await waitUntil(() => unread.connection.messagesReceived === 1 && cut.connection.bytesReceived > 5_000);
  await eventLoopTurns(5);
  const { connections, sum, budget } = server.memoryReport();
  const of = (id: string) => connections.find((one) => one.id === id)!;
  assert.equal(connections[0]!.id, slow.connection.id);
  assert.equal(of(slow.connection.id).queuedBytes, slow.connection.bufferedBytes);
  assert.ok(of(slow.connection.id).queuedBytes > 1_000_000);
  assert.ok(of(cut.connection.id).assemblyBytes >= 5_000);
  assert.ok(of(unread.connection.id).undeliveredBytes >= 2_000);
  assert.equal(of(quiet.connection.id).totalBytes, 0);
  for (const one of connections)
    assert.equal(one.budgetBytes, one.queuedBytes + one.assemblyBytes + one.undeliveredBytes);
  assert.equal(sum.budgetBytes, server.stats().bytes.buffered);
  assert.ok(budget.usedBytes >= sum.budgetBytes);
  assert.equal(
    sum.totalBytes,
    connections.reduce((bytes, one) => bytes + one.totalBytes, 0),
  );
  unread.connection.on('message', () => undefined);
  for (const { connection } of [slow, cut]) connection.terminate();
});

test('LG-07: compressors with context takeover and topics count, outside the budget', async () => {
  const server = new WebSocketServer({ perMessageDeflate: { contextTakeover: true, thresholdBytes: 0 } });
  await using joined = await pair({
    server,
    client: { perMessageDeflate: { contextTakeover: true, thresholdBytes: 0 } },
  });
  const before = server.memoryReport();
  assert.equal(before.sum.compressorBytes, 0);
  joined.server.on('message', () => undefined);
  joined.server.send('to the client');
  joined.client.send('to the server');
  await waitForEvent(joined.client, 'message');
  await waitUntil(() => joined.server.messagesReceived === 1);
  for (const topic of ['a', 'b', 'c']) joined.server.subscribe(topic);
  const { sum } = server.memoryReport();
  assert.equal(sum.topics, 3);
  assert.ok(sum.topicBytes > 0);
  // zlib's formula: 256 KiB and some for the default of deflate, 32 KiB and some for inflate.
  assert.ok(sum.compressorBytes > 100_000 && sum.compressorBytes < 400_000, String(sum.compressorBytes));
  assert.equal(sum.budgetBytes, 0);
  assert.equal(sum.totalBytes, sum.compressorBytes + sum.topicBytes);
  const { changes, sum: grown } = compareMemoryReports(before, server.memoryReport());
  assert.deepEqual([changes.length, changes[0]!.growthBytes], [1, sum.totalBytes]);
  assert.equal(grown.topics, 3);
  await server.shutdown();
});

test('LG-07: two reports compared name the connections that came, left and grew', async (t) => {
  const { server, join, pass } = live(t);
  const [stays, leaves] = await Promise.all([join(), join()]);
  const before = server.memoryReport();
  leaves.connection.terminate();
  await leaves.connection.closed;
  await pass(1_000);
  const comes = await join();
  stays.connection.subscribe('topic');
  const { elapsedMs, changes } = compareMemoryReports(before, server.memoryReport());
  assert.equal(elapsedMs, 1_000);
  assert.equal(changes[0]!.id, stays.connection.id);
  assert.ok(changes[0]!.growthBytes > 0);
  const by = new Map(changes.map((change) => [change.id, change]));
  assert.equal(by.get(leaves.connection.id)!.after, undefined);
  assert.equal(by.get(comes.connection.id)!.before, undefined);
});
