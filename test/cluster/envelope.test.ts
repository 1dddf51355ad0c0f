import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  decodeEntry,
  encodeEntry,
  memberChange,
  readEnvelope,
  readMemberChange,
  writeEnvelope,
} from '../../src/cluster/envelope.ts';
import { readMember, writeMember } from '../../src/cluster/member-record.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { prng } from '../../fuzz/prng.ts';

const INVALID = { code: 'ERR_ENGINE_MESSAGE' };
const MAX = 100_000;

test('SC-06 an entry carries text or bytes of every length form, and the ids that do not get it', () => {
  for (const bytes of [0, 125, 126, 65_535, 65_536]) {
    for (const payload of ['x'.repeat(bytes), Buffer.alloc(bytes, 0xff)]) {
      const message = new PreparedMessage(payload);
      assert.equal(encodeEntry(message, undefined), message.frame, 'no copy without except');
      assert.equal(encodeEntry(message, new Set()), message.frame);
      for (const except of ['one', new Set(['one', 'zwei ü'])]) {
        const entry = encodeEntry(message, except);
        for (const given of [
          entry,
          Buffer.concat([entry, entry]).subarray(0, entry.length),
          Uint8Array.from(entry),
        ]) {
          const decoded = decodeEntry(given, MAX);
          assert.deepEqual(decoded.except, except);
          assert.ok(decoded.message.frame.equals(message.frame));
          assert.deepEqual([decoded.message.isText, decoded.message.compress], [message.isText, undefined]);
          assert.ok(decoded.message.payload.equals(message.payload));
        }
      }
    }
  }
  const own = Uint8Array.from(new PreparedMessage('own').frame);
  assert.equal(decodeEntry(own, MAX).message.frame.buffer, own.buffer, 'no copy of memory of its own');
  const view = Buffer.concat([own, own]).subarray(0, own.length);
  assert.notEqual(decodeEntry(view, MAX).message.frame.buffer, view.buffer);
});

test('SC-06 except has at most 16 ids of 1 to 255 bytes', () => {
  const message = new PreparedMessage('a');
  const ids = Array.from({ length: 17 }, (_, at) => `id ${at}`);
  assert.throws(() => encodeEntry(message, new Set(ids)), { code: 'ERR_ARGUMENT' });
  assert.throws(() => encodeEntry(message, ''), { code: 'ERR_ARGUMENT' });
  assert.throws(() => encodeEntry(message, 'x'.repeat(256)), { code: 'ERR_ARGUMENT' });
  assert.equal(
    (decodeEntry(encodeEntry(message, new Set(ids.slice(1))), MAX).except as Set<string>).size,
    16,
  );
});

const entry = (...parts: (number | string)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'))),
  );

const INVALID_ENTRIES: Readonly<Record<string, Buffer>> = {
  nothing: entry(),
  'another opcode': entry(0x83, 0),
  'a fragment': entry(0x01, 0),
  'a reserved bit': entry(0xc1, 0),
  'a masked frame': entry(0x81, 0x81, 0, 0, 0, 0, 'a'),
  'no length': entry(0x81),
  'text that is not UTF-8': entry(0x81, 1, 0xff),
  'a long form of 125': entry(0x82, 126, 0, 125, 'x'.repeat(125)),
  'a long form of 65,535': entry(0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 'x'.repeat(65_535)),
  'a length beyond its end': entry(0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'x'),
  'no ids': entry(0x82, 0, 0),
  '17 ids': entry(0x82, 0, 17, ...Array.from({ length: 17 }, () => '\x01a')),
  'an empty id': entry(0x82, 0, 1, 0),
  'an id that is not UTF-8': entry(0x82, 0, 1, 1, 0xff),
  'bytes after the ids': entry(0x82, 0, 1, 1, 'a', 'b'),
};
for (const [what, bytes] of Object.entries(INVALID_ENTRIES))
  test(`SC-06 an entry with ${what} is invalid`, () => {
    assert.throws(() => decodeEntry(bytes, MAX), INVALID);
  });

