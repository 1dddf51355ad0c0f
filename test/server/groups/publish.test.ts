import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binary, close, eventLoopTurns, text, waitUntil } from '../../../src/testing/index.ts';
import { closeCode, live, nextText } from '../live.ts';

test('TP-03 BC-01: publish of a server and of a connection skips except and where, and always the publisher', async (t) => {
  const { server, join } = live(t);
  const peers = [await join(), await join(), await join(), await join()];
  const [a, b, c, d] = peers as [(typeof peers)[0], (typeof peers)[0], (typeof peers)[0], (typeof peers)[0]];
  for (const { connection } of peers) connection.subscribe('news');
  const count = ({ sent, skipped, failed }: { sent: number; skipped: number; failed: number }): number[] => [
    sent,
    skipped,
    failed,
  ];
  assert.deepEqual(count(server.publish('news', '1', { except: a.connection })), [3, 1, 0]);
  assert.deepEqual(count(server.publish('news', '2', { where: (one) => one === b.connection })), [1, 3, 0]);
  assert.deepEqual(count(a.connection.publish('news', '3')), [3, 1, 0]);
  assert.deepEqual(count(a.connection.publish('news', '4', { except: b.connection })), [2, 2, 0]);
  assert.deepEqual(count(a.connection.publish('news', '5', { except: b.connection.id })), [2, 2, 0]);
  assert.deepEqual(
    count(a.connection.publish('news', '6', { except: [b.connection, c.connection.id] })),
    [1, 3, 0],
  );
  assert.deepEqual(
    count(a.connection.publish('news', '7', { where: (one) => one !== d.connection })),
    [2, 2, 0],
  );
  assert.deepEqual(count(server.publish('nobody', 'x')), [0, 0, 0]);
  assert.deepEqual(server.publish('news', 'end'), { sent: 4, skipped: 0, failed: 0 });
  const seen = await Promise.all(
    peers.map(async ({ raw }) => {
      const all: string[] = [];
      while (all.at(-1) !== 'end') all.push(await nextText(raw));
      return all.join(' ');
    }),
  );
  assert.deepEqual(seen, ['end', '1 2 3 7 end', '1 3 4 5 7 end', '1 3 4 5 6 end']);
});

test('TP-05 SE-27: publish, then unsubscribe or close in the same tick, still delivers; subscribing after does not', async (t) => {
  const { server, join } = live(t);
  const [leaver, closer, newcomer] = [await join(), await join(), await join()];
  leaver.connection.subscribe('t');
  closer.connection.subscribe('t');
  server.publish('t', 'first');
  leaver.connection.unsubscribe('t');
  closer.connection.close(1000);
  newcomer.connection.subscribe('t');
  server.publish('t', 'second');
  assert.equal(await nextText(leaver.raw), 'first');
  assert.equal(await nextText(closer.raw), 'first');
  assert.equal(await closeCode(closer.raw), 1000);
  assert.equal(await nextText(newcomer.raw), 'second');
  assert.equal(leaver.raw.received.length, 0);
});

test('TP-05 BC-06: every subscriber sees publishes, broadcasts and sends in the order of the calls', async (t) => {
  const { server, join } = live(t);
  const peers = [await join(), await join(), await join()];
  for (const { connection } of peers) connection.subscribe('t');
  for (let i = 0; i < 50; i++) {
    server.publish('t', `p${i}`);
    server.broadcast(`b${i}`);
    for (const { connection } of peers) connection.send(`s${i}`);
    if (i % 7 === 0) await eventLoopTurns(1);
  }
  for (const { raw } of peers)
    for (let i = 0; i < 50; i++)
      for (const kind of ['p', 'b', 's']) assert.equal(await nextText(raw), `${kind}${i}`);
});

test('TP-06 RG-06 ER-07: a failed connection leaves topics, broadcasts and delivery in the same tick, topics before the close event', async (t) => {
  const { server, join } = live(t);
  const [victim, other] = [await join(), await join()];
  const events: string[] = [];
  victim.connection.subscribe('t');
  other.connection.subscribe('t');
  server.on('unsubscribe', (from, topic) => void events.push(`unsubscribe ${topic} ${from.state}`));
  victim.connection.on('stateChange', (next) => {
    events.push(`${next}, registered ${server.connections.get(victim.connection.id) !== undefined}`);
  });
  victim.connection.on('close', () => void events.push('close'));
  server.on('close', () => void events.push('server close'));
  victim.connection.terminate();
  assert.deepEqual(server.broadcast('x').sent, 1);
  assert.deepEqual(server.publish('t', 'x').sent, 1);
  assert.equal(server.topics.subscriberCount('t'), 1);
  await victim.connection.closed;
  await waitUntil(() => events.includes('server close'));
  assert.deepEqual(events, ['unsubscribe t closed', 'closed, registered false', 'close', 'server close']);
});

test('BC-05 FB-10 BC-07: a broadcast is one frame for all recipients, which never changes', async (t) => {
  const { server, join } = live(t);
  const peers = [await join(), await join(), await join()];
  peers[1]!.raw.pause();
  server.on('message', () => undefined);
  const bytes = Buffer.alloc(100_000, 'a');
  assert.equal(server.broadcast(bytes).sent, 3);
  // Closing between acceptance and write affects no other connection.
  peers[2]!.connection.terminate();
  peers[0]!.raw.send(Buffer.concat([binary('y'), close(1000)]));
  peers[1]!.raw.resume();
  for (const { raw } of peers.slice(0, 2)) {
    const { payload } = await raw.nextFrame();
    assert.ok(payload.equals(Buffer.alloc(100_000, 'a')));
  }
});

test('BC-07 RG-03: joining and leaving in the middle of a broadcast or an iteration is safe', async (t) => {
  const { server, join } = live(t);
  const peers = [await join(), await join(), await join()];
  const [first, second] = peers as [(typeof peers)[0], (typeof peers)[0]];
  const seen: string[] = [];
  for (const connection of server.connections) {
    seen.push(connection.id);
    if (seen.length === 1) second.connection.terminate();
  }
  assert.deepEqual(seen, [first.connection.id, peers[2]!.connection.id]);
  const delivery = server.broadcast('x', {
    where: (one) => {
      if (one === first.connection) peers[2]!.connection.terminate();
      return true;
    },
  });
  assert.deepEqual(delivery, { sent: 1, skipped: 0, failed: 0 });
  first.raw.send(text('still here'));
  first.connection.on('message', () => undefined);
});
