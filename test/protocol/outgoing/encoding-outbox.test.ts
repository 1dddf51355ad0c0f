import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import type { Compressor, Zlib } from '../../../src/protocol/deflate/compressor.ts';
import { agreement } from '../../../src/protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../../../src/protocol/deflate/per-message-deflate.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { EncodingOutbox } from '../../../src/protocol/outgoing/encoding-outbox.ts';
import { PreparedMessage } from '../../../src/protocol/outgoing/prepared-message.ts';
import { PreparedRun } from '../../../src/protocol/outgoing/prepared-run.ts';
import { readFrames } from '../../../src/testing/index.ts';

type Done = (output: Uint8Array, error?: Error) => void;

/** Compresses when the test says so, always to the byte `z`; a real zlib does not run out of memory on demand. */
class SlowZlib implements Zlib {
  readonly jobs: { input: string; done: Done; isCancelled: boolean }[] = [];
  readonly calls: string[] = [];
  readonly contexts: boolean[] = [];
  /** Thrown by both ways to compress. */
  error: Error | undefined;

  compressor(_: unknown, contextTakeover: boolean): Compressor {
    this.contexts.push(contextTakeover);
    return {
      compress: () => {
        if (this.error !== undefined) throw this.error;
        return Buffer.from('z');
      },
      compressLater: (input, done) => {
        if (this.error !== undefined) throw this.error;
        const job = { input: Buffer.from(input).toString(), done, isCancelled: false };
        this.jobs.push(job);
        return { cancel: () => (job.isCancelled = true) };
      },
      forget: () => void this.calls.push('forget'),
      close: () => void this.calls.push('close'),
    };
  }

  inflater(): never {
    return assert.fail('nothing is received');
  }
}

