import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BreakerState,
  CircuitBreaker,
  CircuitBreakerError,
  type CircuitBreakerOptions,
  MisuseError,
} from '../../src/index.ts';
import { eventLoopTurns, VirtualClock } from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';

const broken = new Error('the service is broken');
const fails = (): never => {
  throw broken;
};
const rejects = (): Promise<never> => Promise.reject(broken);

function breakerOn(options: CircuitBreakerOptions = {}) {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker({ clock, minCalls: 4, ...options });
  const changes: (readonly [BreakerState, BreakerState])[] = [];
  breaker.on('stateChange', (next, previous) => void changes.push([next, previous]));
  return { clock, breaker, changes };
}

/** A promise and the function that resolves it. */
function pendingText() {
  let resolve = (_text: string): void => {};
  const promise = new Promise<string>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function open(breaker: CircuitBreaker): Promise<void> {
  for (let i = 0; i < 4; i++) await assert.rejects(breaker.run(rejects), broken);
  assert.equal(breaker.state, 'open');
}

const isRefusal = (retryAfterMs: number) => (error: unknown) =>
  error instanceof CircuitBreakerError && error.code === 'open' && error.retryAfterMs === retryAfterMs;

test('LC-07 run passes on results and errors, and leaves no timer', async () => {
  const { clock, breaker } = breakerOn({ minCalls: 5 });
  assert.equal(await breaker.run(() => 7), 7);
  assert.equal(await breaker.run(async () => 'late'), 'late');
  await assert.rejects(breaker.run(fails), broken);
  await assert.rejects(breaker.run(rejects), broken);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(breaker.state, 'closed');
  assert.equal(breaker.retryAfterMs, 0);
});

test('LC-07 an open breaker refuses calls with an error that says when to come back, and closes after trials', async () => {
  const { clock, breaker, changes } = breakerOn({ name: 'prices' });
  await open(breaker);
  let calls = 0;
  const count = (): number => ++calls;
  clock.advance(2_000);
  await assert.rejects(breaker.run(count), isRefusal(3_000));
  await assert.rejects(
    breaker.run(count),
    /^CircuitBreakerError: prices is open for 3000 ms more: the call did not run$/,
  );
  assert.equal(calls, 0);
  clock.advance(3_000);
  assert.equal(breaker.state, 'half-open');
  for (let i = 0; i < 5; i++) await breaker.run(count);
  assert.equal(breaker.state, 'closed');
  assert.deepEqual(changes, [
    ['open', 'closed'],
    ['half-open', 'open'],
    ['closed', 'half-open'],
  ]);
});

test('LC-07 while trials run further calls are refused', async () => {
  const { clock, breaker } = breakerOn({ trials: 1, timeoutMs: false });
  await open(breaker);
  clock.advance(5_000);
  const { promise, resolve } = pendingText();
  const trial = breaker.run(() => promise);
  await assert.rejects(breaker.run(fails), isRefusal(0));
  await assert.rejects(breaker.run(fails), /runs trials, and takes no more/);
  resolve('well');
  assert.equal(await trial, 'well');
  assert.equal(breaker.state, 'closed');
});

test('LC-07 a call that takes longer than timeoutMs has failed: its signal aborts, and its late result is discarded', async () => {
  const { clock, breaker } = breakerOn({ timeoutMs: 300, name: 'prices' });
  const signals: AbortSignal[] = [];
  const { promise, resolve } = pendingText();
  const calls = Array.from({ length: 4 }, () =>
    breaker.run((signal) => {
      signals.push(signal);
      return promise;
    }),
  );
  clock.advance(299);
  await eventLoopTurns(2);
  assert.equal(signals[0]!.aborted, false);
  clock.advance(1);
  for (const call of calls) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof CircuitBreakerError && error.code === 'timeout');
      assert.equal(error.message, 'prices: the call took longer than 300 ms');
      assert.equal(error.retryAfterMs, 0);
      return true;
    });
  }
  assert.ok(signals.every((signal) => signal.aborted && signal.reason instanceof CircuitBreakerError));
  assert.equal(breaker.state, 'open');
  resolve('late');
  await eventLoopTurns(2);
  assert.equal(breaker.state, 'open');
  assert.equal(clock.pendingTimers, 0);
});

test('LC-07 a call that rejects because its signal aborted is late as well', async () => {
  const { clock, breaker } = breakerOn({ timeoutMs: 10, isFailure: () => false });
  const call = breaker.run(
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(broken))),
  );
  clock.advance(10);
  await assert.rejects(call, (error) => error instanceof CircuitBreakerError && error.code === 'timeout');
});

test('LC-07 isFailure decides which errors count; a timeout always counts', async () => {
  const { clock, breaker } = breakerOn({ timeoutMs: 100, isFailure: (error) => error !== broken });
  for (let i = 0; i < 9; i++) await assert.rejects(breaker.run(rejects), broken);
  assert.equal(breaker.state, 'closed');
  const late = Array.from({ length: 9 }, () => breaker.run(() => new Promise(() => {})));
  clock.advance(100);
  await Promise.allSettled(late);
  assert.equal(breaker.state, 'open');
});

