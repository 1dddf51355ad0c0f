import assert from 'node:assert/strict';
import { constants, deflateRawSync } from 'node:zlib';
import { answerDeflate } from '../src/protocol/deflate/answer.ts';
import { acceptDeflateAnswer, offerDeflate } from '../src/protocol/deflate/offer.ts';
import { HandshakeError } from '../src/protocol/errors.ts';
import { type ExtensionOffer, parseExtensions } from '../src/protocol/handshake/extension-list.ts';
import { type FrameFields, frame } from '../src/testing/frames.ts';
import { Scrambling, scrambled } from '../test/protocol/extensions/scrambling.ts';
import { deflateOf, drive, line, type Outcome, type Stage } from './drive.ts';
import { type Prng, prng } from './prng.ts';
import { nearlyText } from './utf8.ts';

const LIMITS = { maxMessageBytes: 20_000, maxFrameBytes: 20_000, maxFragments: 1_000, maxPendingPongs: 16 };

/**
 * Feeds compressed messages in any fragmentation, valid and slightly broken, also with another extension before or after
 * compression, and lists of extensions. Invariants:
 * - Data that zlib compressed inflates to the original.
 * - Any bytes give the same facts for every cut; invalid bytes give one typed error.
 * - A negotiation never throws and selects only what was offered; the client that made the offer accepts the answer.
 * @throws Error that names seed and iteration, with the bytes in hex or the list.
 */
export function fuzzDeflate(seed: number, iterations: number): void {
  const random = prng(seed);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const where = `seed ${seed}, iteration ${iteration}`;
    if (random.bool(0.5)) negotiate(random, where);
    else inflate(random, where);
  }
}

function inflate(random: Prng, where: string): void {
  const role = random.pick(['server', 'client'] as const);
  const deflate = deflateOf(role, { contextTakeover: false, windowBits: 15 });
  const order = random.pick(['alone', 'alone', 'before', 'after'] as const);
  const scrambling = new Scrambling();
  const extensions = { alone: [deflate], before: [deflate, scrambling], after: [scrambling, deflate] }[order];
  const stage: Stage = { role, limits: LIMITS, extensions };
  const isBroken = random.bool(0.4);
  const expected: string[] = [];
  const frames: Buffer[] = [];
  for (let count = 1 + random.int(3); count > 0; count--) {
    const isText = random.bool();
    const message = content(random, isText);
    const payload = {
      alone: () => compressed(random, message),
      before: () => scrambled(compressed(random, message)),
      after: () => compressed(random, scrambled(message)),
    }[order]();
    frames.push(
      ...fragments(random, payload, {
        opcode: isText ? 1 : 2,
        rsv2: order !== 'alone',
        mask: role === 'server' ? random.bytes(4) : false,
      }),
    );
    expected.push(isText ? line.text(message.toString()) : line.data('binary', message));
  }
  const wire = Buffer.concat(frames);
  if (isBroken) {
    for (let flips = 1 + random.int(4); flips > 0; flips--)
      wire[random.int(wire.length)]! ^= 1 << random.int(8);
  }
  try {
    const whole = facts(drive(stage, [wire]));
    if (!isBroken) assert.deepEqual(whole, expected, 'inflates to what zlib compressed');
    assert.deepEqual(facts(drive(stage, random.cut(wire, 1 + random.int(6)))), whole, 'cut');
    if (wire.length < 300) {
      const single = Array.from(wire, (byte) => Buffer.of(byte));
      assert.deepEqual(facts(drive(stage, single)), whole, 'byte by byte');
    }
  } catch (error) {
    throw new Error(`${where}, ${role}, ${order}: ${wire.toString('hex')}`, { cause: error });
  }
}

/**
 * The first fault of a message is reported, but zlib discards the output of a piece in which it finds a fault. So for a message
 * with two faults, the cut decides which of these three codes is reported.
 */
const INSIDE = new Set(['ERR_UTF8', 'ERR_INFLATE', 'ERR_MESSAGE_TOO_BIG'].map((code) => `failure ${code}`));
const facts = ({ lines }: Outcome): readonly string[] =>
  INSIDE.has(lines.at(-1) ?? '') ? [...lines.slice(0, -2), 'a fault inside a message'] : lines;

