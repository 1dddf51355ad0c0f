import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../../src/protocol/constants.ts';
import { eventLoopTurns, readFrames, seededRandom } from '../../../src/testing/index.ts';
import { ProtocolMemory } from '../../../src/protocol/memory.ts';
import { Outbox } from '../../../src/protocol/outgoing/outbox.ts';
import type { Wire } from '../../../src/protocol/outgoing/wire.ts';
import { live } from '../../server/live.ts';

/** Expected type and first bytes of each data frame, in order. */
interface Sent {
  readonly opcode: number;
  readonly data: Buffer;
}

for (let seed = 1; seed <= 25; seed++) {
  test(`TS-09 FB-03 BC-04: everything sent over a wire that cuts and stalls arrives whole and in order (seed ${seed})`, async (t) => {
    const { server, join } = live(t, {
      maxBufferedBytes: 100_000_000,
      highWaterMarkBytes: 5_000 + seed * 3_000,
      heartbeat: false,
      idleTimeoutMs: false,
      writeTimeoutMs: 1_000_000,
    });
    const random = seededRandom(seed);
    const upTo = (max: number): number => Math.floor(random.fraction() * max);
    const peers = [await join(), await join()];
    const expected: Sent[][] = [[], []];
    const pings: number[] = [0, 0];
    // Mostly small messages, some near each limit of the packing, some far above it.
    const size = (): number => [upTo(20), upTo(200), upTo(20_000), 16_383 + upTo(3), upTo(150_000)][upTo(5)]!;
    const payload = (n: number): string | Buffer =>
      random.fraction() < 0.5 ? '€x'.repeat(n / 4) : Buffer.from(random.bytes(n));
    const sent = (data: string | Buffer): Sent =>
      typeof data === 'string'
        ? { opcode: OPCODE.TEXT, data: Buffer.from(data) }
        : { opcode: OPCODE.BINARY, data };
    for (let step = 0; step < 120; step++) {
      const at = upTo(2);
      const { connection, wire } = peers[at]!;
      const data = payload(size());
      switch (upTo(7)) {
        case 0:
        case 1:
        case 2:
          connection.send(data);
          expected[at]!.push(sent(data));
          break;
        case 3:
          server.broadcast(data);
          for (const list of expected) list.push(sent(data));
          break;
        case 4:
          connection.ping(`p${pings[at]!++}`);
          break;
        case 5:
          wire.toClient.cutInto([1_000, 7_777, Infinity][upTo(3)]!);
          break;
        default:
          await eventLoopTurns(upTo(4));
      }
    }
    for (const [at, { raw, connection }] of peers.entries()) {
      connection.close(4000);
      const pingsSeen = new Set<string>();
      let dataSeen = 0;
      for (;;) {
        const frame = await raw.nextFrame();
        if (frame.opcode === OPCODE.CLOSE) break;
        if (frame.opcode === OPCODE.PING) {
          // A ping that waits for a blocked socket overtakes data, together with pings that were packed with the data.
          pingsSeen.add(frame.payload.toString());
          continue;
        }
        const wanted = expected[at]![dataSeen++];
        assert.equal(frame.opcode, wanted?.opcode);
        assert.equal(
          Buffer.compare(frame.payload, wanted!.data),
          0,
          `message ${dataSeen} of ${expected[at]!.length}`,
        );
      }
      assert.equal(dataSeen, expected[at]!.length);
      assert.deepEqual([...pingsSeen].sort(), Array.from({ length: pings[at]! }, (_, i) => `p${i}`).sort());
      assert.equal(connection.bufferedBytes, 0);
      assert.equal(connection.messagesSent, dataSeen);
    }
  });
}

/** A transport below that accepts nothing, but does not report that it is blocked. */
const full: Wire = { bufferedBytes: 10, blocked: false, needsCopies: false };

for (const [role, nextKey] of [
  ['server', undefined],
  ['client', () => 0x01020304],
] as const) {
  test(`BP-05 EV-11: a ${role}'s messages in one packed block are dropped and counted one by one`, () => {
    const outbox = new Outbox(
      full,
      { maxPendingPongs: 8, highWaterMarkBytes: 10 },
      new ProtocolMemory(),
      nextKey,
    );
    const lengths = [5, 125, 126, 65_535, 65_536];
    outbox.control(OPCODE.PING, Buffer.from('kept'));
    outbox.text('x'.repeat(5));
    outbox.control(OPCODE.PING, Buffer.from('kept'));
    for (const length of lengths.slice(1)) outbox.data(OPCODE.BINARY, Buffer.alloc(length));
    assert.equal(outbox.take().length, 0);
    const headers = [2, 2, 4, 4, 10].map((bytes) => bytes + (nextKey === undefined ? 0 : 4));
    const before = outbox.waitingBytes;
    assert.deepEqual(
      [outbox.dropOldest(), outbox.dropOldest(), outbox.dropOldest()],
      [5 + headers[0]!, 125 + headers[1]!, 126 + headers[2]!],
    );
    assert.equal(outbox.dropWaiting(), 2);
    assert.equal(outbox.waitingBytes, 0);
    assert.equal(
      before,
      lengths.reduce((sum, bytes, i) => sum + bytes + headers[i]!, 2 * (headers[0]! + 4)),
    );
    outbox.control(OPCODE.PING, Buffer.from('alone'));
    assert.equal(outbox.dropOldest(), 0, 'a ping is no message');
    outbox.clear();
  });
}

