import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../src/testing/index.ts';
import { type DeadlineOwner, DeadlineQueue } from '../../src/engine/deadlines.ts';

/** Resolution of deadlines, in ms. */
const SLOT_MS = 50;

class Owner implements DeadlineOwner {
  deadlineSlot = -1;
  readonly calls: number[] = [];
  readonly #queue: DeadlineQueue;
  constructor(queue: DeadlineQueue) {
    this.#queue = queue;
  }
  deadlineReached(): void {
    this.calls.push(this.#queue.now());
  }
  failed(error: unknown): void {
    throw error;
  }
}

function open() {
  const clock = new VirtualClock();
  const queue = new DeadlineQueue(clock);
  return { clock, queue, owner: () => new Owner(queue) };
}

test('HB-08: a deadline is reached once, at most a slot late, never early, and leaves no timer', () => {
  const { clock, queue, owner } = open();
  for (const ms of [1, 49, 50, 51, 99, 100, 1_234]) {
    const one = owner();
    const start = queue.now();
    queue.plan(one, start + ms);
    assert.equal(clock.pendingTimers, 1);
    clock.advance(ms - 1);
    assert.deepEqual(one.calls, []);
    clock.advance(SLOT_MS + 1);
    assert.equal(one.calls.length, 1, `${ms} ms`);
    assert.ok(one.calls[0]! >= start + ms && one.calls[0]! <= start + ms + SLOT_MS);
    assert.equal(clock.pendingTimers, 0);
    assert.equal(queue.size, 0);
  }
});

test('HB-08: plan moves a deadline, planBy moves it only to an earlier time, cancel removes it', () => {
  const { clock, queue, owner } = open();
  const [moved, kept, gone] = [owner(), owner(), owner()];
  queue.plan(moved, 100);
  queue.plan(moved, 500);
  queue.plan(kept, 200);
  queue.planBy(kept, 900);
  queue.plan(gone, 300);
  queue.cancel(gone);
  queue.cancel(gone);
  clock.advance(250);
  assert.deepEqual([moved.calls.length, kept.calls.length], [0, 1]);
  clock.advance(1_000);
  assert.deepEqual([moved.calls.length, kept.calls.length, gone.calls.length], [1, 1, 0]);
});

test('HB-08: ten thousand owners share one timer, and closing them all leaves none', () => {
  const { clock, queue, owner } = open();
  const random = seededRandom(1);
  const owners = Array.from({ length: 10_000 }, owner);
  for (const one of owners) queue.plan(one, 1_000 + random.fraction() * 30_000);
  assert.equal(clock.pendingTimers, 1);
  assert.equal(queue.size, 10_000);
  for (const one of owners) queue.cancel(one);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(queue.size, 0);
});

test('HB-08: owners beyond the size of one slice are called in later turns of the timer', () => {
  const { clock, queue, owner } = open();
  const owners = Array.from({ length: 3_500 }, owner);
  for (const one of owners) queue.plan(one, 100);
  clock.advance(100);
  const first = owners.filter(({ calls }) => calls.length > 0).length;
  assert.ok(first < owners.length, 'one tick does not take them all');
  clock.advance(10);
  assert.ok(owners.every(({ calls }) => calls.length === 1));
});

/** Longest time between two readings of the clock, in ms: a deadline may be that much late. */
const LOOK_MS = 1_000;

for (const limitMs of [3_000, 10_000, 60_000]) {
  for (const stallMs of [2_000, 5_000, 60_000, 86_400_000]) {
    for (const share of [0, 0.1, 0.5, 0.9, 0.999]) {
      test(`HB-06: a deadline of ${limitMs} ms with a stall of ${stallMs} ms after ${share * 100} % of it keeps its remaining time`, () => {
        const { clock, queue, owner } = open();
        const one = owner();
        queue.plan(one, limitMs);
        const beforeMs = Math.floor(limitMs * share);
        clock.advance(beforeMs);
        clock.stall(stallMs);
        clock.advance(0);
        const leftMs = limitMs - beforeMs;
        clock.advance(leftMs - 1);
        assert.equal(one.calls.length, 0, 'not before');
        clock.advance(LOOK_MS + 2 * SLOT_MS);
        assert.equal(one.calls.length, 1);
      });
    }
  }
}

test('HB-06: a stall that a call of now detects before any timer runs is excused to the millisecond', () => {
  const { clock, queue, owner } = open();
  const one = owner();
  queue.plan(one, 1_000);
  clock.advance(400);
  assert.equal(queue.now(), 400);
  clock.stall(5_000);
  assert.equal(queue.now(), 400, 'time stood still');
  clock.advance(599);
  assert.equal(one.calls.length, 0);
  clock.advance(SLOT_MS + 1);
  assert.equal(one.calls.length, 1);
});

test('HB-06: a second stall, after a time without stalls, is fully excused, too', () => {
  const { clock, queue, owner } = open();
  queue.plan(owner(), 60_000);
  for (const beforeMs of [1_000, 4_000]) {
    clock.advance(beforeMs);
    const nowMs = queue.now();
    clock.stall(5_000);
    assert.equal(queue.now(), nowMs);
  }
});

test('HB-06: time never goes back, whenever it is read and however long the process is stalled', () => {
  const random = seededRandom(35);
  const { clock, queue, owner } = open();
  let beforeMs = queue.now();
  for (let i = 0; i < 3_000; i++) {
    const ms = Math.floor(random.fraction() ** 4 * 5_000);
    if (random.fraction() < 0.3) queue.plan(owner(), queue.now() + random.fraction() * 20_000);
    if (random.fraction() < 0.5) clock.stall(ms);
    else clock.advance(ms);
    if (random.fraction() < 0.7) {
      const nowMs = queue.now();
      assert.ok(nowMs >= beforeMs, `${nowMs} after ${beforeMs}`);
      beforeMs = nowMs;
    }
  }
});

test('HB-06: a deadline that is due after a stall waits until pending input could be read', () => {
  const { clock, queue, owner } = open();
  const one = owner();
  queue.plan(one, 1_000);
  clock.advance(999);
  queue.now();
  clock.stall(60_000);
  clock.advance(0);
  assert.deepEqual(one.calls, []);
  clock.advance(SLOT_MS - 1);
  assert.deepEqual(one.calls, []);
  clock.advance(1);
  assert.equal(one.calls.length, 1);
});

test('HB-06: a timer that fires early, as in Node after a blocked turn, reaches no deadline too early', () => {
  const clock = new VirtualClock();
  let early: () => void = () => {};
  const setTimer = (callback: () => void, ms: number): unknown => {
    early = callback;
    return clock.setTimer(callback, ms);
  };
  const queue = new DeadlineQueue({
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    clearTimer: (timer) => clock.clearTimer(timer),
    setTimer,
  });
  const one = new Owner(queue);
  queue.plan(one, 1_000);
  clock.advance(990);
  queue.now();
  clock.stall(5_000);
  queue.now();
  early();
  early();
  assert.deepEqual(one.calls, []);
  clock.advance(2 * SLOT_MS);
  assert.equal(one.calls.length, 1);
});

test('HB-06: deadlines are reached even if every turn is blocked and reads the clock', () => {
  const { clock, queue, owner } = open();
  const one = owner();
  queue.plan(one, 2_000);
  for (let i = 0; i < 60 && one.calls.length === 0; i++) {
    clock.stall(1_000);
    queue.now();
    clock.advance(1);
    queue.now();
  }
  assert.equal(one.calls.length, 1);
});

test('HB-08: far deadlines wake the process once a second at most, near ones four times', () => {
  for (const [limitMs, most] of [
    [60_000, 60],
    [4_000, 16],
  ] as const) {
    const { clock, queue, owner } = open();
    queue.plan(owner(), queue.now() + limitMs);
    let wakes = 0;
    // The last seconds of a far deadline are planned like a near one.
    while (clock.nextTimerMs !== undefined) {
      clock.advanceTo(clock.nextTimerMs);
      wakes++;
    }
    assert.ok(wakes <= most * 1.6 + 4, `${wakes} for ${limitMs} ms`);
  }
});

test('HB-06: a process that is always late still reaches its deadlines', () => {
  const { clock, queue, owner } = open();
  const one = owner();
  queue.plan(one, 1_000);
  for (let i = 0; i < 20 && one.calls.length === 0; i++) {
    clock.stall(1_000);
    clock.advance(1);
  }
  assert.equal(one.calls.length, 1);
});

test('GN-03: while it is called, an owner may plan any deadline, or cancel one of the same slot', () => {
  const { clock, queue } = open();
  const calls: string[] = [];
  const victim: DeadlineOwner = {
    deadlineSlot: -1,
    deadlineReached: () => void calls.push('victim'),
    failed: () => {},
  };
  const again: DeadlineOwner = {
    deadlineSlot: -1,
    failed: () => {},
    deadlineReached: () => {
      calls.push('again');
      queue.cancel(victim);
      if (calls.length < 3) queue.plan(again, queue.now() + 100);
    },
  };
  queue.plan(again, 100);
  queue.plan(victim, 100);
  clock.advance(1_000);
  assert.deepEqual(calls, ['again', 'again', 'again']);
  assert.equal(clock.pendingTimers, 0);
});

test('GN-03: an owner that throws gets the error, and all other deadlines are reached as planned', () => {
  const { clock, queue } = open();
  const seen: string[] = [];
  const make = (name: string, throws: boolean): DeadlineOwner => ({
    deadlineSlot: -1,
    deadlineReached: () => {
      seen.push(name);
      if (throws) throw new Error(name);
    },
    failed: (error) => {
      seen.push(`failed: ${(error as Error).message}`);
      throw new Error('once more');
    },
  });
  const owners = [make('a', false), make('b', true), make('c', false), make('d', true), make('e', false)];
  for (const owner of owners.slice(0, 3)) queue.plan(owner, 100);
  for (const owner of owners.slice(3)) queue.plan(owner, 200);
  clock.advance(200);
  assert.deepEqual(seen, ['a', 'b', 'failed: b', 'c', 'd', 'failed: d', 'e']);
  assert.deepEqual([queue.size, clock.pendingTimers], [0, 0]);
  queue.plan(owners[0]!, queue.now() + 100);
  clock.advance(150);
  assert.equal(seen.at(-1), 'a');
});
