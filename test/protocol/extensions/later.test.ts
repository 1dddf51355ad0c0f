import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sentBytes } from '../../../fuzz/drive.ts';
import { OPCODE, RSV2, RSV3 } from '../../../src/protocol/constants.ts';
import { PeerError } from '../../../src/protocol/errors.ts';
import { FACT, PreparedMessage, type ProtocolConnection } from '../../../src/protocol/index.ts';
import { ENTRY_BYTES } from '../../../src/protocol/limits.ts';
import { byteByByte, everyCut } from '../../../src/testing/cuts.ts';
import { frame, ping, text } from '../../../src/testing/frames.ts';
import { readFrames } from '../../../src/testing/index.ts';
import { LIMITS } from '../../vectors/row.ts';
import { coreWith } from '../cores.ts';
import { type Behaviour, Scrambling, scrambled } from './scrambling.ts';

/** The order in which two extensions work later: the first, the second, or both. */
const WAYS: readonly (readonly [string, readonly Behaviour[]])[] = [
  ['the only one', [{ later: true }]],
  ['first of two', [{ later: true }, { reservedBit: RSV3 }]],
  ['second of two', [{ reservedBit: RSV3 }, { later: true }]],
  ['both of two', [{ later: true, reservedBit: RSV3 }, { later: true }]],
];

/** A core with extensions that work later, and what its owner hears. */
function slowCore(behaviours: readonly Behaviour[], maxMessageBytes = LIMITS.maxMessageBytes) {
  const extensions = behaviours.map((behaviour) => new Scrambling({ ...behaviour }));
  const heard: string[] = [];
  const failures: unknown[] = [];
  const core = coreWith({
    limits: { ...LIMITS, maxMessageBytes },
    extensions,
    owner: {
      send: () => void heard.push('send'),
      readMore: () => void heard.push('readMore'),
      failed: (error) => void failures.push(error),
    },
  });
  return {
    core,
    extensions,
    heard,
    failures,
    /** Ends what extensions have begun, and what they begin meanwhile. */
    turns: () => {
      while (extensions.some((each) => each.turn()));
    },
  };
}

/** Each extension scrambles, so two of them restore. */
const decode = (payload: Buffer, bits: number): string =>
  (bits === RSV2 || bits === RSV3 ? scrambled(payload) : payload).toString();

const sent = (core: ProtocolConnection): readonly string[] =>
  readFrames(sentBytes(core)).map(
    ({ opcode, rsv2, rsv3, payload }) =>
      `${opcode} ${decode(payload, (rsv2 ? RSV2 : 0) | (rsv3 ? RSV3 : 0))}`,
  );

for (const [which, behaviours] of WAYS) {
  test(`PD-12: messages keep their order while an encoder works later: ${which}; control frames overtake them`, () => {
    const { core, extensions, heard, turns } = slowCore(behaviours);
    core.text('one');
    const changed = Buffer.from('two');
    core.binary(changed);
    changed.fill(0);
    core.text('plain', false);
    core.binary(Buffer.alloc(5_000, 'p'), false);
    core.fragment(Buffer.from('fragment'), true, true);
    core.outbox.prepared(new PreparedMessage('prepared'));
    core.outbox.prepared(new PreparedMessage('as it is', { compress: false }));
    core.ping(Buffer.from('ping'));
    core.close(1000, '');
    assert.deepEqual([sent(core), core.outbox.idle], [['9 ping'], false]);
    assert.ok(core.outbox.bufferedBytes > 5_000 + 5 * ENTRY_BYTES);
    turns();
    assert.deepEqual(sent(core), [
      '1 one',
      '2 two',
      '1 plain',
      `2 ${'p'.repeat(5_000)}`,
      '1 fragment',
      '1 prepared',
      '1 as it is',
      '8 \x03\ufffd',
    ]);
    assert.ok(heard.includes('send'));
    assert.deepEqual([core.outbox.idle, core.outbox.bufferedBytes], [true, 0]);
    assert.deepEqual(
      extensions.flatMap(({ calls }) => calls),
      [],
    );
  });

  test(`PD-12 BP-05: dropping a message that is being encoded resets the encoders that have seen it: ${which}`, () => {
    for (const drop of ['dropOldest', 'dropWaiting', 'clear'] as const) {
      const { core, extensions, turns } = slowCore(behaviours);
      core.text('dropped');
      if (which === 'both of two') extensions[0]!.turn();
      const seen = extensions.slice(0, which === 'first of two' ? 1 : 2);
      if (drop === 'dropOldest') core.text('next');
      assert.notEqual(core.outbox[drop](), 0);
      for (const { calls } of seen) assert.equal(calls.shift(), 'reset');
      if (drop === 'clear') for (const { calls } of extensions) assert.equal(calls.shift(), 'close encoder');
      else core.text('last');
      turns();
      assert.deepEqual(
        sent(core),
        { dropOldest: ['1 next', '1 last'], dropWaiting: ['1 last'], clear: [] }[drop],
      );
      for (const { calls } of extensions) assert.deepEqual(calls, []);
    }
  });

  test(`PD-12: an error of an encoder that works later goes to the owner, and the message is not sent: ${which}`, () => {
    const { core, extensions, failures, turns } = slowCore(behaviours);
    const slow = extensions.find(({ behaviour }) => behaviour.later === true)!;
    const error = new Error('no key');
    core.text('lost');
    slow.behaviour.error = error;
    turns();
    assert.deepEqual([failures, sent(core)], [[error], []]);
    core.outbox.clear();
    assert.equal(core.outbox.idle, true);
  });
}

