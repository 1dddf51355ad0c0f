import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FACT, ProtocolConnection, type ProtocolOptions } from '../../src/protocol/connection.ts';
import { PeerError } from '../../src/protocol/errors.ts';
import { close, continuation, frame, ping, text } from '../../src/testing/frames.ts';
import { readFrames } from '../../src/testing/index.ts';
import { sentBytes } from '../../fuzz/drive.ts';
import { coreWith, type FrameSink, inflatingWith } from './cores.ts';

/** The server side of a connection, and what it passes to the sink. */
function connection(sink: Partial<FrameSink> = {}, options: ProtocolOptions = {}) {
  const sent: string[] = [];
  const note = (what: string) => (body: Uint8Array) => {
    sent.push(`${what} ${Buffer.from(body).toString('hex')}`.trimEnd());
  };
  const all: FrameSink = {
    control: (opcode, payload) => note(opcode === 9 ? 'ping' : 'pong')(payload),
    closeAfterWaiting: note('close after waiting'),
    closeNow: note('close now'),
    ...sink,
  };
  return { core: coreWith({ ...options, sink: all }), sent };
}

test('CL-01 CL-10: Close is sent once, after queued messages', () => {
  const { core, sent } = connection();
  assert.equal(core.role, 'server');
  assert.equal(core.phase, 'open');
  core.close(1001, 'bye');
  core.close(1000, 'again');
  assert.deepEqual(sent, ['close after waiting 03e9627965']);
  assert.equal(core.phase, 'close-sent');
  assert.equal(core.sentCode, 1001);
});

test('CL-10: Closes that cross complete one closing handshake', () => {
  const { core, sent } = connection();
  core.close(1001, '');
  core.receive(close(4000, 'mine'));
  assert.equal(core.next(), FACT.CLOSE);
  assert.equal(core.next(), FACT.NONE);
  assert.deepEqual(sent, ['close after waiting 03e9']);
  assert.deepEqual(core.peerClose, { code: 4000, reason: 'mine' });
  assert.equal(core.sentCode, 1001);
  assert.equal(core.phase, 'closed-both');
});

test('CT-05: pings are sent only while the connection is open', () => {
  const { core, sent } = connection();
  core.ping(Buffer.from('a'));
  core.close(1000, '');
  core.ping(Buffer.from('b'));
  core.receive(close(1000));
  core.next();
  core.ping(Buffer.from('c'));
  core.transportEnded();
  core.ping(Buffer.from('d'));
  assert.deepEqual(sent, ['ping 61', 'close after waiting 03e8']);
});

test('CL-07: a failure sends Close at once, with the code and reason of the rule, once', () => {
  const { core, sent } = connection();
  core.fail(new PeerError('ERR_RATE'));
  core.fail(new PeerError('ERR_INTERNAL'));
  core.close(1000, '');
  const reason = Buffer.from('messages arrive faster than the rate limit allows').toString('hex');
  assert.deepEqual(sent, [`close now 03f0${reason}`]);
  assert.equal(core.failure?.code, 'ERR_RATE');
  assert.equal(core.sentCode, 1008);
  assert.equal(core.phase, 'failed');
});

test('RL-03: a failure may send another close code than that of the rule', () => {
  const { core, sent } = connection();
  core.fail(new PeerError('ERR_RATE'), 4008);
  assert.equal(core.sentCode, 4008);
  assert.match(sent.join(), /^close now 0fa8/);
});

test('CL-05: a failure after our Close sends no second Close, and keeps the code of the first', () => {
  const { core, sent } = connection();
  core.close(1000, '');
  core.fail(new PeerError('ERR_MESSAGE_TIMEOUT'));
  assert.deepEqual(sent, ['close after waiting 03e8']);
  assert.equal(core.sentCode, 1000);
  assert.equal(core.failure?.code, 'ERR_MESSAGE_TIMEOUT');
});

test('CL-08 FR-09: the end of the transport ends every phase and drops unfinished messages', () => {
  const phases: ((core: ProtocolConnection) => void)[] = [
    () => {},
    (core) => core.close(1000, ''),
    (core) => core.fail(new PeerError('ERR_INTERNAL')),
    (core) => {
      core.receive(close(1000));
      core.next();
    },
  ];
  for (const enter of phases) {
    const { core, sent } = connection();
    core.receive(text('unfinished', { fin: false }));
    core.next();
    assert.ok(core.unfinished);
    assert.equal(core.heldBytes, 10);
    enter(core);
    core.transportEnded();
    core.transportEnded();
    const before = sent.length;
    assert.equal(core.phase, 'ended');
    assert.equal(core.unfinished, false);
    assert.equal(core.heldBytes, 0);
    core.receive(ping('late'));
    assert.equal(core.next(), FACT.NONE);
    core.close(1000, '');
    core.fail(new PeerError('ERR_INTERNAL'));
    assert.equal(sent.length, before);
  }
});

