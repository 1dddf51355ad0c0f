import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  Lane,
  LOOK_MS,
  MAX_QUEUED_BYTES,
  WINDOW_PARCELS,
} from '../../../src/cluster/engines/workers/lane.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

const DEAD_MS = 10_000;

/** One side of a channel. `turn` ends a turn; what it sent is in `parcels` until `deliver`. */
class Side {
  readonly lane: Lane;
  readonly parcels: Uint8Array[] = [];
  readonly heads: unknown[] = [];
  readonly bodies: string[] = [];
  overflows = 0;
  deaths = 0;
  #soon: (() => void)[] = [];

  constructor(clock: VirtualClock, isHub: boolean) {
    this.lane = new Lane({
      clock,
      soon: (callback) => void this.#soon.push(callback),
      send: (parcel) => void this.parcels.push(parcel),
      received: ({ head, body }) => {
        this.heads.push(head[0]);
        this.bodies.push(body.toString());
      },
      overflowed: isHub ? () => void this.overflows++ : undefined,
      dead: isHub ? { deadMs: DEAD_MS, call: () => void this.deaths++ } : undefined,
    });
  }

  push(kind: string, body = ''): void {
    this.lane.push(JSON.stringify([kind, 1]), body === '' ? [] : [Buffer.from(body)]);
  }