/** What is compressed: from 10 bytes on, and later than at once from 21 bytes on. */
function outboxWith({ contextTakeover = true, windowBits = 15 } = {}) {
  const zlib = new SlowZlib();
  const failures: unknown[] = [];
  let sends = 0;
  let fail: Error | undefined;
  const direction = { contextTakeover, windowBits };
  const settings = {
    thresholdBytes: 10,
    asyncThresholdBytes: 20,
    level: 1,
    memLevel: 8,
    contextTakeover,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const outbox = new EncodingOutbox(
    { blocked: false, bufferedBytes: 0, needsCopies: false },
    { maxPendingPongs: 8 },
    new ProtocolMemory(),
    undefined,
    [new PerMessageDeflate('server', agreement(direction, direction), settings, zlib)],
    {
      send: () => {
        if (fail !== undefined) throw fail;
        sends++;
      },
      failed: (error) => void failures.push(error),
    },
  );
  return {
    outbox,
    zlib,
    failures,
    sends: () => sends,
    failWith: (error: Error) => (fail = error),
    frames: () => {
      const chunks: Uint8Array[] = [];
      for (let some = outbox.take(); some.length > 0; some = outbox.take()) chunks.push(...some);
      return readFrames(Buffer.concat(chunks)).map(
        ({ opcode, rsv1, payload }) => `${opcode}${rsv1 ? ' compressed' : ''} ${payload.toString()}`,
      );
    },
  };
}

const LARGE = 'large '.repeat(10);
const OTHER = 'other '.repeat(10);

test('BP-05 PD-09: messages that are queued after a large one are sent after it, in order', () => {
  const { outbox, zlib, sends, frames } = outboxWith();
  outbox.text(LARGE);
  outbox.text('small');
  outbox.fragment(OPCODE.TEXT, Buffer.from('a'), false);
  outbox.fragment(OPCODE.CONTINUATION, Buffer.from('b'), true);
  outbox.prepared(new PreparedMessage('shared'));
  outbox.closeAfterWaiting(Buffer.alloc(0));
  assert.deepEqual([outbox.idle, frames()], [false, []]);
  zlib.jobs[0]!.done(Buffer.from('z'));
  assert.equal(sends(), 1);
  assert.deepEqual(frames(), ['1 compressed z', '1 small', '1 a', '0 b', '1 shared', '8 ']);
  assert.deepEqual([outbox.idle, outbox.bufferedBytes], [true, 0]);
});

test('HI-08: each message of a run is compressed by itself, behind what is queued', () => {
  const { outbox, zlib, frames } = outboxWith();
  outbox.text(LARGE);
  outbox.run(new PreparedRun(['one', 'two is longer', 'three'].map((text) => new PreparedMessage(text))));
  zlib.jobs[0]!.done(Buffer.from('z'));
  assert.deepEqual(frames(), ['1 compressed z', '1 one', '1 compressed z', '1 three']);
});

test('EV-11: dropping counts messages, not fragments after the first, and not the Close', () => {
  const { outbox, zlib, frames } = outboxWith();
  outbox.text(LARGE);
  outbox.text('one');
  outbox.text('two');
  outbox.fragment(OPCODE.TEXT, Buffer.from('a'), false);
  outbox.fragment(OPCODE.CONTINUATION, Buffer.from('b'), true);
  outbox.prepared(new PreparedMessage(OTHER));
  outbox.closeAfterWaiting(Buffer.alloc(0));
  assert.equal(outbox.dropWaiting(), 5, 'the large one, two small ones, the fragmented one, the shared one');
  assert.equal(zlib.jobs[0]!.isCancelled, true);
  assert.deepEqual([outbox.idle, outbox.bufferedBytes, frames()], [true, 0, []]);
  assert.equal(outbox.dropWaiting(), 0);
});

test('BP-05: the oldest message is dropped, even while it is being compressed', () => {
  const { outbox, zlib, frames } = outboxWith();
  outbox.text(LARGE);
  outbox.text(OTHER);
  outbox.text('one');
  outbox.text('two');
  assert.equal(outbox.dropOldest(), LARGE.length);
  assert.deepEqual(
    zlib.jobs.map(({ input, isCancelled }) => [input, isCancelled]),
    [
      [LARGE, true],
      [OTHER, false],
    ],
  );
  zlib.jobs[1]!.done(Buffer.from('z'));
  assert.deepEqual(frames(), ['1 compressed z', '1 one', '1 two']);
});

test('BP-05: small messages in one block are dropped one by one, and a queue of nothing but a Close has none', () => {
  const { outbox, zlib, frames } = outboxWith({ contextTakeover: false });
  const shared = new PreparedMessage(LARGE);
  outbox.prepared(shared);
  outbox.text('one');
  outbox.text('two');
  outbox.text(OTHER);
  outbox.fragment(OPCODE.TEXT, Buffer.from('f'), true);
  assert.equal(outbox.dropOldest(), shared.frame.length);
  assert.equal(zlib.jobs[0]!.isCancelled, true, 'no other outbox waits for the shared message');
  assert.deepEqual(frames(), ['1 one', '1 two']);
  outbox.closeAfterWaiting(Buffer.alloc(0));
  assert.equal(outbox.dropOldest(), OTHER.length);
  assert.deepEqual(frames(), ['1 f', '8 ']);
  assert.equal(outbox.dropOldest(), 0);
});

test('PD-09: a message is sent uncompressed when zlib has no memory, and the context begins anew', () => {
  for (const contextTakeover of [true, false]) {
    const { outbox, zlib, frames } = outboxWith({ contextTakeover });
    outbox.text(LARGE);
    zlib.jobs[0]!.done(Buffer.alloc(0), new Error('no memory'));
    assert.deepEqual(frames(), [`1 ${LARGE}`]);
    assert.deepEqual(zlib.calls, contextTakeover ? ['close'] : []);
    outbox.prepared(new PreparedMessage(OTHER));
    zlib.jobs[1]!.done(Buffer.alloc(0), new Error('no memory'));
    assert.deepEqual(frames(), [`1 ${OTHER}`]);
    assert.ok(!zlib.calls.includes('forget'), 'the peer saw nothing that the context did not');
  }
});

test('PD-09: an error on the way from another thread goes to the owner, not to other connections', () => {
  const first = outboxWith();
  const second = outboxWith();
  const shared = new PreparedMessage(LARGE);
  first.outbox.prepared(shared);
  second.outbox.prepared(shared);
  const error = new Error('the socket is gone');
  first.failWith(error);
  first.zlib.jobs[0]!.done(Buffer.from('z'));
  assert.deepEqual([first.failures, second.failures], [[error], []]);
  assert.deepEqual(second.frames(), ['1 compressed z']);
  assert.deepEqual(second.zlib.calls, ['forget']);
});

test('RFC 7692 §7.1.2: a window smaller than the smallest of zlib leaves every message uncompressed', () => {
  const { outbox, zlib, frames } = outboxWith({ windowBits: 8 });
  outbox.text(LARGE);
  outbox.data(OPCODE.BINARY, Buffer.from(OTHER), true);
  outbox.prepared(new PreparedMessage(OTHER));
  outbox.closeNow(Buffer.alloc(0));
  assert.deepEqual(frames(), [`1 ${LARGE}`, `2 ${OTHER}`, `1 ${OTHER}`, '8 ']);
  outbox.clear();
  assert.deepEqual([zlib.contexts, zlib.jobs], [[], []]);
});

test('PD-12: a compressor that throws: the command throws, the context begins anew, and the next message is sent', () => {
  for (const contextTakeover of [true, false]) {
    const { outbox, zlib, frames } = outboxWith({ contextTakeover });
    const error = new Error('no memory');
    zlib.error = error;
    assert.throws(() => outbox.text('medium text'), error);
    assert.throws(() => outbox.text(LARGE), error);
    assert.throws(() => outbox.data(OPCODE.BINARY, Buffer.from(LARGE)), error);
    assert.deepEqual([outbox.idle, outbox.bufferedBytes, frames()], [true, 0, []]);
    assert.deepEqual(zlib.calls, contextTakeover ? ['close'] : []);
    zlib.error = undefined;
    outbox.text('medium text');
    assert.deepEqual(frames(), ['1 compressed z']);
  }
});

test('PD-12: a compressor that throws for a queued message reports to the owner, and a second result is ignored', () => {
  const { outbox, zlib, failures, sends, frames } = outboxWith();
  outbox.text(LARGE);
  outbox.text('medium text');
  const { done } = zlib.jobs[0]!;
  const error = new Error('no memory');
  zlib.error = error;
  done(Buffer.from('z'));
  done(Buffer.from('again'));
  assert.deepEqual([failures, sends(), frames()], [[error], 0, ['1 compressed z']]);
});

test('PD-12: texts keep their order, whether they are sent, compressed or queued', () => {
  const { outbox, zlib, frames } = outboxWith({ contextTakeover: false });
  const send = (): void => {
    outbox.text('é');
    outbox.text('é', true);
    outbox.text('z', true);
    outbox.text('medium text é');
    outbox.text(`${LARGE}é`);
  };
  send();
  send();
  for (const job of zlib.jobs) job.done(Buffer.from('z'));
  const sent = ['1 é', '1 compressed z', '1 z', '1 compressed z', '1 compressed z'];
  assert.deepEqual(frames(), [...sent, ...sent], 'a message that gets no smaller is sent as it is');
});

test('PD-08: a shared message of ordinary size is compressed at once, and sent as it is where that gains nothing', () => {
  const { outbox, zlib, frames } = outboxWith();
  outbox.prepared(new PreparedMessage('medium text'));
  outbox.prepared(new PreparedMessage(Buffer.from('medium text')));
  outbox.prepared(new PreparedMessage('z', { compress: true }));
  outbox.prepared(new PreparedMessage('medium text', { compress: false }));
  assert.deepEqual(frames(), ['1 compressed z', '2 compressed z', '1 z', '1 medium text']);
  assert.deepEqual(zlib.calls, ['forget', 'forget']);
});

test('PD-09: a shared message is compressed for the others when one of its recipients leaves', () => {
  const [first, second] = [outboxWith(), outboxWith()];
  const shared = new PreparedMessage(LARGE);
  first.outbox.prepared(shared);
  second.outbox.prepared(shared);
  first.outbox.clear();
  assert.equal(first.zlib.jobs[0]!.isCancelled, false);
  first.zlib.jobs[0]!.done(Buffer.from('z'));
  assert.deepEqual([first.frames(), second.frames()], [[], ['1 compressed z']]);
});

test('BP-05: frames that are ready are dropped before messages that wait for zlib', () => {
  const { outbox, frames } = outboxWith();
  outbox.text('ready');
  outbox.text(LARGE);
  assert.equal(outbox.dropOldest(), 7);
  assert.equal(outbox.dropOldest(), LARGE.length);
  assert.deepEqual([outbox.dropOldest(), frames(), outbox.idle], [0, [], true]);
});

const FRAGMENT = Buffer.from('medium text');

test('RFC 7692 §7.2.1: fragments are compressed if the sender asks for it, and only the first is marked', () => {
  for (const contextTakeover of [true, false]) {
    const { outbox, zlib, frames } = outboxWith({ contextTakeover });
    outbox.fragment(OPCODE.TEXT, FRAGMENT, false, true);
    outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, false, true);
    outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, true, true);
    outbox.fragment(OPCODE.BINARY, FRAGMENT, true, false);
    assert.deepEqual(frames(), ['1 compressed z', '0 z', '0 z', '2 medium text']);
    assert.deepEqual(zlib.contexts, contextTakeover ? [true] : [false, true]);
    assert.deepEqual(zlib.calls, contextTakeover ? [] : ['close']);
  }
});

