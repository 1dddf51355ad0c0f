import assert from 'node:assert/strict';
import { deflateRawSync, constants } from 'node:zlib';
import { test, type TestContext } from 'node:test';
import { type PeerEvent, Wire } from '../../src/conform/wire.ts';
import {
  binary,
  close,
  continuation,
  duplexPair,
  type DuplexPair,
  eventLoopTurns,
  type FrameFields,
  frame,
  ping,
  RawClient,
  text,
} from '../../src/testing/index.ts';

/** A frame as a server sends it. */
const bare = { mask: false } as const;
const NEGOTIATED = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

function stage(
  t: TestContext,
  tested: 'server' | 'client',
  deflate = false,
): { wire: Wire; pair: DuplexPair } {
  const pair = duplexPair();
  const ours = RawClient.over(tested === 'server' ? pair.client : pair.server);
  const wire = new Wire(ours, tested, deflate ? NEGOTIATED : undefined);
  pair.client.on('error', () => undefined);
  pair.server.on('error', () => undefined);
  t.after(() => {
    wire[Symbol.dispose]();
    pair.client.destroy();
    pair.server.destroy();
  });
  return { wire, pair };
}

const own = (fields: FrameFields): Buffer => frame({ ...bare, ...fields });
const compressed = (message: string): Buffer =>
  deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

/** Bytes of a server, and the rule that they break. */
const BREACHES: readonly (readonly [what: string, wire: Buffer, says: string])[] = [
  ['§5.2 RSV2', own({ opcode: 1, rsv2: true }), 'the peer set a reserved bit: '],
  ['§5.2 RSV3', own({ opcode: 2, rsv3: true }), 'the peer set a reserved bit: '],
  ['§5.2 RSV1', own({ opcode: 1, rsv1: true }), 'the peer set RSV1 without a negotiated meaning: '],
  ['§5.2 opcode 3', own({ opcode: 3 }), 'the peer used a reserved opcode: opcode 3'],
  ['§5.2 opcode 11', own({ opcode: 11 }), 'the peer used a reserved opcode: opcode 11'],
  ['§5.1 a mask', text('x'), 'the peer sent a masked frame: '],
  ['§5.2 a length in 16 bits', text('x', { ...bare, lengthForm: 16 }), 'not in its shortest form: '],
  [
    '§5.2 a length in 64 bits',
    text('x'.repeat(126), { ...bare, lengthForm: 64 }),
    'not in its shortest form: ',
  ],
  [
    '§5.5 a ping in fragments',
    ping('', { ...bare, fin: false }),
    'a control frame that is fragmented or longer than 125 bytes: ',
  ],
  [
    '§5.5 a ping of 126 bytes',
    ping('x'.repeat(126), bare),
    'a control frame that is fragmented or longer than 125 bytes: ',
  ],
  [
    '§5.4 a continuation without a message',
    continuation('', bare),
    'the peer sent its fragments out of order: ',
  ],
  [
    '§5.4 a message inside another',
    Buffer.concat([text('a', { ...bare, fin: false }), text('b', bare)]),
    'the peer sent its fragments out of order: ',
  ],
  [
    '§5.5.1 a body of one byte',
    own({ opcode: 8, payload: Buffer.of(3) }),
    'the peer sent an invalid Close, Close with a body of one byte, 03: ',
  ],
  ['§7.4.1 code 1005', close(1005, '', bare), 'the peer sent an invalid Close, Close 1005: '],
  [
    '§5.5.1 a reason that is not UTF-8',
    own({ opcode: 8, payload: Buffer.of(0x03, 0xe8, 0xff) }),
    'the peer sent a reason that is not UTF-8: ',
  ],
  ['§8.1 text that is not UTF-8', text(Buffer.of(0xff), bare), 'the peer sent text that is not UTF-8: ff'],
];
for (const [what, bytes, says] of BREACHES) {
  test(`CM-09: the suite finds a server that breaks ${what}`, async (t) => {
    const { wire, pair } = stage(t, 'server');
    pair.server.write(bytes);
    const event = await wire.next(20_000);
    assert.ok(event.type === 'breach' && event.says.includes(says), JSON.stringify(event));
  });
}

