import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressed, CompressedForms } from '../../src/load/compressed-forms.ts';
import { FrameRing } from '../../src/load/frame-ring.ts';
import { payloadsOf } from '../../src/load/payloads.ts';
import { ReplyReader } from '../../src/load/reply-reader.ts';
import {
  binary,
  byteByByte,
  close,
  continuation,
  everyCut,
  ping,
  readFrames,
  text,
} from '../../src/testing/index.ts';

const SHAPES = [
  { binary: true, multibyte: false },
  { binary: false, multibyte: false },
  { binary: false, multibyte: true },
];
for (const shape of SHAPES) {
  for (const bytes of [0, 1, 2, 3, 7, 125, 126, 4_096]) {
    test(`CM-08: payloads of ${bytes} bytes, ${JSON.stringify(shape)}`, () => {
      const payloads = payloadsOf({ bytes, ...shape }, 20);
      assert.deepEqual(payloads, payloadsOf({ bytes, ...shape }, 20));
      for (const payload of payloads) {
        assert.equal(payload.length, bytes);
        const decoded = payload.toString('utf8');
        if (!shape.binary) assert.equal(Buffer.from(decoded).length, bytes, 'well-formed');
        if (shape.multibyte && bytes > 7) assert.ok(decoded.length < bytes);
      }
      if (bytes > 0) assert.equal(new Set(payloads.map(([first]) => first)).size, 20);
    });
  }
}

test('CM-08: a run of frames has the frames in order, from any slot', () => {
  const payloads = payloadsOf({ bytes: 5, binary: false, multibyte: false }, 4);
  const ring = new FrameRing(payloads, false, (slot) => slot * 0x1234_567);
  for (let slot = 0; slot < 4; slot++) {
    for (let count = 1; count <= 4; count++) {
      const frames = readFrames(Buffer.from(ring.run(slot, count)));
      assert.deepEqual(
        frames.map(({ payload, mask }) => [mask !== false, payload.toString()]),
        Array.from({ length: count }, (_, i) => [true, payloads[(slot + i) % 4]!.toString()]),
      );
      assert.equal(ring.run(slot, count), ring.run(slot, count), 'the view is cached');
    }
  }
});

const PAYLOADS = [Buffer.from('alpha'), Buffer.from('bravo'), Buffer.from('carol')];
const unmasked = { mask: false } as const;

interface Read {
  readonly count: number;
  readonly pings: string[];
  readonly closes: number[];
}

function read(
  chunks: Iterable<Buffer>,
  expected: readonly Buffer[] = PAYLOADS,
  isBinary = false,
  role: 'client' | 'server' = 'client',
  forms?: CompressedForms,
  unsolicited?: () => number,
): Read {
  const pings: string[] = [];
  const closes: number[] = [];
  const expectation = { payloads: expected, binary: isBinary, forms, unsolicited: unsolicited !== undefined };
  const reader = new ReplyReader(expectation, role, {
    pinged: (payload) => void pings.push(payload.toString()),
    closedByPeer: ({ code }) => void closes.push(code),
    unanswered: unsolicited ?? (() => 0),
  });
  let count = 0;
  for (const chunk of chunks) count += reader.receive(Buffer.from(chunk));
  return { count, pings, closes };
}

const inOrder = (times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, (_, i) => text(PAYLOADS[i % 3], unmasked)));

test('CM-08: answers are counted at every cut of the input', () => {
  const wire = Buffer.concat([
    inOrder(3),
    text('al', { ...unmasked, fin: false }),
    ping('p', unmasked),
    continuation('', { ...unmasked, fin: false }),
    continuation('pha', unmasked),
    close(1001, 'bye', unmasked),
  ]);
  for (const chunks of [[wire], byteByByte(wire), ...everyCut(wire)]) {
    assert.deepEqual(read(chunks), { count: 4, pings: ['p'], closes: [1001] });
  }
});

const GREETING = [
  binary('a greeting that is longer than any answer', unmasked),
  text('alpha', { ...unmasked, fin: false }),
  ping('p', unmasked),
  continuation('!', unmasked),
];

test('CM-08: messages that arrive before anything was sent are ignored, at every cut of the input', () => {
  const wire = Buffer.concat([...GREETING, close(1000, '', unmasked)]);
  for (const chunks of [[wire], byteByByte(wire), ...everyCut(wire)]) {
    assert.deepEqual(
      read(chunks, PAYLOADS, false, 'client', undefined, () => 0),
      {
        count: 0,
        pings: ['p'],
        closes: [1000],
      },
    );
  }
});

test('CM-08: an unsolicited message before or after an answer is not counted as an answer', () => {
  let unanswered = 0;
  const steps = [
    { sent: 0, wire: Buffer.concat([...GREETING, text('begun before', { ...unmasked, fin: false })]) },
    { sent: 1, wire: Buffer.concat([continuation('anything is sent', unmasked), inOrder(1), ...GREETING]) },
    { sent: 1, wire: text('bravo', unmasked) },
  ];
  const chunks = function* (): Generator<Buffer> {
    for (const { sent, wire } of steps) {
      unanswered = sent;
      yield wire;
    }
  };
  assert.equal(read(chunks(), PAYLOADS, false, 'client', undefined, () => unanswered).count, 2);
});

