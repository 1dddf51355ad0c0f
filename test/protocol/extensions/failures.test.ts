import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateOf, drive, ON_THE_STACK, sentBytes } from '../../../fuzz/drive.ts';
import { RSV1, RSV3 } from '../../../src/protocol/constants.ts';
import { PeerError } from '../../../src/protocol/errors.ts';
import type { DecodedSink, Extension } from '../../../src/protocol/extensions/extension.ts';
import { FACT, type ProtocolConnection } from '../../../src/protocol/index.ts';
import { frame } from '../../../src/testing/frames.ts';
import { readFrames } from '../../../src/testing/index.ts';
import { fails, LIMITS } from '../../vectors/row.ts';
import { NO_ZLIB_STEPS } from '../../zlib.ts';
import { coreWith } from '../cores.ts';
import { Scrambling, scrambled } from './scrambling.ts';

const coreOf = (extensions: readonly Extension[]): ProtocolConnection =>
  coreWith({ extensions, owner: ON_THE_STACK });

const payloads = (core: ProtocolConnection): readonly string[] =>
  readFrames(sentBytes(core)).map(({ payload, rsv2 }) => (rsv2 ? scrambled(payload) : payload).toString());

test('PD-12: an encoder that throws: the command throws, nothing is sent, and the connection goes on', () => {
  const scrambling = new Scrambling();
  const core = coreOf([scrambling]);
  const error = new Error('no key');
  scrambling.behaviour.error = error;
  assert.throws(() => core.text('lost'), error);
  assert.throws(() => core.binary(Buffer.from('lost')), error);
  assert.equal(core.text('plain', false), true);
  delete scrambling.behaviour.error;
  assert.equal(core.text('again'), true);
  assert.deepEqual(payloads(core), ['plain', 'again']);
  assert.deepEqual(scrambling.calls, [], 'it knows itself that it threw');
});

test('PD-12 RFC 7692 §7.2.1: after a later encoder threw, no message refers to the lost one', {
  skip: NO_ZLIB_STEPS,
}, () => {
  const takeover = { contextTakeover: true, windowBits: 15 };
  const scrambling = new Scrambling();
  const sender = coreOf([deflateOf('server', takeover), scrambling]);
  const text = 'a text that zlib finds again '.repeat(10);
  scrambling.behaviour.error = new Error('no key');
  assert.throws(() => sender.text(text, true), /no key/);
  delete scrambling.behaviour.error;
  sender.text(text, true);
  sender.text(text, true);
  const receiver = [deflateOf('client', takeover), new Scrambling()];
  const { lines } = drive({ role: 'client', limits: LIMITS, extensions: receiver }, [sentBytes(sender)]);
  assert.deepEqual(lines, [`text ${JSON.stringify(text)}`, `text ${JSON.stringify(text)}`]);
});

const message = (payload: Buffer, bits: { readonly rsv1?: boolean; readonly rsv3?: boolean } = {}): Buffer =>
  frame({ opcode: 1, rsv2: true, ...bits, payload: scrambled(payload) });

for (const [what, extensions] of [
  ['alone', (one: Scrambling) => [one]],
  ['before another', (one: Scrambling) => [one, new Scrambling({ reservedBit: RSV3 })]],
  ['after another', (one: Scrambling) => [new Scrambling({ reservedBit: RSV3 }), one]],
] as const) {
  test(`PD-12: a decoder that throws fails its connection, ${what}`, () => {
    for (const error of [
      new PeerError('ERR_INFLATE', 'the checksum differs'),
      new RangeError('a bug'),
      'not even an error' as unknown as Error,
    ]) {
      const one = new Scrambling();
      one.behaviour.error = error;
      const core = coreOf(extensions(one));
      core.receive(message(Buffer.from('x')));
      assert.equal(core.next(), FACT.FAILURE);
      assert.equal(core.next(), FACT.NONE);
      if (error instanceof PeerError) assert.equal(core.failure, error);
      else assert.deepEqual([core.failure!.code, core.failure!.cause], ['ERR_INTERNAL', error]);
      assert.equal(core.sentCode, error instanceof PeerError ? 1007 : 1011);
      assert.ok(one.calls.includes('close decoder'));
    }
  });
}

test('PD-12 FP-12: output over maxMessageBytes fails with 1009, whichever extension makes it', () => {
  const limits = { ...LIMITS, maxMessageBytes: 100 };
  for (const [extensions, bits] of [
    [[new Scrambling({ added: 50 })], {}],
    [[new Scrambling({ added: 50 }), new Scrambling({ reservedBit: RSV3 })], {}],
    [[new Scrambling({ reservedBit: RSV1 }), new Scrambling({ added: 150 })], { rsv1: true }],
    [[new Scrambling({ reservedBit: RSV1 }), new Scrambling({ added: 40 })], { rsv1: true }],
  ] as const) {
    const stage = { role: 'server', limits, extensions } as const;
    const { lines } = drive(stage, [message(Buffer.alloc(80, 'x'), bits)]);
    assert.deepEqual(lines, fails('ERR_MESSAGE_TOO_BIG'));
  }
  const fits = drive({ role: 'server', limits, extensions: [new Scrambling({ added: 50 })] }, [
    message(Buffer.alloc(50, 'x')),
  ]);
  assert.deepEqual(fits.lines, [`text "${'x'.repeat(50)}${'+'.repeat(50)}"`]);
});

test('PD-12 §8.1: decoded text is validated', () => {
  const extensions = [new Scrambling()];
  const { lines } = drive({ role: 'server', limits: LIMITS, extensions }, [message(Buffer.from([0xff]))]);
  assert.deepEqual(lines, fails('ERR_UTF8'));
});

for (const [what, write] of [
  ['ends no message', (sink, bytes, start, end) => sink.decoded(bytes, start, end, false)],
  [
    'ends a message twice',
    (sink, bytes, start, end, last) => {
      sink.decoded(bytes, start, end, last);
      sink.decoded(bytes, start, end, last);
    },
  ],
  ['ends a message early', (sink, bytes, start, end) => sink.decoded(bytes, start, end, true)],
] as const satisfies readonly (readonly [
  string,
  (sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean) => void,
])[]) {
  for (const isLater of [false, true]) {
    test(`PD-12: a decoder that ${what} fails its connection${isLater ? ', also if it works later' : ''}`, () => {
      const scrambling = new Scrambling();
      let run = (): void => assert.fail('nothing was written');
      scrambling.decoder = (done) => ({
        heldBytes: 0,
        write: (sink, bytes, start, end, last) => {
          run = () => write(sink, bytes, start, end, last);
          if (!isLater) run();
          else {
            run = () => {
              try {
                write(sink, bytes, start, end, last);
                done();
              } catch (error) {
                done(error as Error);
              }
            };
          }
          return !isLater;
        },
        close() {},
      });
      const core = coreWith({ extensions: [scrambling], owner: { ...ON_THE_STACK, readMore() {} } });
      core.receive(frame({ opcode: 2, rsv2: true, fin: false, payload: 'a' }));
      let fact = core.next();
      if (isLater) {
        run();
        fact = core.next();
      }
      if (fact === FACT.NONE) {
        core.receive(frame({ opcode: 0, payload: 'b' }));
        fact = core.next();
        if (isLater && fact === FACT.NONE) {
          run();
          fact = core.next();
        }
      }
      assert.equal(fact, FACT.FAILURE);
      assert.match(String(core.failure!.cause), /exactly once per message/);
    });
  }
}
