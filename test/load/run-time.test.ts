import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadError } from '../../src/load/load-plan.ts';
import { RunTime } from '../../src/load/run-time.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const FAILURE = new LoadError('all connections were lost');

for (const [how, end, fails] of [
  ['its time', (_: RunTime, clock: VirtualClock) => clock.advance(1_000), false],
  ['an interruption', (time: RunTime) => time.interrupt(), false],
  ['a failure', (time: RunTime) => time.fail(FAILURE), true],
] as const) {
  test(`CM-06: a wait ends with ${how} and leaves no timer`, async () => {
    const clock = new VirtualClock();
    const time = new RunTime(clock);
    let ended = false;
    const wait = time.wait(1_000).finally(() => (ended = true));
    clock.advance(999);
    await Promise.resolve();
    assert.equal(ended, false);
    end(time, clock);
    if (fails) await assert.rejects(wait, FAILURE);
    else await wait;
    assert.equal(clock.pendingTimers, 0);
  });
}

test('CM-06: waits end at once after the end of a run, and the first failure counts', async () => {
  const clock = new VirtualClock();
  const time = new RunTime(clock);
  time.interrupt();
  await time.wait(1_000);
  time.fail(FAILURE);
  time.fail(new LoadError('and another'));
  await assert.rejects(time.wait(1_000), FAILURE);
  assert.equal(clock.pendingTimers, 0);
});

test('CM-06: missing answers fail the run; answers in time do not', () => {
  const clock = new VirtualClock();
  const time = new RunTime(clock);
  let [waiting, lastMs] = [true, 0];
  const stop = time.watch({ waiting: () => waiting }, () => lastMs, 1_000, '; is it an echo server?');
  for (let i = 0; i < 10; i++) {
    clock.advance(900);
    lastMs = clock.now();
  }
  waiting = false;
  clock.advance(10_000);
  assert.equal(time.error, undefined, 'no message is unanswered');
  waiting = true;
  clock.advance(250);
  assert.match(String(time.error), /the server has not answered for 1000 ms; is it an echo server\?$/);
  assert.equal(time.signal.aborted, true);
  stop();
  assert.equal(clock.pendingTimers, 0);
});
