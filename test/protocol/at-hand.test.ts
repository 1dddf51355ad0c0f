import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PreparedMessage } from '../../src/protocol/prepared-message.ts';
import { bytesAtHand, keepTextAtHand, letGo } from '../../src/protocol/at-hand.ts';
import { eventLoopTurns, text } from '../../src/testing/index.ts';
import { live, nextText } from '../server/live.ts';

const LONG = 'κόσμε – 日本語 🙂 '.repeat(400);

test('BC-05: the bytes of a text are at hand until they are let go, for equal texts alone', () => {
  const bytes = Buffer.from(`xx${LONG}yy`);
  keepTextAtHand(LONG, bytes, 2, bytes.length - 2, false);
  assert.deepEqual(bytesAtHand(LONG), Buffer.from(LONG));
  assert.deepEqual(bytesAtHand(Buffer.from(LONG).toString()), Buffer.from(LONG));
  assert.equal(bytesAtHand(`${LONG} `), undefined);
  assert.equal(bytesAtHand(LONG.replace('🙂', '🙃')), undefined);
  assert.deepEqual(new PreparedMessage(LONG).payload, Buffer.from(LONG));
  letGo();
  assert.equal(bytesAtHand(LONG), undefined);
  for (const [short, isAscii] of [
    ['a'.repeat(2_047), true],
    ['é'.repeat(47), false],
  ] as const) {
    keepTextAtHand(short, Buffer.from(short), 0, Buffer.byteLength(short), isAscii);
    assert.equal(bytesAtHand(short), undefined);
  }
  letGo();
});

test('BC-05 UT-01: echo, relay and publish send on exactly what came, at once or later', async (t) => {
  const { server, join } = live(t);
  const kept: string[] = [];
  server.on('message', (connection, message) => {
    connection.send(message);
    connection.send(`${String(message)}!`);
    server.broadcast(message, { except: connection });
    kept.push(message as string);
  });
  const [one, two] = [await join(), await join()];
  const texts = [
    LONG,
    'a'.repeat(3_000),
    LONG.slice(7),
    'é'.repeat(5_000),
    'é'.repeat(60),
    'é'.repeat(9_000),
  ];
  for (const each of texts) one.raw.send(text(each));
  for (const each of texts) {
    assert.equal(await nextText(one.raw), each);
    assert.equal(await nextText(one.raw), `${each}!`);
    assert.equal(await nextText(two.raw), each);
  }
  // Long after, when other bytes lie where theirs were.
  one.raw.send(text('z'.repeat(LONG.length)));
  await nextText(one.raw);
  await nextText(one.raw);
  await nextText(two.raw);
  for (const each of kept.splice(0)) {
    one.connection.send(each);
    await eventLoopTurns(1);
    assert.equal(await nextText(one.raw), each);
  }
});

test('BP-09 UT-01: a handler that waits sends the text that it got, whatever came meanwhile', async (t) => {
  const { join } = live(t);
  const peer = await join();
  peer.connection.on('message', async (message) => {
    await eventLoopTurns(3);
    peer.connection.send(message);
  });
  const texts = ['ä'.repeat(4_000), 'ö'.repeat(4_000), 'ü'.repeat(4_000)];
  for (const each of texts) peer.raw.send(text(each));
  for (const each of texts) assert.equal(await nextText(peer.raw), each);
});