test('PD-09: large fragments are compressed later, and those after them wait', () => {
  const { outbox, zlib, sends, frames } = outboxWith({ contextTakeover: false });
  outbox.fragment(OPCODE.TEXT, Buffer.from(LARGE), false, true);
  outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, false, true);
  outbox.fragment(OPCODE.CONTINUATION, Buffer.from(OTHER), true, true);
  outbox.text('small');
  zlib.jobs[0]!.done(Buffer.from('y'));
  assert.deepEqual([sends(), frames()], [1, ['1 compressed y', '0 z']]);
  zlib.jobs[1]!.done(Buffer.from('y'));
  assert.deepEqual(frames(), ['0 y', '1 small']);
  assert.deepEqual(zlib.calls, ['close']);
  assert.deepEqual([outbox.idle, outbox.bufferedBytes], [true, 0]);
});

test('PD-12: a fragment that cannot be compressed goes to the owner, now or later', () => {
  const { outbox, zlib, failures, frames } = outboxWith();
  const error = new Error('no memory');
  zlib.error = error;
  outbox.fragment(OPCODE.TEXT, FRAGMENT, false, true);
  assert.deepEqual([failures, frames()], [[error], []]);
  zlib.error = undefined;
  outbox.fragment(OPCODE.TEXT, Buffer.from(LARGE), false, true);
  const late = new Error('still none');
  // A call of zlib that fails has no output.
  zlib.jobs[0]!.done(undefined as unknown as Uint8Array, late);
  assert.deepEqual([failures, frames()], [[error, late], []]);
  outbox.clear();
  zlib.jobs[0]!.done(Buffer.from('z'));
  assert.deepEqual([failures.length, frames()], [2, []]);
});