test('FR-09: a failure or a Close drops unfinished messages and unread bytes', () => {
  for (const last of [frame({ opcode: 3 }), close(1000)]) {
    const { core } = connection();
    core.receive(Buffer.concat([text('begun', { fin: false }), last, ping('unread')]));
    const fact = core.next();
    assert.ok(fact === FACT.FAILURE || fact === FACT.CLOSE);
    assert.deepEqual([core.unfinished, core.heldBytes, core.unreadBytes], [false, 0, 0]);
  }
});

test('BP-11: facts are pulled: facts not requested yet stay buffered, whole and in order', () => {
  const { core } = connection();
  core.receive(Buffer.concat([text('one'), text('tw', { fin: false })]));
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), 'one');
  assert.ok(core.unreadBytes > 0);
  core.receive(Buffer.concat([continuation('o'), ping('?')]));
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), 'two');
  assert.equal(core.next(), FACT.PING);
  assert.equal(core.payload.toString(), '?');
  assert.equal(core.next(), FACT.NONE);
  assert.equal(core.unfinished, false);
});

test('FR-07: complete messages are counted, so that unfinished ones can be told apart', () => {
  const { core } = connection();
  core.receive(
    Buffer.concat([text('a'), ping(), text('b', { fin: false }), continuation('c'), text(Buffer.of(0xff))]),
  );
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.messagesReceived, 1);
  assert.equal(core.next(), FACT.PING);
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.messagesReceived, 2);
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), undefined);
  assert.equal(core.failure?.code, 'ERR_UTF8');
  assert.equal(core.messagesReceived, 2, 'what is not text is no message');
});

test('FP-13 GN-07: an internal error in the parser fails this connection with 1011 and throws nothing', () => {
  const bug = new RangeError('out of luck');
  const { core } = connection({
    control() {
      throw bug;
    },
  });
  core.receive(ping('x'));
  assert.equal(core.next(), FACT.FAILURE);
  assert.equal(core.failure?.code, 'ERR_INTERNAL');
  assert.equal(core.failure?.cause, bug);
  assert.equal(core.sentCode, 1011);
});

test('PD-12: a decoder that reports the end of work that it never announced fails its connection', () => {
  let finished = (_error?: PeerError): void => assert.fail('no decoder');
  const failures: unknown[] = [];
  const { extensions, owner } = inflatingWith((done) => {
    finished = done;
    return {
      heldBytes: 0,
      write: (into, bytes, start, end, last) => {
        into.decoded(bytes, start, end, last);
        return true;
      },
      close() {},
    };
  });
  const { core, sent } = connection(
    {},
    { extensions, owner: { ...owner, failed: (error) => failures.push(error) } },
  );
  core.receive(frame({ opcode: 1, rsv1: true, payload: 'Hello' }));
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), 'Hello');
  const error = new PeerError('ERR_INFLATE');
  finished(error);
  finished();
  assert.equal(failures[0], error);
  assert.match(String(failures[1]), /done with nothing to decode/);
  assert.equal(core.next(), FACT.NONE);
  core.transportEnded();
  finished();
  assert.deepEqual([core.phase, core.failure, sent, failures.length], ['ended', undefined, [], 2]);
});

/** What a core has sent so far: first byte and payload of each frame. */
const framesOf = (core: ProtocolConnection): readonly (readonly [number, string])[] =>
  readFrames(sentBytes(core)).map(({ fin, opcode, payload }) => [
    (fin ? 0x80 : 0) | opcode,
    payload.toString(),
  ]);

