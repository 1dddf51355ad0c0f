import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

test('TK-01 a virtual clock runs timers by due time, then in the order they were set', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const set = (name: string, delayMs: number) =>
    clock.setTimer(() => ran.push(`${name}@${clock.now()}`), delayMs);
  set('c', 30);
  set('a', 10);
  set('d', 30);
  set('b', 20);
  set('late', 31);
  clock.advance(30);
  assert.deepEqual(ran, ['a@10', 'b@20', 'c@30', 'd@30']);
  assert.equal(clock.pendingTimers, 1);
  assert.equal(clock.nextTimerMs, 31);
  clock.advanceTo(31);
  assert.equal(ran.at(-1), 'late@31');
  assert.equal(clock.nextTimerMs, undefined);
});

test('TK-01 timers set while the clock advances run in the same advance if they fall due', () => {
  const clock = new VirtualClock({ nowMs: 100 });
  const ran: number[] = [];
  const again = () => {
    ran.push(clock.now());
    clock.setTimer(again, 40);
  };
  again();
  clock.advance(100);
  assert.deepEqual(ran, [100, 140, 180]);
  assert.equal(clock.now(), 200);
  assert.equal(clock.pendingTimers, 1);
});

test('TK-01 a timer can clear another one that is due at the same time, and one that has run', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const first = clock.setTimer(() => {
    ran.push('first');
    clock.clearTimer(second);
    clock.clearTimer(first);
  }, 5);
  const second = clock.setTimer(() => ran.push('second'), 5);
  clock.setTimer(() => ran.push('third'), 5);
  clock.clearTimer(undefined);
  clock.advance(5);
  assert.deepEqual(ran, ['first', 'third']);
  assert.equal(clock.pendingTimers, 0);
});

test('TK-01 stall lets time pass: timers that fell due run late, in order, on the next advance', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.setTimer(() => ran.push(`b@${clock.now()}`), 20);
  clock.setTimer(() => ran.push(`a@${clock.now()}`), 10);
  clock.setTimer(() => ran.push(`c@${clock.now()}`), 1_005);
  clock.stall(1_000);
  assert.deepEqual(ran, []);
  assert.equal(clock.now(), 1_000);
  clock.advance(0);
  assert.deepEqual(ran, ['a@1000', 'b@1000']);
  clock.advance(5);
  assert.equal(ran.at(-1), 'c@1005');
});

test('TK-01 a callback that stalls delays the timers after it and the end of the advance', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.setTimer(() => clock.stall(50), 10);
  clock.setTimer(() => ran.push(`b@${clock.now()}`), 20);
  clock.setTimer(() => ran.push(`c@${clock.now()}`), 55);
  clock.advance(30);
  assert.deepEqual(ran, ['b@60', 'c@60']);
  assert.equal(clock.now(), 60);
});

test('TK-01 wall time advances with the clock, and setting it does not affect timers', () => {
  const clock = new VirtualClock({ nowMs: 7, wallMs: 1_000_000 });
  let ran = 0;
  clock.setTimer(() => ran++, 60_000);
  assert.equal(clock.wallNow(), 1_000_000);
  clock.advance(10);
  assert.equal(clock.wallNow(), 1_000_010);
  clock.setWall(5);
  assert.equal(clock.wallNow(), 5);
  assert.equal(clock.now(), 17);
  clock.setWall(999_999_999);
  assert.equal(ran, 0);
  clock.stall(1);
  assert.equal(clock.wallNow(), 1_000_000_000);
});

test('TK-01 a delay below 1 ms counts as 1 ms, so a timer that sets itself again cannot stop the clock', () => {
  const clock = new VirtualClock();
  let ran = 0;
  const again = () => {
    ran++;
    clock.setTimer(again, 0);
  };
  clock.setTimer(again, -5);
  clock.advance(0);
  assert.equal(ran, 0);
  clock.advance(3);
  assert.equal(ran, 3);
});

test('TK-01 advance throws the error of a callback at its time; the clock works afterwards', () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.setTimer(() => {
    throw new Error('of the callback');
  }, 10);
  clock.setTimer(() => ran.push('next'), 20);
  assert.throws(() => clock.advance(100), /of the callback/);
  assert.equal(clock.now(), 10);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(10);
  assert.deepEqual(ran, ['next']);
});

const misuses: [string, string, (clock: VirtualClock) => unknown][] = [
  ['a negative advance', 'ERR_ARGUMENT', (clock) => clock.advance(-1)],
  ['an infinite advance', 'ERR_ARGUMENT', (clock) => clock.advance(Number.POSITIVE_INFINITY)],
  ['an advance into the past', 'ERR_ARGUMENT', (clock) => clock.advanceTo(clock.now() - 1)],
  ['an advance to NaN', 'ERR_ARGUMENT', (clock) => clock.advanceTo(Number.NaN)],
  ['a negative stall', 'ERR_ARGUMENT', (clock) => clock.stall(-1)],
  ['a wall time of NaN', 'ERR_ARGUMENT', (clock) => clock.setWall(Number.NaN)],
  ['a delay of NaN', 'ERR_ARGUMENT', (clock) => clock.setTimer(() => {}, Number.NaN)],
  ['a delay beyond 2^31 - 1 ms', 'ERR_ARGUMENT', (clock) => clock.setTimer(() => {}, 2 ** 31)],
  ['a start time of NaN', 'ERR_ARGUMENT', () => new VirtualClock({ nowMs: Number.NaN })],
  [
    'an advance inside a timer',
    'ERR_STATE',
    (clock) => {
      clock.setTimer(() => clock.advance(1), 1);
      clock.advance(1);
    },
  ],
];
for (const [what, code, misuse] of misuses) {
  test(`TK-01 virtual clock: ${what} is misuse`, () => {
    const clock = new VirtualClock({ nowMs: 50 });
    assert.throws(() => misuse(clock), { name: 'MisuseError', code });
  });
}
