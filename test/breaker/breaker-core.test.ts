import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BreakerCore, type BreakerState, REFUSED } from '../../src/breaker/breaker-core.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const RULES = { windowMs: 10_000, minCalls: 20, failureRatio: 0.5, openMs: 5_000, trials: 5 };

function started(rules: Partial<typeof RULES> = {}, nowMs = 0) {
  const clock = new VirtualClock({ nowMs });
  const changes: BreakerState[] = [];
  const core = new BreakerCore({ ...RULES, ...rules }, clock, (next) => void changes.push(next));
  const end = (outcome: 'succeeded' | 'failed', times = 1): void => {
    for (let i = 0; i < times; i++) core[outcome](core.enter());
  };
  return { clock, core, changes, end };
}

/** Outcomes in order, `+` for a success and `-` for a failure; the state after them. */
const ROWS: readonly (readonly [what: string, outcomes: string, state: BreakerState])[] = [
  ['19 failures are too few', '-'.repeat(19), 'closed'],
  ['20 failures', '-'.repeat(20), 'open'],
  ['10 failures of 20', '+'.repeat(10) + '-'.repeat(10), 'open'],
  ['9 failures of 20', '+'.repeat(11) + '-'.repeat(9), 'closed'],
  ['19 failures and then a success, which is the 20th call', `${'-'.repeat(19)}+`, 'open'],
  ['49 failures of 99', '+'.repeat(50) + '-'.repeat(49), 'closed'],
  ['50 failures of 100', '+'.repeat(50) + '-'.repeat(50), 'open'],
  ['no call', '', 'closed'],
];

for (const [what, outcomes, state] of ROWS) {
  test(`LC-07 a breaker counts calls and failures together: ${what}, and it is ${state}`, () => {
    const { core, end } = started();
    for (const each of outcomes) end(each === '+' ? 'succeeded' : 'failed');
    assert.equal(core.state, state);
    assert.equal(core.enter() === REFUSED, state === 'open');
  });
}

for (const zeroMs of [0, 123_456, -98_765]) {
  test(`LC-07 an outcome counts for at least 9 and at most 10 seconds, on a clock that begins at ${zeroMs}`, () => {
    const { clock, core, end } = started({}, zeroMs);
    end('failed', 15);
    clock.advance(9_000);
    end('failed', 4);
    assert.deepEqual(core.counts(), { calls: 19, failures: 19 });
    clock.advance(1_000);
    assert.deepEqual(core.counts(), { calls: 4, failures: 4 });
    end('failed', 15);
    assert.equal(core.state, 'closed');
    end('failed');
    assert.equal(core.state, 'open');
    const after = started({}, zeroMs);
    after.end('failed', 19);
    after.clock.advance(60_000);
    after.end('failed');
    assert.equal(after.core.state, 'closed', 'after a minute of silence all cells are empty');
  });
}

test('LC-07 an open breaker refuses calls for openMs, and then takes as many trials as it needs', () => {
  const { clock, core, changes, end } = started();
  end('failed', 20);
  assert.equal(core.retryAfterMs, 5_000);
  clock.advance(4_999);
  assert.equal(core.enter(), REFUSED);
  assert.equal(core.retryAfterMs, 1);
  clock.advance(1);
  const trials = Array.from({ length: 5 }, () => core.enter());
  assert.ok(!trials.includes(REFUSED));
  assert.equal(core.enter(), REFUSED, 'a sixth call, while five run');
  assert.equal(core.retryAfterMs, 0);
  for (const trial of trials) core.succeeded(trial);
  assert.equal(core.state, 'closed');
  assert.deepEqual(changes, ['open', 'half-open', 'closed']);
  assert.deepEqual(core.counts(), { calls: 0, failures: 0 }, 'the failures of before are forgotten');
});

test('LC-07 one failed trial opens the breaker for another openMs', () => {
  const { clock, core, changes, end } = started();
  end('failed', 20);
  clock.advance(5_000);
  end('succeeded', 4);
  end('failed');
  assert.equal(core.state, 'open');
  assert.equal(core.retryAfterMs, 5_000);
  clock.advance(5_000);
  end('succeeded', 5);
  assert.deepEqual(changes, ['open', 'half-open', 'open', 'half-open', 'closed']);
});

test('LC-07 a trial that is abandoned makes room for another one', () => {
  const { clock, core, end } = started({ trials: 1 });
  end('failed', 20);
  clock.advance(5_000);
  for (let i = 0; i < 3; i++) {
    const trial = core.enter();
    assert.notEqual(trial, REFUSED);
    assert.equal(core.enter(), REFUSED);
    core.abandoned(trial);
  }
  end('succeeded');
  assert.equal(core.state, 'closed');
});

test('LC-07 outcomes of calls that entered in an earlier state are ignored', () => {
  const { clock, core, end } = started({ trials: 2 });
  const early = Array.from({ length: 9 }, () => core.enter());
  end('failed', 20);
  core.failed(early[0]!);
  core.succeeded(early[1]!);
  core.abandoned(early[2]!);
  assert.equal(core.state, 'open');
  clock.advance(5_000);
  assert.equal(core.state, 'half-open');
  core.succeeded(early[3]!);
  core.succeeded(early[4]!);
  core.failed(early[5]!);
  core.abandoned(early[6]!);
  assert.equal(core.state, 'half-open', 'they are no trials');
  const trial = core.enter();
  end('succeeded');
  core.failed(early[7]!);
  core.succeeded(trial);
  assert.equal(core.state, 'closed');
  core.failed(trial);
  core.failed(REFUSED);
  assert.deepEqual(core.counts(), { calls: 0, failures: 0 });
});

test('LC-07 property: the window counts the same as a list of the outcomes of the last ten cells', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 4_000 }),
    hasFailed: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: -50_000, max: 50_000 }),
      fc.array(step, { maxLength: 60 }),
      (zeroMs, steps) => {
        const { clock, core } = started({ minCalls: 1_000_000 }, zeroMs);
        const all: { readonly cell: number; readonly hasFailed: boolean }[] = [];
        for (const { waitMs, hasFailed } of steps) {
          clock.advance(waitMs);
          const cell = Math.floor(clock.now() / 1_000);
          all.push({ cell, hasFailed });
          core[hasFailed ? 'failed' : 'succeeded'](core.enter());
          const counted = all.filter((each) => cell - each.cell < 10);
          const failures = counted.filter((each) => each.hasFailed).length;
          assert.deepEqual(core.counts(), { calls: counted.length, failures });
        }
      },
    ),
  );
});
