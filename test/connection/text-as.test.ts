import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/index.ts';
import type { Message } from '../../src/index.ts';
import { OPCODE } from '../../src/protocol/constants.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { outgoing } from '../../src/protocol/payload.ts';
import { TextSlab } from '../../src/protocol/text-slab.ts';
import { binary, continuation, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { listening, live } from '../server/live.ts';

const SCRIPTS = 'κόσμε – 日本語 🙂 ';
const TEXTS = ['', 'plain', 'Grüße', SCRIPTS.repeat(20), SCRIPTS.repeat(600), 'x'.repeat(70_000)];

for (const textAs of ['string', 'buffer'] as const) {
  test(`EV-06: with textAs '${textAs}' listeners of connection and server, and iterators, get text and binary apart`, async (t) => {
    const { server, join } = live(t, { textAs });
    const seen: [string, Message, boolean][] = [];
    server.on('message', (_, message, isText) => void seen.push(['server', message, isText]));
    const { connection, raw } = await join();
    connection.on('message', (message, isText) => void seen.push(['connection', message, isText]));
    raw.send(Buffer.concat([text('Grüße'), binary('bytes'), text('a', { fin: false }), continuation('b')]));
    await waitUntil(() => seen.length === 6);
    const asText = (value: string) => (textAs === 'string' ? value : Buffer.from(value));
    assert.deepEqual(seen, [
      ['connection', asText('Grüße'), true],
      ['server', asText('Grüße'), true],
      ['connection', Buffer.from('bytes'), false],
      ['server', Buffer.from('bytes'), false],
      ['connection', asText('ab'), true],
      ['server', asText('ab'), true],
    ]);
    // A buffered message also stays text or binary.
    connection.pause();
    raw.send(Buffer.concat([text('later'), binary('later')]));
    await eventLoopTurns(4);
    connection.resume();
    assert.deepEqual(seen.slice(6), [
      ['connection', asText('later'), true],
      ['server', asText('later'), true],
      ['connection', Buffer.from('later'), false],
      ['server', Buffer.from('later'), false],
    ]);
  });
}

test("EV-06: with textAs 'buffer' an iterator yields buffers", async (t) => {
  const { join } = live(t, { textAs: 'buffer' });
  const { connection, raw } = await join();
  raw.send(Buffer.concat([text('Grüße'), binary('bytes')]));
  const got: Message[] = [];
  for await (const message of connection) {
    got.push(message);
    if (got.length === 2) break;
  }
  assert.deepEqual(got, [Buffer.from('Grüße'), Buffer.from('bytes')]);
});

test("EV-06 UT-01: with textAs 'buffer' bytes that are not UTF-8 fail the connection as they do with strings", async (t) => {
  for (const wrong of [Buffer.of(0xff), Buffer.from(`${SCRIPTS.repeat(900)}x`).fill(0xc0, 9_000, 9_001)]) {
    const ends: unknown[] = [];
    for (const textAs of ['string', 'buffer'] as const) {
      const { join } = live(t, { textAs });
      const { connection, raw } = await join();
      connection.on('error', () => {});
      connection.on('message', () => assert.fail('delivered'));
      raw.send(text(wrong));
      const { payload } = await raw.nextFrame();
      raw[Symbol.dispose]();
      await waitUntil(() => connection.closeInfo !== undefined);
      ends.push([payload, connection.closeInfo?.cause, connection.closeInfo?.error?.message]);
    }
    assert.deepEqual(ends[0], ends[1]);
  }
});

test("EV-06: a relay with textAs 'buffer' sends what it received as text, to the peer, by publish and by broadcast", async (t) => {
  const { server, join } = live(t, { textAs: 'buffer', maxMessageBytes: 1_000_000 });
  server.on('message', (connection, message, isText) => {
    connection.send(message, { binary: !isText });
    server.publish('all', message, { binary: !isText });
    server.broadcast(message, { binary: !isText });
  });
  const { connection, raw } = await join();
  connection.subscribe('all');
  for (const each of TEXTS) {
    for (const sent of [text(each), binary(each)]) {
      raw.send(sent);
      for (let copies = 0; copies < 3; copies++) {
        const { opcode, payload } = await raw.nextFrame();
        assert.equal(opcode, sent[0]! & 0x0f);
        assert.ok(payload.equals(Buffer.from(each)));
      }
    }
  }
});

test('EV-06 FB-02: a text that the application has changed is checked again', async (t) => {
  const { join } = live(t, { textAs: 'buffer' });
  const { connection, raw } = await join();
  const errors: unknown[] = [];
  connection.on('message', (message) => {
    (message as Buffer)[5] = 0xff;
    try {
      connection.send(message, { binary: false });
    } catch (error) {
      errors.push((error as { code?: unknown }).code);
    }
    connection.send('next');
  });
  for (const size of [10, 3_000, 20_000]) {
    raw.send(text('é'.repeat(size)));
    assert.equal((await raw.nextFrame()).payload.toString(), 'next');
  }
  assert.deepEqual(errors, ['ERR_ARGUMENT', 'ERR_ARGUMENT', 'ERR_ARGUMENT']);
});

test("EV-06: a client with textAs 'buffer' gets buffers", async (t) => {
  const { server, port } = await listening(t);
  server.on('connection', (connection) => void connection.send('Grüße'));
  const client = await connect(`ws://localhost:${port}/`, { textAs: 'buffer' });
  t.after(() => client.terminate());
  const seen: [Message, boolean][] = [];
  client.on('message', (message, isText) => void seen.push([message, isText]));
  await waitUntil(() => seen.length === 1);
  assert.deepEqual(seen, [[Buffer.from('Grüße'), true]]);
});

test("EV-06 PD-02: with textAs 'buffer' a compressed text arrives as its bytes", async (t) => {
  const { server, port } = await listening(t, { perMessageDeflate: true });
  const sent = SCRIPTS.repeat(200);
  server.on('connection', (connection) => void connection.send(sent));
  const client = await connect(`ws://localhost:${port}/`, { textAs: 'buffer', perMessageDeflate: true });
  t.after(() => client.terminate());
  const seen: [Message, boolean][] = [];
  client.on('message', (message, isText) => void seen.push([message, isText]));
  await waitUntil(() => seen.length === 1);
  assert.match(client.extensions, /^permessage-deflate/);
  assert.deepEqual(seen, [[Buffer.from(sent), true]]);
});

test('TO-05: texts below 4 KiB share slabs of 8 KiB with nothing else, larger ones have memory of their own', () => {
  const slab = new TextSlab();
  const from = Buffer.from('é'.repeat(5_000));
  const copies = [0, 1, 40, 41, 1_000, 4_094, 4_096, 9_000, 3_000].map((bytes) =>
    slab.copy(from, 0, bytes & ~1),
  );
  for (const copy of copies) {
    assert.ok(copy.equals(from.subarray(0, copy.length)));
    assert.equal(copy.buffer.byteLength, copy.length < 4_096 ? 8_192 : copy.length);
    assert.equal(copy.byteOffset % 8, 0);
  }
  const known = new Set(copies.map(({ buffer }) => buffer));
  for (const buffer of known) {
    const rest = new Uint8Array(buffer).map((byte, at) =>
      copies.some(
        (copy) => copy.buffer === buffer && at >= copy.byteOffset && at < copy.byteOffset + copy.length,
      )
        ? 0
        : byte,
    );
    assert.ok(
      rest.every((byte) => byte === 0),
      'what no text covers is zero',
    );
  }
});

test('EV-06: a slab that was detached is replaced', () => {
  const slab = new TextSlab();
  const first = slab.copy(Buffer.from('first'), 0, 5);
  structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
  assert.equal(slab.copy(Buffer.from('second'), 0, 6).toString(), 'second');
});

test('EV-06: text delivered as bytes counts as received text until the application changes a byte', () => {
  const { reusableBytes } = new ProtocolMemory();
  const from = Buffer.from(`xx${SCRIPTS.repeat(200)}`);
  const message = Buffer.from(from.subarray(2));
  reusableBytes.noteTextBytes(message, from, 2, from.length);
  assert.ok(reusableBytes.isReceivedText(message, message));
  assert.equal(reusableBytes.utf8Of(''), undefined);
  assert.ok(!reusableBytes.isReceivedText(Buffer.from(message), message), 'another object');
  assert.deepEqual(outgoing(message, false, reusableBytes), { opcode: OPCODE.TEXT, data: message });
  message[0] = 0xff;
  assert.ok(!reusableBytes.isReceivedText(message, message));
  assert.throws(() => outgoing(message, false, reusableBytes), { code: 'ERR_ARGUMENT' });
  reusableBytes.forget();
  message[0] = from[2]!;
  assert.ok(!reusableBytes.isReceivedText(message, message));
});