test('PD-12: a large fragment whose compression cannot begin goes to the owner, and nothing after it is sent', () => {
  const { outbox, zlib, failures, frames } = outboxWith();
  const error = new Error('no memory');
  zlib.error = error;
  outbox.fragment(OPCODE.TEXT, Buffer.from(LARGE), false, true);
  outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, true, true);
  outbox.text('small');
  assert.deepEqual([failures, frames()], [[error], []]);
  outbox.clear();
  assert.equal(outbox.idle, true);
});

test('EV-11: fragments that wait for zlib are dropped as one message, and their context with them', () => {
  const { outbox, zlib, frames } = outboxWith({ contextTakeover: false });
  outbox.fragment(OPCODE.TEXT, Buffer.from(LARGE), false, true);
  outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, true, true);
  assert.equal(outbox.dropWaiting(), 1);
  assert.deepEqual([zlib.jobs[0]!.isCancelled, zlib.calls, outbox.idle], [true, ['close'], true]);
  outbox.fragment(OPCODE.TEXT, FRAGMENT, true, true);
  assert.deepEqual(frames(), ['1 compressed z']);
});

test('RFC 7692 §7.1.2: a window smaller than the smallest of zlib leaves fragments uncompressed', () => {
  const { outbox, frames } = outboxWith({ windowBits: 8 });
  outbox.fragment(OPCODE.TEXT, FRAGMENT, false, true);
  outbox.fragment(OPCODE.CONTINUATION, FRAGMENT, true, true);
  assert.deepEqual(frames(), ['1 medium text', '0 medium text']);
});
