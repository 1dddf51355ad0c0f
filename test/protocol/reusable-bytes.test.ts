import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/index.ts';
import { FACT, type ProtocolConnection } from '../../src/protocol/connection.ts';
import { OPCODE } from '../../src/protocol/constants.ts';
import type { MessageDecoder } from '../../src/protocol/extensions/extension.ts';
import { PeerError } from '../../src/protocol/errors.ts';
import { PreparedMessage } from '../../src/protocol/outgoing/prepared-message.ts';
import { ReusableBytes } from '../../src/protocol/reusable-bytes.ts';
import { eventLoopTurns, frame, text, waitUntil } from '../../src/testing/index.ts';
import { Outbox } from '../../src/protocol/outgoing/outbox.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { ProtocolMemory } from '../../src/protocol/memory.ts';
import { listening, live, nextText } from '../server/live.ts';
import { coreWith, inflatingWith, SILENT } from './cores.ts';

const LONG = 'κόσμε – 日本語 🙂 '.repeat(400);

test('BC-05: the bytes of a text are reused for equal texts only, until they are forgotten', () => {
  const reusable = new ReusableBytes();
  const bytes = Buffer.from(`xx${LONG}yy`);
  reusable.noteText(LONG, bytes, 2, bytes.length - 2, false);
  assert.deepEqual(reusable.utf8Of(LONG), Buffer.from(LONG));
  assert.equal(reusable.utf8Of(LONG)?.buffer, bytes.buffer, 'nothing is encoded or copied');
  assert.deepEqual(reusable.utf8Of(Buffer.from(LONG).toString()), Buffer.from(LONG));
  assert.equal(reusable.utf8Of(`${LONG} `), undefined);
  assert.equal(reusable.utf8Of(LONG.replace('🙂', '🙃')), undefined);
  assert.deepEqual(new PreparedMessage(LONG, undefined, reusable).payload, Buffer.from(LONG));
  reusable.forget();
  assert.equal(reusable.utf8Of(LONG), undefined);
  assert.equal(reusable.utf8Of(''), undefined);
  for (const [short, isAscii] of [
    ['a'.repeat(2_047), true],
    ['é'.repeat(47), false],
  ] as const) {
    reusable.noteText(short, Buffer.from(short), 0, Buffer.byteLength(short), isAscii);
    assert.equal(reusable.utf8Of(short), undefined);
  }
});

/** The payloads that each way to send produces for a text. */
function sent(message: string, memory: ProtocolMemory | undefined): readonly string[] {
  const outbox = new Outbox(
    { bufferedBytes: 0, needsCopies: false, blocked: false },
    { maxPendingPongs: 1 },
    memory ?? new ProtocolMemory(),
  );
  outbox.text(message);
  const header = message.length < 126 ? 2 : 4;
  return [
    Buffer.concat(outbox.take()).toString('utf8', header),
    new PreparedMessage(message, undefined, memory?.reusableBytes).payload.toString(),
  ];
}

for (const [how, own] of [
  ['without memory in common', undefined],
  ['with the same memory', new ProtocolMemory()],
] as const) {
  test(`GN-07: a driver that reads into the same memory after keepUnread still sends the received text, ${how}`, () => {
    const memory = Buffer.alloc(8_192);
    const core = coreWith({ sink: SILENT, ...(own === undefined ? {} : { memory: own }) });
    const first = 'é'.repeat(2_000);
    text(first).copy(memory);
    core.receive(memory.subarray(0, text(first).length));
    assert.equal(core.next(), FACT.MESSAGE);
    const message = core.takeText()!;
    assert.equal(own?.reusableBytes.utf8Of(message)?.buffer, own === undefined ? undefined : memory.buffer);
    for (const each of sent(message, own)) assert.equal(each, first);
    core.keepUnread();
    text('A'.repeat(4_000)).copy(memory);
    for (const each of sent(message, own)) assert.equal(each, first);
    core.receive(memory.subarray(0, text('A'.repeat(4_000)).length));
    for (const each of sent(message, own)) assert.equal(each, first);
    assert.equal(core.next(), FACT.MESSAGE);
    const second = core.takeText()!;
    for (const each of sent(message, own)) assert.equal(each, first);
    assert.equal(core.next(), FACT.NONE);
    memory.fill(0x7e);
    for (const each of sent(second, own)) assert.equal(each, 'A'.repeat(4_000));
  });
}

/** The owner of the memory: the driver, unless it was passed to `receive`. */
interface Memory {
  readonly bytes: Buffer;
  lentTo: ProtocolConnection | undefined;
}
const memory = (): Memory => ({ bytes: Buffer.alloc(1_024), lentTo: undefined });

