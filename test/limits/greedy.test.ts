import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binary, ping, text, waitUntil } from '../../src/testing/index.ts';
import { listening } from '../server/live.ts';
import { TRANSPORT } from '../server/transport.ts';

/** Maximum size of one read. */
const READ_BYTES = 196_608;
const SENT_BYTES = 4_000_000;

/** What a peer floods with, and how many bytes of it may arrive before a message of another connection. */
const GREEDY = [
  { what: 'messages', frame: binary(Buffer.alloc(10_000)), fromBytes: 0, toBytes: 3 * READ_BYTES },
  { what: 'pings', frame: ping('x'.repeat(125)), fromBytes: 0, toBytes: 3 * READ_BYTES },
  {
    what: 'messages of a megabyte, each of which is read to its end',
    frame: binary(Buffer.alloc(1_000_000)),
    fromBytes: 1_000_000,
    toBytes: 2_000_000 + 3 * READ_BYTES,
  },
];

for (const { what, frame, fromBytes, toBytes } of GREEDY) {
  test(`BP-14 SE-26: a peer that floods with ${what} does not starve others`, {
    skip: TRANSPORT.transport === 'stream' && 'Node reads streams',
  }, async (t) => {
    const { server, join } = await listening(t);
    const [greedy, modest] = [await join(), await join()];
    const received = () => server.stats().bytes.received;
    const flood = Buffer.concat(Array.from({ length: Math.round(SENT_BYTES / frame.length) }, () => frame));
    let already = received();
    const before: number[] = [];
    server.on('message', (_, message) => {
      if (message === 'word') before.push(received() - already);
    });
    // The kernel buffers more and more while the server reads.
    for (let rounds = 0; rounds < 5; rounds++) {
      greedy.send(flood);
      already += flood.length;
      await waitUntil(() => received() === already);
    }
    greedy.send(flood);
    modest.send(text('word'));
    await waitUntil(() => before.length === 1 && received() > already + flood.length);
    assert.ok(before[0]! >= fromBytes && before[0]! <= toBytes, `${before[0]} bytes came first`);
  });
}