test('CM-09: the suite finds a client that does not mask', async (t) => {
  const { wire, pair } = stage(t, 'client');
  pair.client.write(text('x', bare));
  assert.deepEqual(await wire.next(20_000), {
    type: 'breach',
    says: 'the peer sent an unmasked frame: text "x"',
  });
});

/** Bytes of a server with permessage-deflate, and the expected event. */
const DEFLATED: readonly (readonly [what: string, wire: Buffer, event: PeerEvent | string])[] = [
  [
    'a compressed message in fragments',
    Buffer.concat([
      own({ opcode: 1, rsv1: true, fin: false, payload: compressed('Grüße').subarray(0, 3) }),
      continuation(compressed('Grüße').subarray(3), bare),
    ]),
    { type: 'text', payload: Buffer.from('Grüße') },
  ],
  ['an uncompressed message', binary('x', bare), { type: 'binary', payload: Buffer.from('x') }],
  ['RSV1 on a continuation', own({ opcode: 0, rsv1: true }), 'RSV1 without a negotiated meaning'],
  ['RSV1 on a ping', own({ opcode: 9, rsv1: true }), 'RSV1 without a negotiated meaning'],
  [
    'data that does not inflate',
    own({ opcode: 2, rsv1: true, payload: Buffer.of(0xff, 0xff) }),
    'data of the peer does not inflate with the negotiated parameters: ',
  ],
];
for (const [what, bytes, expected] of DEFLATED) {
  test(`CM-09: with permessage-deflate: ${what}`, async (t) => {
    const { wire, pair } = stage(t, 'server', true);
    pair.server.write(bytes);
    const event = await wire.next(20_000);
    if (typeof expected !== 'string') assert.deepEqual(event, expected);
    else assert.ok(event.type === 'breach' && event.says.includes(expected), JSON.stringify(event));
  });
}

test('CM-09: events for silence, and for each kind of end of TCP', async (t) => {
  const silent = stage(t, 'server');
  assert.deepEqual(await silent.wire.next(10), { type: 'silence', ms: 10 });
  const ended = stage(t, 'server');
  ended.pair.server.end();
  assert.deepEqual(await ended.wire.next(20_000), { type: 'end', how: 'end of TCP' });
  const inside = stage(t, 'server');
  inside.pair.server.end(Buffer.of(0x81, 5, 0x68));
  assert.deepEqual(await inside.wire.next(20_000), {
    type: 'end',
    how: 'end of TCP inside a frame, after 810568',
  });
  const reset = stage(t, 'server');
  reset.pair.reset();
  assert.deepEqual(await reset.wire.next(20_000), { type: 'end', how: 'TCP reset (read ECONNRESET)' });
});

test('CM-09: after the Close of a peer that does not read, writing stops', async (t) => {
  const { wire, pair } = stage(t, 'server');
  const bytes = Buffer.alloc(1_000_000);
  const written = wire.write(bytes, Infinity);
  await eventLoopTurns(5);
  pair.server.write(close(1009, '', bare));
  assert.deepEqual(await wire.next(20_000), { type: 'close', code: 1009 });
  await written;
  assert.ok(pair.client.writableLength < bytes.length / 2);
  wire.send({ opcode: 8 });
  pair.client.destroy();
  wire.send({ opcode: 9 });
  assert.equal(wire.transcript.filter(({ from }) => from === 'us').length, 1);
});

test('CM-09: the transcript keeps only the first entries of each side', (t) => {
  const { wire } = stage(t, 'server');
  for (let i = 0; i < 100; i++) wire.note('us', String(i), Buffer.alloc(100));
  wire.note('peer', 'x', Buffer.alloc(0));
  assert.deepEqual([wire.transcript.length, wire.transcript.at(-1)?.from], [25, 'peer']);
  assert.deepEqual([wire.transcript[0]?.bytes, wire.transcript[0]?.hex.length], [100, 128]);
});