test('CM-08: a masked answer is accepted from a peer that returns bytes unchanged', () => {
  assert.equal(read([binary('alpha')], PAYLOADS, true, 'server').count, 1);
});

const big = (byte: number, at: number): Buffer => {
  const payload = Buffer.alloc(1_000, 'x');
  payload[at] = byte;
  return payload;
};

const WRONG: readonly (readonly [what: string, wire: Buffer, says: RegExp])[] = [
  ['a byte at the end', text('alphb', unmasked), /differs from the message/],
  ['a byte in the middle', text('alqha', unmasked), /differs from the message/],
  ['another order', Buffer.concat([text('bravo', unmasked), text('alpha', unmasked)]), /out of order/],
  ['one left out', Buffer.concat([text('alpha', unmasked), text('carol', unmasked)]), /out of order/],
  ['one twice', Buffer.concat([text('alpha', unmasked), text('alpha', unmasked)]), /out of order/],
  ['a shorter one', text('alph', unmasked), /differs from the message|shorter/],
  ['an empty one', text('', unmasked), /shorter/],
  ['a longer one', text('alphax', unmasked), /too big|limit/i],
  ['another kind', binary('alpha', unmasked), /text message came back as binary/],
  ['a mask', text('alpha'), /mask/i],
];
for (const [what, wire, says] of WRONG) {
  test(`CM-08: the load generator detects ${what}`, () => {
    assert.throws(() => read([wire]), says);
  });
}

test('CM-08: a wrong byte is found at the ends of a piece in every message, elsewhere in one of sixteen', () => {
  const right = [big(1, 500)];
  const frames = (wrongAt: number, at: number): Buffer[] =>
    Array.from({ length: 40 }, (_, i) => binary(i === wrongAt ? big(2, at) : right[0]!, unmasked));
  assert.throws(() => read(frames(32, 500), right, true), /differs from the message/);
  assert.throws(() => read(frames(5, 0), right, true), /differs from the message/);
  assert.throws(() => read(frames(5, 999), right, true), /differs from the message/);
  assert.equal(read(frames(-1, 0), right, true).count, 40);
});

const RECORDS = payloadsOf({ bytes: 2_000, binary: false, multibyte: false, records: true }, 3);
const squeezed = (payload: Buffer): Buffer => text(compressed(payload), { mask: false, rsv1: true });

test('CM-08: payloads of records have their size, differ, and compress', () => {
  assert.equal(new Set(RECORDS.map(String)).size, 3);
  for (const payload of RECORDS) {
    assert.equal(payload.length, 2_000);
    assert.ok(compressed(payload).length < 1_200);
  }
});

test('CM-08: compressed messages have RSV1 and inflate to their payloads', () => {
  const ring = new FrameRing(RECORDS, false, () => 7, RECORDS.map(compressed));
  const frames = readFrames(Buffer.from(ring.run(1, 3)));
  assert.deepEqual(
    frames.map(({ rsv1 }) => rsv1),
    [true, true, true],
  );
  const forms = new CompressedForms(RECORDS);
  for (const [i, { payload }] of frames.entries()) forms.learn((1 + i) % 3, [payload]);
});

test('CM-08: compressed answers are inflated once and then compared, at every cut of the input', () => {
  const forms = new CompressedForms(RECORDS);
  const wire = Buffer.concat([...RECORDS, ...RECORDS].map(squeezed));
  for (const chunks of [[wire], byteByByte(wire)]) {
    assert.equal(read(chunks, RECORDS, false, 'client', forms).count, 6);
  }
  const plain = Buffer.concat(RECORDS.map((payload) => text(payload, unmasked)));
  assert.equal(
    read([plain], RECORDS, false, 'client', forms).count,
    3,
    'a server may leave a message uncompressed',
  );
});

test('CM-08: wrong compressed answers are errors, the first one and later ones', () => {
  const [first, second] = RECORDS as [Buffer, Buffer];
  const known = new CompressedForms(RECORDS);
  known.learn(0, [compressed(first)]);
  for (const forms of [new CompressedForms(RECORDS), known]) {
    assert.throws(
      () => read([squeezed(second)], RECORDS, false, 'client', forms),
      /differs from the message|is longer|is shorter/,
    );
  }
  const rubbish = text(Buffer.alloc(20, 0xff), { mask: false, rsv1: true });
  assert.throws(
    () => read([rubbish], RECORDS, false, 'client', new CompressedForms(RECORDS)),
    /cannot be inflated/,
  );
  assert.throws(() => read([squeezed(first)], RECORDS), /RSV|reserved/i, 'no extension was negotiated');
});