for (const role of ['server', 'client'] as const) {
  test(`§5.4 §5.5: a ${role} sends messages, fragments, pings and Close in order, and control frames between fragments`, () => {
    const core = coreWith({ role });
    assert.ok(core.text('é'));
    assert.ok(core.binary(Buffer.from('b')));
    assert.ok(core.fragment(Buffer.from('one '), true, false));
    core.ping(Buffer.from('p'));
    assert.throws(() => core.text('between'), { code: 'ERR_STATE' });
    assert.throws(() => core.binary(Buffer.alloc(1)), { code: 'ERR_STATE' });
    assert.ok(core.fragment(Buffer.from('two '), false, false));
    assert.ok(core.fragment(Buffer.from('three'), false, true));
    assert.ok(core.fragment(Buffer.from('whole'), false, true));
    core.close(1000, 'bye');
    assert.deepEqual(
      [core.text('late'), core.binary(Buffer.alloc(1)), core.fragment(Buffer.alloc(1), true, true)],
      [false, false, false],
    );
    assert.deepEqual(framesOf(core), [
      [0x81, 'é'],
      [0x82, 'b'],
      [0x01, 'one '],
      [0x89, 'p'],
      [0x00, 'two '],
      [0x80, 'three'],
      [0x82, 'whole'],
      [0x88, '\x03\ufffdbye'],
    ]);
  });
}

test('§5.4 BP-05: fragments are not dropped one by one, and their message is counted once', () => {
  const wire = { blocked: true, bufferedBytes: 0, needsCopies: false };
  const core = coreWith({ wire });
  core.text('whole');
  core.fragment(Buffer.from('first'), true, false);
  core.fragment(Buffer.from('last'), true, true);
  core.binary(Buffer.from('after'));
  assert.equal(core.outbox.dropOldest(), 7);
  assert.equal(core.outbox.dropOldest(), 7);
  assert.equal(core.outbox.dropOldest(), 0);
  assert.equal(core.outbox.dropWaiting(), 1);
});

test('§5.3: a client core needs keys, and a server core takes none', () => {
  assert.throws(() => new ProtocolConnection('client'), { code: 'ERR_ARGUMENT' });
  assert.throws(() => new ProtocolConnection('server', { nextKey: () => 1 }), { code: 'ERR_ARGUMENT' });
  assert.throws(() => new ProtocolConnection('server').ping(Buffer.alloc(126)), { code: 'ERR_ARGUMENT' });
});

test("CD-01: with closeReasons 'echo' a Close repeats the reason of the peer, and a failure gives none", () => {
  const answering = connection({}, { closeReasons: 'echo' });
  answering.core.receive(close(4000, 'mine'));
  assert.equal(answering.core.next(), FACT.CLOSE);
  assert.deepEqual(answering.sent, [`close now 0fa0${Buffer.from('mine').toString('hex')}`]);
  const failing = connection({}, { closeReasons: 'echo' });
  failing.core.fail(new PeerError('ERR_RATE'));
  assert.deepEqual(failing.sent, ['close now 03f0']);
  const tooLong = connection({}, { closeReasons: 'echo' });
  tooLong.core.receive(Buffer.of(0x82, 0xff, 0x80));
  assert.equal(tooLong.core.next(), FACT.FAILURE);
  assert.deepEqual(tooLong.sent, ['close now 03f1']);
  assert.equal(tooLong.core.sentCode, 1009);
});

test('CD-01: with autoPong false pings are reported and not answered; pong answers them', () => {
  const { core, sent } = connection({}, { autoPong: false });
  core.receive(ping('a'));
  assert.equal(core.next(), FACT.PING);
  assert.deepEqual(sent, []);
  core.pong(core.payload);
  assert.deepEqual(sent, ['pong 61']);
  assert.throws(() => core.pong(Buffer.alloc(126)), { name: 'MisuseError', code: 'ERR_ARGUMENT' });
  core.close(1000, '');
  core.pong(Buffer.from('late'));
  assert.deepEqual(sent, ['pong 61', 'close after waiting 03e8']);
});

test('CD-01: the error for a wrong opcode, close code or length has the number', () => {
  for (const [bytes, value] of [
    [[0x83], 3],
    [[0x80, 0x80], 0],
    [[0x89, 0xfe], 126],
    [[0x88, 0x81, 0, 0, 0, 0, 1], 1],
    [[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], 1005],
    [[0x01, 0x80, 0, 0, 0, 0, 0x02], 2],
  ] as const) {
    const { core } = connection();
    core.receive(Buffer.from(bytes));
    assert.equal(core.next(), FACT.FAILURE);
    assert.equal(core.failure?.value, value);
  }
  const { core } = connection();
  core.receive(Buffer.of(0xc1));
  assert.equal(core.next(), FACT.FAILURE);
  assert.equal('value' in core.failure!, false);
});