test('SC-06 an entry that is cut anywhere, or over the limit, is invalid', () => {
  const whole = encodeEntry(new PreparedMessage('x'.repeat(130)), new Set(['one', 'two']));
  const frameBytes = new PreparedMessage('x'.repeat(130)).frame.length;
  for (let end = 0; end < whole.length; end++)
    if (end !== frameBytes) assert.throws(() => decodeEntry(whole.subarray(0, end), MAX), INVALID, `${end}`);
  assert.throws(() => decodeEntry(whole, whole.length - 1), INVALID);
});

const HEADERS = [
  { node: 'Node_-9', seq: 7, epoch: 'k3Fq', first: 42 },
  {
    node: 'n'.repeat(32),
    seq: Number.MAX_SAFE_INTEGER,
    epoch: 'e'.repeat(32),
    first: Number.MAX_SAFE_INTEGER,
  },
  { node: 'n', seq: 0, epoch: undefined, first: 0 },
];

test('SC-06 an envelope carries its header and its entries, and is invalid when it is cut inside', () => {
  const entries = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(300, 0x0a)];
  for (const header of HEADERS)
    for (const kind of ['m', 'j', 'c'] as const) {
      const bytes = writeEnvelope(kind, header, entries);
      const read = readEnvelope(bytes, MAX);
      assert.deepEqual([read.kind, read.header], [kind, header]);
      assert.deepEqual(
        read.entries.map((one) => [...one]),
        entries.map((one) => [...one]),
      );
      const body = bytes.indexOf(0x0a) + 1;
      const ends = [body + 5, body + 9, bytes.length];
      for (let end = 0; end < bytes.length; end++)
        if (!ends.includes(end))
          assert.throws(() => readEnvelope(bytes.subarray(0, end), MAX), INVALID, `${end}`);
    }
  assert.throws(() => readEnvelope(writeEnvelope('m', HEADERS[0]!, entries), 299), INVALID);
});

for (const line of [
  '2 m e 1 n 1',
  '1 x e 1 n 1',
  '1 m e 1 n',
  '1 m e 1 n 1 ',
  '1  m e 1 n 1',
  '1 m e 01 n 1',
  '1 m e -1 n 1',
  '1 m e 9007199254740993 n 1',
  '1 m e 1 n 9007199254740993',
  '1 m - 1 n 1',
  '1 m e 0 n 1',
  `1 m ${'e'.repeat(33)} 1 n 1`,
  '1 m é 1 n 1',
  '',
])
  test(`SC-06 an envelope with the header '${line}' is invalid`, () => {
    assert.throws(() => readEnvelope(Buffer.from(`${line}\n\0\0\0\x01a`, 'latin1'), MAX), INVALID);
  });

test('SC-06 random bytes never crash a reader', () => {
  const random = prng(1);
  const valid = [
    writeEnvelope('m', HEADERS[0]!, [Buffer.from('a'), Buffer.from('b')]),
    encodeEntry(new PreparedMessage('text'), 'id'),
    memberChange('n key', writeMember({ a: 1 }, 0, 1)),
  ];
  for (let i = 0; i < 5_000; i++) {
    const bytes = Buffer.from(random.pick(valid));
    for (let flips = 1 + random.int(3); flips > 0; flips--) bytes[random.int(bytes.length)] = random.int(256);
    for (const read of [
      () => readEnvelope(bytes, MAX),
      () => decodeEntry(bytes, MAX),
      () => readMemberChange(bytes),
      () => readMember('n key', bytes),
    ])
      try {
        read();
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_ENGINE_MESSAGE');
      }
  }
});

test('SC-06 a record of a member is a JSON object of a node and a key', () => {
  const value = writeMember(undefined, 5, 2);
  assert.deepEqual(readMember('n a b', value), {
    node: 'n',
    key: 'a b',
    info: null,
    sinceMs: 5,
    connections: 2,
  });
  for (const field of ['n', ' key', 'n ', 'n! key'])
    assert.throws(() => readMember(field, value), INVALID, field);
  for (const json of [
    '',
    'null',
    '[]',
    '{"info":1}',
    '{"info":1,"since":1e99,"connections":1}',
    '{"info":1,"since":1,"connections":0}',
  ])
    assert.throws(() => readMember('n key', Buffer.from(json)), INVALID, json);
});