/** Takes no more while `blocked`. */
class Valve implements Wire {
  blocked = false;
  readonly needsCopies = false;
  readonly bufferedBytes = 0;
}

function written(outbox: Outbox): Buffer {
  const all: Uint8Array[] = [];
  for (let chunks = outbox.take(); chunks.length > 0; chunks = outbox.take()) all.push(...chunks);
  return Buffer.concat(all);
}

test('§5.5.3: pongs that are packed with pending messages keep their order and their limit once the socket blocks', () => {
  const valve = new Valve();
  const outbox = new Outbox(valve, { maxPendingPongs: 3, highWaterMarkBytes: 1_000 }, new ProtocolMemory());
  outbox.text('first');
  for (const name of ['0', '1', '2']) outbox.control(OPCODE.PONG, Buffer.from(name));
  outbox.control(OPCODE.PING, Buffer.from('ping'));
  outbox.text('second');
  valve.blocked = true;
  outbox.control(OPCODE.PONG, Buffer.from('3'));
  valve.blocked = false;
  outbox.control(OPCODE.PONG, Buffer.from('4'));
  outbox.closeNow(Buffer.alloc(0));
  outbox.control(OPCODE.PONG, Buffer.from('5'));
  const bytes = written(outbox);
  assert.equal(outbox.waitingBytes, 0);
  assert.deepEqual(
    readFrames(bytes).map(({ opcode, payload }) => [opcode, payload.toString()]),
    [
      [OPCODE.PONG, '2'],
      [OPCODE.PING, 'ping'],
      [OPCODE.PONG, '3'],
      [OPCODE.TEXT, 'first'],
      [OPCODE.TEXT, 'second'],
      [OPCODE.PONG, '4'],
      [OPCODE.CLOSE, ''],
    ],
  );
});

test('TS-09: more small messages than the packing table holds leave whole and in order', () => {
  const valve = new Valve();
  const outbox = new Outbox(
    valve,
    { maxPendingPongs: 3, highWaterMarkBytes: 10_000_000 },
    new ProtocolMemory(),
  );
  for (let i = 0; i < 200; i++) outbox.data(OPCODE.BINARY, Buffer.alloc(1_000, i));
  const frames = readFrames(written(outbox));
  assert.equal(frames.length, 200);
  assert.ok(frames.every(({ payload }, i) => payload.equals(Buffer.alloc(1_000, i))));
});

test('§5.5.1 TS-09: a Close packed after messages leaves after them, also when another connection needs the table', () => {
  for (const body of [Buffer.alloc(0), Buffer.of(3, 232), Buffer.from('\x03\xe8reason', 'latin1')]) {
    const memory = new ProtocolMemory();
    const limits = { maxPendingPongs: 3, highWaterMarkBytes: 1_000 };
    const [closing, other] = [
      new Outbox(new Valve(), limits, memory),
      new Outbox(new Valve(), limits, memory),
    ];
    closing.text('last words');
    closing.closeNow(body);
    other.text('of another connection, written over the same memory');
    assert.deepEqual(
      readFrames(written(closing)).map(({ opcode, payload }) => [opcode, payload.toString('latin1')]),
      [
        [OPCODE.TEXT, 'last words'],
        [OPCODE.CLOSE, body.toString('latin1')],
      ],
    );
    assert.equal(readFrames(written(other)).length, 1);
    assert.deepEqual([closing.waitingBytes, other.waitingBytes], [0, 0]);
  }
});

test('§5.5.1: a Close waits behind messages while the socket is blocked', () => {
  const valve = new Valve();
  const outbox = new Outbox(valve, { maxPendingPongs: 3, highWaterMarkBytes: 1_000 }, new ProtocolMemory());
  valve.blocked = true;
  outbox.text('first');
  outbox.closeNow(Buffer.of(3, 232));
  assert.deepEqual(outbox.take(), []);
  valve.blocked = false;
  assert.deepEqual(
    readFrames(written(outbox)).map(({ opcode }) => opcode),
    [OPCODE.TEXT, OPCODE.CLOSE],
  );
});
