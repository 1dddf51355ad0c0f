// Tests of the chat: the real server and real clients, without network and real waiting. Run: node --test chat.test.js
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WebSocketServer } from 'hawser';
import { type Pair, pair, VirtualClock, waitUntil } from 'hawser/testing';
import { chatServer, type Guest } from './chat-server.ts';

/** A guest in the chat, and the lines received so far. */
async function guest(
  server: WebSocketServer<Guest>,
  clock: VirtualClock,
  name: string,
): Promise<Pair<Guest, unknown> & { readonly lines: string[] }> {
  const joined = await pair({ server, clock, path: `/?name=${name}` });
  const lines: string[] = [];
  joined.client.on('message', (line) => void lines.push(String(line)));
  return { ...joined, lines };
}

test('a line goes to the other guests, not to its sender', async () => {
  const clock = new VirtualClock();
  await using server = chatServer({ clock });
  await using ann = await guest(server, clock, 'Ann');
  await using bob = await guest(server, clock, 'Bob');
  bob.client.send('ahoy');
  await waitUntil(() => ann.lines.length === 2);
  assert.deepEqual(ann.lines, ['Bob came', 'Bob: ahoy']);
  assert.deepEqual(bob.lines, []);
});

test('a line that arrives byte by byte is one line', async () => {
  const clock = new VirtualClock();
  await using server = chatServer({ clock });
  await using ann = await guest(server, clock, 'Ann');
  await using bob = await guest(server, clock, 'Bob');
  bob.wire.toServer.cutInto(1);
  bob.client.send('Grüße');
  await waitUntil(() => ann.lines.length === 2);
  assert.equal(ann.lines[1], 'Bob: Grüße');
});

test('a silent guest is reported lost within a minute of virtual time', async () => {
  const clock = new VirtualClock();
  await using server = chatServer({ clock });
  await using ann = await guest(server, clock, 'Ann');
  await using bob = await guest(server, clock, 'Bob');
  bob.wire.toServer.lose();
  await ann.pass(60_000, 1_000);
  assert.deepEqual(ann.lines, ['Bob came', 'Bob is lost']);
  assert.equal(ann.client.state, 'open');
});

test('a broken connection is noticed at once', async () => {
  const clock = new VirtualClock();
  await using server = chatServer({ clock });
  await using ann = await guest(server, clock, 'Ann');
  await using bob = await guest(server, clock, 'Bob');
  bob.wire.reset();
  await waitUntil(() => ann.lines.length === 2);
  assert.equal(ann.lines[1], 'Bob left');
});