for (const [what, isFailure, says] of [
  ['throws', fails, /the service is broken/],
  [
    'returns a promise',
    async () => true,
    /isFailure returned a promise; it must return true or false at once/,
  ],
  ['returns nothing', () => {}, /isFailure returned undefined/],
] as const) {
  test(`LC-07 GN-17 an isFailure that ${what} rejects the run, and the call counts as failed`, async () => {
    const { breaker } = breakerOn({ isFailure: isFailure as unknown as (error: unknown) => boolean });
    for (let i = 0; i < 4; i++)
      await assert.rejects(
        breaker.run(() => Promise.reject(new Error('x'))),
        says,
      );
    assert.equal(breaker.state, 'open');
  });
}

test('LC-07 GN-17 a listener that throws disturbs no call, and shows as a warning', async (t) => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const breaker = new CircuitBreaker({ minCalls: 1 });
  breaker.on('stateChange', fails);
  // @ts-expect-error: there is no such event
  breaker.on('open', () => undefined);
  await assert.rejects(breaker.run(rejects), broken);
  assert.equal(breaker.state, 'open');
  breaker.removeAllListeners();
  await eventLoopTurns(2);
  assert.deepEqual(warnings, [
    'there is no event "open" of a circuit breaker; listen to \'stateChange\'',
    "a listener of 'stateChange' of a circuit breaker failed",
  ]);
});

test('LC-07 run inside a change of state is judged by the new state', async () => {
  const { breaker } = breakerOn({ minCalls: 1 });
  let inside: Promise<unknown> | undefined;
  breaker.on('stateChange', () => {
    inside ??= breaker.run(() => 1);
  });
  await assert.rejects(breaker.run(rejects), broken);
  await assert.rejects(inside!, isRefusal(5_000));
});

test('LC-07 the defaults are those of the documentation', async () => {
  const breaker = new CircuitBreaker();
  assert.equal(breaker.name, 'circuit breaker');
  for (let i = 0; i < 19; i++) await assert.rejects(breaker.run(rejects), broken);
  assert.equal(breaker.state, 'closed');
  await assert.rejects(breaker.run(rejects), broken);
  assert.equal(breaker.state, 'open');
  assert.ok(breaker.retryAfterMs > 4_000 && breaker.retryAfterMs <= 5_000);
});

/** A wrong option, and what the error says. */
const WRONG: readonly (readonly [options: object, says: RegExp])[] = [
  [{ name: '' }, /name is ""; it must be a string of 1 to 256 characters/],
  [{ name: 'x'.repeat(257) }, /it must be a string of 1 to 256 characters/],
  [{ windowMs: 9 }, /windowMs is 9; it must be a whole number from 10/],
  [{ minCalls: 0 }, /minCalls is 0; it must be a whole number from 1 to 1000000/],
  [{ failureRatio: 0 }, /failureRatio is 0; it must be a number above 0 and up to 1/],
  [{ failureRatio: 1.1 }, /failureRatio is 1.1/],
  [{ openMs: 1.5 }, /openMs is 1.5/],
  [{ trials: 1_001 }, /trials is 1001/],
  [{ timeoutMs: 0 }, /timeoutMs is 0; it must be a whole number from 1 to 2147483647, or false for none/],
  [{ timeoutMs: true }, /timeoutMs is true/],
  [{ isFailure: true }, /isFailure is true; it must be a function/],
  [{ clock: { now: () => 0 } }, /clock is an object; it must be an object with the methods now, wallNow/],
  [{ minCals: 5 }, /new CircuitBreaker has no option minCals .*the nearest is minCalls/],
];

for (const [options, says] of WRONG) {
  test(`LC-07 GN-05 new CircuitBreaker(${JSON.stringify(options).slice(0, 40)}) is refused`, () => {
    assert.throws(
      () => new CircuitBreaker(options),
      (error) => error instanceof MisuseError && error.code === 'ERR_OPTION' && says.test(error.message),
    );
  });
}

test('LC-07 GN-05 calls with wrong or surplus arguments are refused', async () => {
  const made = await acceptedValues('new CircuitBreaker', (value) => new CircuitBreaker(value as object));
  assert.deepEqual(made, ['undefined', '{}']);
  const breaker = new CircuitBreaker();
  const run = await acceptedValues('run', (value) => breaker.run(value as () => number));
  assert.deepEqual(run, ['function']);
  // @ts-expect-error: there is no second argument
  assert.throws(() => breaker.run(fails, {}), MisuseError);
  // @ts-expect-error: there is no second argument
  assert.throws(() => new CircuitBreaker({}, fails), /takes no callback; call run/);
});