/** A wire of messages with all marks of `behaviours`. */
function marked(behaviours: readonly Behaviour[], payloads: readonly string[]): Buffer {
  const rsv3 = behaviours.length === 2;
  const encoded = (payload: string): Buffer =>
    rsv3 ? Buffer.from(payload) : scrambled(Buffer.from(payload));
  return Buffer.concat(
    payloads.map((payload) => frame({ opcode: 1, rsv2: true, rsv3, payload: encoded(payload) })),
  );
}

for (const [which, behaviours] of WAYS) {
  test(`PD-12: messages arrive in order while a decoder works later: ${which}; pings overtake them`, () => {
    const wire = Buffer.concat([
      marked(behaviours, ['Grüße']),
      ping('p'),
      marked(behaviours, ['two']),
      text('plain'),
      marked(behaviours, ['']),
    ]);
    for (const pieces of [[wire], byteByByte(wire), ...everyCut(wire)]) {
      const { core, heard, turns } = slowCore(behaviours);
      const got: string[] = [];
      const takeAll = (): void => {
        for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
          assert.notEqual(fact, FACT.FAILURE, core.failure?.message);
          if (fact === FACT.MESSAGE) got.push(core.takeText()!);
          else got.push('ping');
        }
      };
      for (const piece of pieces) {
        core.receive(Buffer.from(piece));
        takeAll();
        core.keepUnread();
        while (core.blocked) {
          turns();
          takeAll();
          core.keepUnread();
        }
      }
      turns();
      takeAll();
      assert.deepEqual(
        got.filter((each) => each !== 'ping'),
        ['Grüße', 'two', 'plain', ''],
      );
      assert.equal(got.filter((each) => each === 'ping').length, 1);
      assert.ok(heard.every((each) => each === 'readMore') && heard.length > 0);
      assert.deepEqual([core.decoding, core.heldBytes, core.countedBytes], [false, 0, 0]);
      core.transportEnded();
    }
  });

  test(`PD-12: an error of a decoder that works later fails the connection: ${which}`, () => {
    for (const error of [new PeerError('ERR_INFLATE'), new RangeError('a bug')]) {
      const { core, extensions, turns } = slowCore(behaviours);
      core.receive(marked(behaviours, ['lost', 'and this']));
      assert.equal(core.next(), FACT.NONE);
      assert.ok(core.heldBytes > 0);
      extensions.find(({ behaviour }) => behaviour.later === true)!.behaviour.error = error;
      turns();
      assert.equal(core.next(), FACT.FAILURE);
      assert.equal(core.failure!.code, error instanceof PeerError ? 'ERR_INFLATE' : 'ERR_INTERNAL');
      assert.equal(core.heldBytes, 0);
    }
  });

  test(`PD-12 FP-12: a decoder that works later and gives more than maxMessageBytes fails with 1009: ${which}`, () => {
    for (const at of behaviours.keys()) {
      const adding = behaviours.map((each, i) => (i === at ? { ...each, added: 200 } : each));
      const { core, turns } = slowCore(adding, 100);
      core.receive(marked(behaviours, ['x'.repeat(50)]));
      assert.notEqual(core.next(), FACT.MESSAGE);
      turns();
      core.next();
      assert.equal(core.failure?.code, 'ERR_MESSAGE_TOO_BIG');
    }
  });

  test(`PD-12: nothing is decoded or reported after the end of the transport: ${which}`, () => {
    const { core, extensions, heard, turns } = slowCore(behaviours);
    core.receive(marked(behaviours, ['late']));
    assert.equal(core.next(), FACT.NONE);
    core.transportEnded();
    turns();
    assert.deepEqual([core.next(), heard], [FACT.NONE, []]);
    assert.ok(extensions.some(({ calls }) => calls.includes('close decoder')));
  });
}