const STEPS = ['receive', 'next', 'keepUnread'] as const;
type Step = (typeof STEPS)[number];

/**
 * Drives two connections in any order that the contract of `receive` allows: the driver owns the memory again once
 * `next` of the connection that received it has returned `NONE`, or after `keepUnread`. The driver then overwrites it
 * at once.
 */
class Driver {
  readonly #cores: readonly ProtocolConnection[];
  readonly #memories: readonly Memory[];
  readonly #memory: ProtocolMemory | undefined;
  readonly #messages: string[] = [];
  #reads = 0;
  reuses = 0;

  constructor(own: readonly (ProtocolMemory | undefined)[], memories: readonly Memory[]) {
    this.#cores = own.map((each) =>
      coreWith({ sink: SILENT, ...(each === undefined ? {} : { memory: each }) }),
    );
    this.#memories = memories;
    this.#memory = own[0];
  }

  /** @returns False if the contract forbids this step now. */
  step(name: Step, at: number): boolean {
    const core = this.#cores[at]!;
    const into = this.#memories[at]!;
    if (name === 'receive') {
      if (into.lentTo !== undefined) return false;
      into.lentTo = core;
      core.receive(this.#read(into.bytes));
    } else if (name === 'next' && core.next() === FACT.MESSAGE) {
      const message = core.takeText()!;
      this.#messages.push(message);
      if (this.#memory?.reusableBytes.utf8Of(message) !== undefined) this.reuses++;
    } else {
      if (name === 'keepUnread') core.keepUnread();
      if (into.lentTo === core) {
        into.lentTo = undefined;
        into.bytes.fill(0x23);
      }
    }
    for (const each of this.#messages) {
      for (const out of sent(each, this.#memory)) assert.equal(out, each);
    }
    return true;
  }

  /**
   * Two messages, each of one repeated letter. All reads have the same length, with their messages at the same offsets.
   */
  #read(into: Buffer): Buffer {
    const first = 0x400 + 2 * this.#reads++;
    const frames = [first, first + 1].map((letter) => text(String.fromCodePoint(letter).repeat(60)));
    const chunk = Buffer.concat(frames);
    chunk.copy(into);
    return into.subarray(0, chunk.length);
  }
}
const DEPTH = 5;

const one = new ProtocolMemory();
for (const [title, own, shareMemory, reuses] of [
  ['one memory for all, one chunk', [one, one], true, true],
  ['one memory for all, a chunk each', [one, one], false, true],
  ['a memory each, one chunk', [new ProtocolMemory(), new ProtocolMemory()], true, true],
  ['a memory each, a chunk each', [new ProtocolMemory(), new ProtocolMemory()], false, true],
  ['memory in common with one of them, one chunk', [new ProtocolMemory(), undefined], true, true],
  ['no memory in common, one chunk', [undefined, undefined], true, false],
] as const) {
  test(`GN-07: two connections each send what they received, in every order of receive, next, keepUnread and send: ${title}`, () => {
    let orders = 0;
    let reused = 0;
    const kinds = STEPS.length * 2;
    for (let number = 0; number < kinds ** DEPTH; number++) {
      const first = memory();
      const driver = new Driver(own, shareMemory ? [first, first] : [first, memory()]);
      let rest = number;
      let isAllowed = true;
      for (let i = 0; i < DEPTH && isAllowed; i++) {
        const kind = rest % kinds;
        rest = Math.floor(rest / kinds);
        isAllowed = driver.step(STEPS[kind % STEPS.length]!, Math.floor(kind / STEPS.length));
      }
      if (isAllowed) orders++;
      reused += driver.reuses;
    }
    assert.ok(orders > 500, `${orders} orders`);
    assert.equal(reused > 0, reuses);
  });
}

test('GN-07: a driver that drives another connection inside a listener sends for each what it received', () => {
  const memory = new ProtocolMemory();
  const into = Buffer.alloc(2_048);
  const cores = [0, 1, 2].map(() => coreWith({ sink: SILENT, memory }));
  const letters = ['ж', 'ю', 'я'];
  let deliveries = 0;
  const deliver = (at: number): void => {
    const message = letters[at]!.repeat(200);
    // Each connection reads into its own part while the other may still need its part.
    const chunk = into.subarray(at * 600, at * 600 + text(message).length);
    text(message).copy(chunk);
    const core = cores[at]!;
    core.receive(chunk);
    while (core.next() === FACT.MESSAGE) {
      deliveries++;
      const got = core.takeText()!;
      assert.equal(got, message);
      assert.ok(memory.reusableBytes.utf8Of(got) !== undefined);
      for (const out of sent(got, memory)) assert.equal(out, message);
      if (at + 1 < cores.length) deliver(at + 1);
      for (const out of sent(got, memory)) assert.equal(out, message);
      core.keepUnread();
      chunk.fill(0x23);
      for (const out of sent(got, memory)) assert.equal(out, message);
    }
  };
  deliver(0);
  assert.equal(deliveries, 3);
});

for (const [call, end] of [
  ['receive', (core) => core.receive(text('x'))],
  ['next', (core) => core.next()],
  ['keepUnread', (core) => core.keepUnread()],
  ['fail', (core) => core.fail(new PeerError('ERR_RATE'))],
  ['transportEnded', (core) => core.transportEnded()],
] as const satisfies readonly (readonly [string, (core: ProtocolConnection) => void])[]) {
  test(`GN-07: ${call} ends the reuse of bytes received before`, () => {
    const memory = new ProtocolMemory();
    const reusable = memory.reusableBytes;
    const core = coreWith({ sink: SILENT, memory });
    core.receive(text('é'.repeat(60)));
    assert.equal(core.next(), FACT.MESSAGE);
    core.takeText();
    assert.ok(reusable.utf8Of('é'.repeat(60)) !== undefined);
    end(core);
    assert.equal(reusable.utf8Of('é'.repeat(60)), undefined);
  });
}

test('RFC 7692 §7.2.2: inflated text is encoded again when sent, because the inflater owns its bytes', () => {
  const memory = new ProtocolMemory();
  const scratch = Buffer.alloc(1_024);
  // An inflater that returns its input as output, in memory that it reuses.
  const inflater: MessageDecoder = {
    heldBytes: 0,
    write(sink, bytes, start, end, last) {
      const used = bytes.copy(scratch, 0, start, end);
      sink.decoded(scratch, 0, used, last);
      return true;
    },
    close() {},
  };
  const core = coreWith({ sink: SILENT, memory, ...inflatingWith(() => inflater) });
  const message = 'é'.repeat(200);
  core.receive(text(message, { rsv1: true }));
  assert.equal(core.next(), FACT.MESSAGE);
  assert.equal(core.takeText(), message);
  scratch.fill(0x41);
  for (const out of sent(message, memory)) assert.equal(out, message);
  core.receive(frame({ opcode: OPCODE.BINARY, rsv1: true, payload: 'bytes' }));
  assert.equal(core.next(), FACT.MESSAGE);
  const bytes = core.takeBytes()!;
  assert.ok(memory.reusableBytes.isReceived(bytes));
  assert.deepEqual(bytes, Buffer.from('bytes'));
});

test('BC-05 UT-01: echo, relay and publish send exactly the received text, at once or later', async (t) => {
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
  // Much later, when other bytes are at the place of the old ones.
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

test('BP-09 UT-01: an async handler sends the text that it received, even after later input', async (t) => {
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

test('GN-07: reusable bytes are forgotten after delivery by a read or resume, read-ahead messages included', async (t) => {
  const { join } = live(t, { receiveAheadBytes: 1_000 });
  const { connection, raw } = await join();
  const texts = ['ä', 'ö', 'ü', 'ß'].map((letter) => letter.repeat(1_500));
  const got: string[] = [];
  connection.on('message', (message) => {
    got.push(message as string);
    // While paused, the connection reads one message of this size ahead.
    if (got.length === 1 || got.length === 3) connection.pause();
  });
  const areForgotten = (): void => {
    for (const each of texts) assert.equal(defaultEngine.reusableBytes.utf8Of(each), undefined);
  };
  raw.send(Buffer.concat(texts.map((each) => text(each))));
  await waitUntil(() => got.length === 1);
  areForgotten();
  connection.resume();
  assert.equal(got.length, 3);
  areForgotten();
  connection.resume();
  assert.deepEqual(got, texts);
  areForgotten();
});

test('GN-07: a paused connection sends its received text after another handshake was read into the same memory', async (t) => {
  let keep: { readonly connection: Connection; readonly message: string } | undefined;
  let isSent = false;
  const { server, connect, join } = await listening(t, {
    upgrade: () => {
      if (keep === undefined) return;
      keep.connection.send(keep.message);
      isSent = true;
    },
  });
  server.on('message', (connection, message) => {
    // Delivery ends here: `next` is not called again.
    connection.pause();
    keep = { connection, message: message as string };
  });
  const first = await join();
  const message = 'é'.repeat(4_000);
  first.send(text(message));
  await waitUntil(() => keep !== undefined);
  const second = await connect();
  assert.equal((await second.upgrade({ headers: { 'X-Fill': 'A'.repeat(9_000) } })).status, 101);
  assert.ok(isSent);
  assert.equal(await nextText(first), message);
});