  turn(): void {
    for (const callback of this.#soon.splice(0)) callback();
  }

  /** Delivers what this side has sent. @returns How many parcels. */
  deliverTo(other: Side): number {
    const sent = this.parcels.splice(0);
    for (const parcel of sent) other.lane.receive(parcel);
    return sent.length;
  }
}

function pair(): { clock: VirtualClock; worker: Side; hub: Side } {
  const clock = new VirtualClock();
  return { clock, worker: new Side(clock, false), hub: new Side(clock, true) };
}

test('SC-02 records of one turn leave in one IPC message, in order, with their bodies', () => {
  const { worker, hub } = pair();
  for (const kind of ['a', 'b ü', 'c']) worker.push(kind, `body of ${kind}`);
  assert.equal(worker.parcels.length, 0);
  worker.turn();
  assert.equal(worker.deliverTo(hub), 1);
  assert.deepEqual(hub.heads, ['a', 'b ü', 'c']);
  assert.deepEqual(hub.bodies, ['body of a', 'body of b ü', 'body of c']);
});

test('SC-02 at most 64 IPC messages are unacknowledged; an acknowledgement lets the next leave', () => {
  const { worker, hub } = pair();
  for (let i = 0; i < 100; i++) {
    worker.push(`${i}`);
    worker.turn();
  }
  assert.equal(worker.deliverTo(hub), WINDOW_PARCELS);
  hub.turn();
  assert.equal(hub.deliverTo(worker), 1, 'it acknowledges all of them in one message');
  worker.turn();
  assert.equal(worker.deliverTo(hub), 1, 'what waited is one message');
  assert.deepEqual(
    hub.heads,
    Array.from({ length: 100 }, (_, i) => `${i}`),
  );
});

test('SC-02 at most 1 MiB is unacknowledged; a record that is larger leaves alone', () => {
  const { worker, hub } = pair();
  for (let i = 0; i < 4; i++) worker.push(`${i}`, 'x'.repeat(400_000));
  worker.turn();
  assert.equal(worker.parcels.length, 1);
  assert.ok(worker.parcels[0]!.length < 1_048_576);
  worker.deliverTo(hub);
  assert.deepEqual(hub.heads, ['0', '1']);
  worker.push('large', 'x'.repeat(3_000_000));
  for (let i = 0; i < 4; i++) {
    hub.turn();
    hub.deliverTo(worker);
    worker.turn();
    worker.deliverTo(hub);
  }
  assert.deepEqual(hub.heads, ['0', '1', '2', '3', 'large']);
});

test('SC-02 a quiet side acknowledges within 250 ms, and an acknowledgement is not acknowledged', () => {
  const { clock, worker, hub } = pair();
  worker.push('a');
  worker.turn();
  worker.deliverTo(hub);
  clock.advance(250);
  assert.equal(hub.deliverTo(worker), 1);
  clock.advance(1_000);
  assert.deepEqual([worker.parcels.length, hub.parcels.length], [0, 0]);
});

test('SC-02 a worker that acknowledges nothing for 10 s is dead; one that was asked and answers is not', () => {
  const { clock, worker, hub } = pair();
  for (let i = 0; i < 10; i++) {
    clock.advance(LOOK_MS);
    hub.deliverTo(worker);
    clock.advance(250);
    worker.deliverTo(hub);
  }
  assert.equal(hub.deaths, 0);
  hub.push('a');
  hub.turn();
  for (let i = 0; i < 3; i++) clock.advance(LOOK_MS);
  assert.equal(hub.deaths, 0, 'after 7.5 s');
  for (let i = 0; i < 3; i++) clock.advance(LOOK_MS);
  assert.ok(hub.deaths > 0, 'after 15 s');
});

test('SC-02 time in which the hub itself stood still does not count', () => {
  const { clock, hub } = pair();
  hub.push('a');
  hub.turn();
  clock.stall(3_600_000);
  clock.advance(0);
  assert.equal(hub.deaths, 0);
  for (let i = 0; i < 5; i++) clock.advance(LOOK_MS);
  assert.ok(hub.deaths > 0);
});

test('SC-02 over 8 MiB for one worker the hub drops the queue and says so; the worker has no such limit', () => {
  const { worker, hub } = pair();
  const part = 'x'.repeat(1_000_000);
  for (const side of [worker, hub]) {
    for (let i = 0; i < 12; i++) {
      side.push(`${i}`, part);
      if (i === 0) side.turn();
    }
  }
  assert.equal(hub.overflows, 1);
  assert.ok(hub.lane.queuedBytes <= MAX_QUEUED_BYTES);
  assert.equal(worker.overflows, 0);
  assert.ok(worker.lane.queuedBytes > MAX_QUEUED_BYTES);
});

for (const [when, fill] of [
  [
    'the window is full of parcels',
    (hub: Side) => {
      for (let i = 0; i < 70; i++) {
        hub.push(`${i}`);
        hub.turn();
      }
    },
  ],
  ['records of the same turn fill the window', (hub: Side) => hub.push('large', 'x'.repeat(1_048_500))],
] as const)
  test(`SC-02 a record that has to wait does not hold the memory that it came in: ${when}`, () => {
    const { worker, hub } = pair();
    const large = Buffer.alloc(1_048_576, 'a');
    fill(hub);
    hub.lane.push('["x",1]', [large.subarray(0, 100)]);
    hub.turn();
    large.fill('b');
    for (let i = 0; i < 4; i++) {
      hub.deliverTo(worker);
      worker.turn();
      worker.deliverTo(hub);
      hub.turn();
    }
    assert.equal(worker.bodies.at(-1), 'a'.repeat(100));
  });

test('SC-02 a look in the turn of a record larger than the window does not make the record wait', () => {
  const { clock, worker, hub } = pair();
  hub.push('large', 'x'.repeat(2_000_000));
  clock.advance(LOOK_MS);
  hub.turn();
  hub.deliverTo(worker);
  assert.deepEqual(worker.heads, ['large']);
});

test('SC-06 a parcel that is cut at any place, or continues, is refused', () => {
  const { worker } = pair();
  worker.push('abc', 'body');
  worker.turn();
  const [parcel] = worker.parcels as [Uint8Array];
  // Its first five bytes are a parcel without records.
  for (let end = 0; end < parcel.length; end++) {
    if (end === 5) continue;
    const { hub } = pair();
    assert.throws(() => hub.lane.receive(parcel.subarray(0, end)), { code: 'ERR_ENGINE_MESSAGE' }, `${end}`);
  }
  const { hub } = pair();
  assert.throws(() => hub.lane.receive(Buffer.concat([parcel, Buffer.of(0)])), {
    code: 'ERR_ENGINE_MESSAGE',
  });
});

for (const [what, parcel] of [
  ['acknowledges what was not sent', Buffer.from([0, 0, 0, 1, 0])],
  ['has another kind', Buffer.from([0, 0, 0, 0, 2])],
  ['has a record whose head is no array', Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 3, 0x7b, 0x7d, 0x0a])],
] as const)
  test(`SC-06 a parcel that ${what} is refused`, () => {
    assert.throws(() => pair().hub.lane.receive(parcel), { code: 'ERR_ENGINE_MESSAGE' });
  });