/** Content of any size up to the limit, more or less repetitive. */
function content(random: Prng, isText: boolean): Buffer {
  const size = random.int(random.pick([2, 40, 400, LIMITS.maxMessageBytes]));
  const unit = isText
    ? nearlyText(random, random.pick([1, 7, 300]), 0)
    : random.bytes(random.pick([1, 9, 500]));
  if (unit.length === 0) return unit;
  return Buffer.concat(Array.from({ length: Math.floor(size / unit.length) }, () => unit));
}

/** A compressed message: one or more streams, stored or compressed blocks, with or without BFINAL. */
function compressed(random: Prng, message: Buffer): Buffer {
  const parts = random.cut(message, random.pick([0, 0, 1, 3])).map((part) => {
    const options = {
      level: random.int(10),
      memLevel: 1 + random.int(9),
      windowBits: 9 + random.int(7),
      strategy: random.pick([constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]),
    };
    const finishFlush = random.pick([constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH, constants.Z_FINISH]);
    return deflateRawSync(part, { ...options, finishFlush });
  });
  return Buffer.concat([...parts, Buffer.of(0)]);
}

function fragments(random: Prng, payload: Buffer, fields: FrameFields): Buffer[] {
  const pieces = random.cut(payload, random.pick([0, 0, 1, 4]));
  return pieces.map((piece, i) =>
    frame({
      ...fields,
      opcode: i === 0 ? fields.opcode : 0,
      rsv1: i === 0,
      rsv2: i === 0 && fields.rsv2 === true,
      fin: i === pieces.length - 1,
      payload: piece,
    }),
  );
}

const NAMES = [
  'server_no_context_takeover',
  'client_no_context_takeover',
  'server_max_window_bits',
  'client_max_window_bits',
];
const VALUES = ['7', '8', '9', '10', '15', '16', '08', '-1', 'x', '1000', '"12"', '""'];

function negotiate(random: Prng, where: string): void {
  const list = extensionList(random);
  const preferences = {
    contextTakeover: random.bool(),
    serverMaxWindowBits: 9 + random.int(7),
    clientMaxWindowBits: 9 + random.int(7),
  };
  try {
    let offers: readonly ExtensionOffer[];
    try {
      offers = parseExtensions(list);
    } catch (error) {
      assert.ok(error instanceof HandshakeError && error.code === 'ERR_EXTENSIONS_FIELD');
      return;
    }
    const answer = answerDeflate(offers, preferences);
    const verdict = acceptDeflateAnswer(offers, preferences);
    assert.ok(typeof verdict === 'object' || verdict.length > 0);
    if (answer === undefined) return;
    assert.ok(offers.some(({ name }) => name === 'permessage-deflate'));
    const [only, ...others] = parseExtensions(answer.text);
    assert.deepEqual(others, []);
    const says = new Map(only!.params);
    assert.equal(says.size, only!.params.length, 'each parameter once');
    assert.ok(!says.has('client_max_window_bits') || list.includes('client_max_window_bits'), 'not offered');
    assert.ok(
      answer.agreed.server.windowBits >= 9 &&
        answer.agreed.server.windowBits <= preferences.serverMaxWindowBits,
    );
    assert.equal(answer.agreed.server.contextTakeover, !says.has('server_no_context_takeover'));
    assert.equal(answer.agreed.client.contextTakeover, !says.has('client_no_context_takeover'));
    const ofOurs = answerDeflate(parseExtensions(offerDeflate(preferences)), {
      ...preferences,
      contextTakeover: true,
    });
    assert.equal(acceptDeflateAnswer(parseExtensions(ofOurs!.text), preferences), ofOurs!.agreed);
  } catch (error) {
    throw new Error(`${where}: ${list}`, { cause: error });
  }
}

function extensionList(random: Prng): string {
  const members = Array.from({ length: 1 + random.int(3) }, () => {
    let member = random.bool(0.9) ? 'permessage-deflate' : random.pick(['foo', 'permessage-bzip2', '']);
    for (let count = random.int(4); count > 0; count--) {
      member += `;${random.pick(['', ' '])}${random.bool(0.95) ? random.pick(NAMES) : 'other'}`;
      if (random.bool(0.5)) member += `=${random.pick(VALUES)}`;
    }
    return member;
  });
  return members.join(random.pick([',', ', ']));
}
