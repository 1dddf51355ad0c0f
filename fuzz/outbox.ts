import assert from 'node:assert/strict';
import { OPCODE } from '../src/protocol/constants.ts';
import { ENTRY_BYTES } from '../src/protocol/limits.ts';
import { type DecodedFrame, readFrames } from '../src/testing/index.ts';
import { ProtocolMemory } from '../src/protocol/memory.ts';
import { Outbox } from '../src/protocol/outgoing/outbox.ts';
import type { Wire } from '../src/protocol/outgoing/wire.ts';
import { type Prng, prng } from './prng.ts';

const MEMORY = new ProtocolMemory();
const MAX_PENDING_PONGS = 3;
/** Every control payload has this size, so dropped bytes give the number of dropped frames. */
const CONTROL_BYTES = 4;

/** A wire that accepts bytes on command, in any amounts. */
class Sink implements Wire {
  readonly needsCopies = false;
  bufferedBytes = 0;
  readonly #chunks: Buffer[] = [];
  readonly #blockedFromBytes: number;

  constructor(blockedFromBytes: number) {
    this.#blockedFromBytes = blockedFromBytes;
  }
  get blocked(): boolean {
    return this.bufferedBytes >= this.#blockedFromBytes;
  }
  take(bytes: number): void {
    this.bufferedBytes -= Math.min(bytes, this.bufferedBytes);
  }
  write(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      this.#chunks.push(Buffer.from(chunk));
      this.bufferedBytes += chunk.length;
    }
  }
  get written(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** One outbox with a record of every call. */
class Bench {
  readonly outbox: Outbox;
  readonly wire: Sink;
  readonly accepted: { readonly opcode: number; readonly payload: Buffer }[] = [];
  droppedMessages = 0;
  droppedBytes = 0;
  #givenBytes = 0;
  closed = false;
  readonly #masked: boolean;
  #controls = 0;
  /** Pings are dropped with all pending messages. */
  #dropped = false;
  #pings = 0;

  constructor(random: Prng) {
    this.#masked = random.bool();
    this.wire = new Sink(random.pick([1, 500, 20_000]));
    const limits = {
      maxPendingPongs: MAX_PENDING_PONGS,
      highWaterMarkBytes: random.pick([200, 5_000, 100_000]),
    };
    this.outbox = new Outbox(
      this.wire,
      limits,
      MEMORY,
      this.#masked ? () => random.int(2 ** 32) | 0 : undefined,
    );
  }

  /** Sends a message that starts with its number, by one of the available methods. */
  send(random: Prng): void {
    if (this.closed) return;
    const size = 4 + random.int(random.pick([1, 30, 500, 500, 17_000, 70_000]));
    const isText = random.bool();
    const payload = Buffer.alloc(size, isText ? 0x61 : 0xf1);
    payload.write(this.accepted.length.toString(36).padStart(4, '0'), 'latin1');
    const opcode = isText ? OPCODE.TEXT : OPCODE.BINARY;
    this.accepted.push({ opcode, payload });
    this.#give(size);
    if (isText && random.bool(0.8)) this.outbox.text(payload.toString('latin1'));
    else if (!this.#masked && random.bool(0.3)) this.outbox.shared(frameOf(opcode, payload));
    else this.outbox.data(opcode, payload);
  }

  control(random: Prng): void {
    const opcode = random.bool() && !this.closed ? OPCODE.PING : OPCODE.PONG;
    const before = this.outbox.waitingBytes;
    const payload = Buffer.alloc(CONTROL_BYTES);
    payload.writeUInt32BE(++this.#controls);
    this.outbox.control(opcode, payload);
    const grown = this.outbox.waitingBytes - before;
    const frameBytes = CONTROL_BYTES + (this.#masked ? 6 : 2);
    // When the wire blocks, all pongs beyond the limit are dropped at once.
    assert.ok(grown <= frameBytes && grown % frameBytes === 0, `a control frame made ${grown} bytes`);
    this.#givenBytes += grown;
    if (!this.closed && opcode === OPCODE.PING) this.#pings++;
  }

  dropOldest(): void {
    if (this.closed) return;
    const before = this.outbox.waitingBytes;
    const dropped = this.outbox.dropOldest();
    assert.equal(before - this.outbox.waitingBytes, dropped);
    if (dropped === 0) return;
    this.droppedMessages++;
    this.droppedBytes += dropped;
  }

  dropWaiting(): void {
    this.#dropped = true;
    const before = this.outbox.waitingBytes;
    this.droppedMessages += this.outbox.dropWaiting();
    this.droppedBytes += before - this.outbox.waitingBytes;
  }

  /** Sends Close. Afterwards only pongs may follow, or nothing. */
  close(random: Prng): void {
    if (this.closed) return;
    this.closed = true;
    const body = Buffer.of(3, 0xe8);
    const bytes = body.length + (this.#masked ? 6 : 2);
    if (random.bool()) {
      this.#givenBytes += bytes;
      this.outbox.closeAfterWaiting(body);
      return;
    }
    this.#givenBytes += bytes;
    this.outbox.closeNow(body);
  }

  /** Checks that accepted bytes equal pending, sent and dropped bytes. */
  balance(): void {
    const { waitingBytes, sentBytes, bufferedBytes } = this.outbox;
    assert.ok(waitingBytes >= 0);
    const charge = bufferedBytes - waitingBytes - this.wire.bufferedBytes;
    assert.ok(charge >= 0 && charge % ENTRY_BYTES === 0, `${charge} bytes for entries`);
    assert.equal(
      waitingBytes + sentBytes + this.droppedBytes,
      this.#givenBytes,
      'pending, sent and dropped bytes add up',
    );
  }

  #give(payloadBytes: number): void {
    this.#givenBytes +=
      payloadBytes + (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10) + (this.#masked ? 4 : 0);
  }

  flush(): void {
    const { outbox } = this;
    for (let chunks = outbox.take(); chunks.length > 0; chunks = outbox.take()) this.wire.write(chunks);
  }

  /** Sends everything, then parses the wire and checks its frames. */
  finish(): void {
    while (this.outbox.waitingBytes > 0) {
      this.wire.take(Infinity);
      this.flush();
    }
    this.balance();
    const { written } = this.wire;
    assert.equal(written.length, this.outbox.sentBytes);
    const frames = readFrames(written);
    const closes = frames.flatMap(({ opcode }, i) => (opcode === OPCODE.CLOSE ? [i] : []));
    assert.equal(closes.length, this.closed ? 1 : 0);
    const behind = this.closed ? frames.slice(closes[0]! + 1) : [];
    assert.ok(
      behind.every(({ opcode }) => opcode === OPCODE.PONG),
      'only pongs come after Close',
    );
    this.#compare(frames.filter(({ opcode }) => opcode < OPCODE.CLOSE));
    const pongs = frames.filter(({ opcode }) => opcode === OPCODE.PONG);
    let newest = 0;
    for (const { payload } of pongs) {
      assert.ok(payload.readUInt32BE() > newest, 'a pong leaves after a newer one');
      newest = payload.readUInt32BE();
    }
    if (!this.#dropped)
      assert.equal(
        frames.filter(({ opcode }) => opcode === OPCODE.PING).length,
        this.#pings,
        'no ping is dropped alone',
      );
    for (const { fin, mask } of frames) assert.deepEqual([fin, mask !== false], [true, this.#masked]);
  }

  #compare(data: readonly DecodedFrame[]): void {
    assert.equal(
      data.length + this.droppedMessages,
      this.accepted.length,
      'messages that were dropped are counted',
    );
    let next = 0;
    for (const { opcode, payload } of data) {
      const number = Number.parseInt(payload.toString('latin1', 0, 4), 36);
      assert.ok(number >= next, `message ${number} after ${next - 1}`);
      next = number + 1;
      assert.equal(opcode, this.accepted[number]?.opcode);
      assert.ok(payload.equals(this.accepted[number]!.payload), `message ${number} has changed`);
    }
  }
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.of(0x80 | opcode, length)
      : length < 65_536
        ? Buffer.of(0x80 | opcode, 126, length >> 8, length & 0xff)
        : Buffer.of(0x80 | opcode, 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff);
  return Buffer.concat([head, payload]);
}

/**
 * Sends, drops, pings and closes at random over wires that accept nothing, a part or everything. Two outboxes at a time share the
 * packing table. Invariants:
 * - The wire carries whole, unchanged frames in the order of the calls, and only pongs after Close.
 * - Every missing frame was dropped and counted.
 * - Pending, sent and dropped bytes add up after every step.
 * - Of control frames only pongs are dropped, oldest first, and they leave in order.
 * @throws Error that names seed and iteration.
 */
export function fuzzOutbox(seed: number, iterations: number): void {
  const random = prng(seed);
  // One pass is a hundred steps of two outboxes.
  for (let iteration = 0; iteration < iterations / 20; iteration++) {
    const benches = [new Bench(random), new Bench(random)];
    const drops = random.bool(0.6);
    try {
      for (let step = random.int(120); step > 0; step--) {
        const bench = random.pick(benches);
        const kind = random.int(13);
        if (kind < 5) bench.send(random);
        else if (kind < 7) bench.control(random);
        else if (kind === 7) bench.flush();
        else if (kind === 8) bench.wire.take(random.int(30_000));
        else if (kind === 9) bench.wire.take(Infinity);
        else if (kind === 10 && drops) bench.dropOldest();
        else if (kind === 11 && random.bool(0.1)) bench.close(random);
        else if (kind === 12 && drops && !bench.closed && random.bool(0.1)) bench.dropWaiting();
        for (const each of benches) each.balance();
      }
      for (const bench of benches) bench.finish();
    } catch (error) {
      throw new Error(`seed ${seed}, iteration ${iteration}`, { cause: error });
    }
  }
}