/** Two extensions: the first decoder adds bytes in a second piece, the last one works later. */
const ADDING: readonly Behaviour[] = [{ later: true }, { reservedBit: RSV3, added: 3 }];

test('PD-12: pieces that arrive at a decoder while it works are queued, counted and decoded in order', () => {
  const { core, turns } = slowCore(ADDING);
  core.receive(marked(ADDING, ['Hello']));
  assert.equal(core.next(), FACT.NONE);
  assert.equal(core.heldBytes, 5 + 3 + ENTRY_BYTES);
  turns();
  assert.equal(core.next(), FACT.MESSAGE);
  // The added bytes pass the other extension.
  assert.equal(core.takeText(), `Hello${scrambled(Buffer.from('+++')).toString()}`);
  assert.equal(core.heldBytes, 0);
});

for (const error of [new PeerError('ERR_INFLATE'), 'not an error']) {
  test(`PD-12: a decoder that fails for a queued piece with ${String(error)} fails the connection`, () => {
    const { core, extensions, heard } = slowCore(ADDING);
    let finish = (): void => assert.fail('nothing was written');
    let writes = 0;
    extensions[0]!.decoder = (done) => ({
      heldBytes: 0,
      write: () => {
        if (++writes > 1) throw error;
        finish = done;
        return false;
      },
      close() {},
    });
    core.receive(marked(ADDING, ['Hello']));
    assert.equal(core.next(), FACT.NONE);
    finish();
    finish();
    assert.deepEqual(heard, ['readMore']);
    assert.equal(core.next(), FACT.FAILURE);
    if (error instanceof PeerError) assert.equal(core.failure, error);
    else assert.equal(core.failure!.code, 'ERR_INTERNAL');
  });
}

test('PD-12: one of several decoders that reports the end of work that it never announced fails its connection', () => {
  const { core, extensions, failures } = slowCore([{}, { reservedBit: RSV3 }]);
  let finish = (_error?: Error): void => assert.fail('no decoder');
  const first = extensions[0]!;
  const decoder = first.decoder.bind(first);
  first.decoder = (done) => {
    finish = done;
    return decoder(done);
  };
  core.receive(marked(ADDING, ['Hello']));
  assert.equal(core.next(), FACT.MESSAGE);
  finish();
  assert.match(String(failures[0]), /done with nothing to decode/);
  finish(new Error('late'));
  assert.equal(failures.length, 1);
});

test('PD-12 §5.3: what a client queues while an encoder works later is masked, frame by frame', () => {
  const extension = new Scrambling({ later: true });
  const owner = { send() {}, readMore() {}, failed: (error: unknown) => assert.fail(String(error)) };
  const core = coreWith({ role: 'client', extensions: [extension], owner });
  core.text('one');
  core.text('plain', false);
  core.binary(Buffer.from('bytes'), false);
  core.fragment(Buffer.from('fragment'), true, true);
  extension.turn();
  const frames = readFrames(sentBytes(core));
  assert.deepEqual(
    frames.map(({ opcode, mask, payload }) => [
      opcode,
      mask !== false,
      (opcode === 1 && payload.length === 3 ? scrambled(payload) : payload).toString(),
    ]),
    [
      [1, true, 'one'],
      [1, true, 'plain'],
      [2, true, 'bytes'],
      [1, true, 'fragment'],
    ],
  );
});

test('PD-12: texts wait in order when only a later one of several encoders takes its time', () => {
  const { core, turns } = slowCore([{ reservedBit: RSV3 }, { later: true }]);
  core.outbox.text('é');
  core.outbox.text('éé');
  turns();
  assert.deepEqual(sent(core), ['1 é', '1 éé']);
});

test('PD-12: fragments pass an extension that cannot encode them as they are, even if compression is asked for', () => {
  const { core } = slowCore([{ later: true }]);
  core.outbox.fragment(OPCODE.TEXT, Buffer.from('one '), false, true);
  core.outbox.fragment(OPCODE.CONTINUATION, Buffer.from('two'), true, true);
  assert.deepEqual(sent(core), ['1 one ', '0 two']);
});
