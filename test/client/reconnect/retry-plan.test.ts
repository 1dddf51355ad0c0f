import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DownInfo } from '../../../src/options/reconnect-options.ts';
import type { RetrySettings } from '../../../src/options/retry-options.ts';
import type { Reaction } from '../../../src/client/reconnect/close-reactions.ts';
import { RetryPlan } from '../../../src/client/reconnect/retry-plan.ts';
import { ConnectError, DEFAULT_RECONNECT_OPTIONS } from '../../../src/index.ts';

const DOWN: DownInfo = { error: new Error('there is no connection') };
const planOf = ({ canChange = true, ...settings }: Partial<RetrySettings> & { canChange?: boolean } = {}) =>
  new RetryPlan({ ...DEFAULT_RECONNECT_OPTIONS, ...settings }, canChange);

for (const [reaction, canChange, next] of [
  ['stay-away', true, 'refused'],
  ['again', true, { attempt: 1, delayMs: 550 }],
  ['again-spread', true, { attempt: 1, delayMs: 2_550 }],
  ['again-some', true, { attempt: 1, delayMs: 2_550 }],
  ['again-if-fresh', true, { attempt: 1, delayMs: 550 }],
  ['again-if-fresh', false, 'credentials'],
] as const satisfies readonly (readonly [Reaction, boolean, unknown])[]) {
  const says =
    typeof next === 'string' ? `no further attempt, ${next}` : `the next attempt in ${next.delayMs} ms`;
  test(`RC-03: ${reaction}, credentials ${canChange ? 'that can change' : 'that cannot change'}: ${says}`, () => {
    assert.deepEqual(planOf({ canChange }).next(reaction, DOWN, 0.5), next);
  });
}

test('RC-02: the time of Retry-After is added to the delay', () => {
  const error = new ConnectError('ERR_RESPONSE', undefined, { phase: 'response', retryAfterMs: 7_000 });
  assert.deepEqual(planOf().next('again', { error }, 0.5, error.retryAfterMs), {
    attempt: 1,
    delayMs: 7_550,
  });
});

test('RC-02: there is no attempt after maxAttempts consecutive ones; a connection that lasts resets the count', () => {
  const plan = planOf({ maxAttempts: 1 });
  assert.deepEqual(plan.next('again', DOWN, 0), { attempt: 1, delayMs: 100 });
  plan.opened(0);
  plan.lost(9_999);
  assert.equal(plan.next('again', DOWN, 0), 'attempts');
  plan.opened(10_000);
  plan.lost(20_000);
  assert.equal(plan.attempts, 0);
  assert.deepEqual(plan.next('again', DOWN, 0), { attempt: 1, delayMs: 100 });
});

test('RC-03: rejected credentials are not sent again; different ones are sent once', () => {
  const plan = planOf();
  assert.equal(plan.bring('old'), undefined);
  assert.equal(plan.bring('old'), undefined, 'they were not rejected');
  plan.next('again-if-fresh', DOWN, 0);
  assert.equal(plan.bring('old'), DOWN);
  assert.equal(plan.bring('new'), undefined);
  assert.equal(plan.next('again-if-fresh', DOWN, 0), 'credentials');
});

test('RC-03: after a connection that lasted, fresh credentials are allowed again', () => {
  const plan = planOf();
  plan.bring('first');
  plan.next('again-if-fresh', DOWN, 0);
  plan.bring('second');
  plan.opened(0);
  plan.lost(9_999);
  assert.equal(plan.next('again-if-fresh', DOWN, 0), 'credentials', 'the connection was too short');
  plan.opened(10_000);
  plan.lost(20_000);
  assert.deepEqual(plan.next('again-if-fresh', DOWN, 0), { attempt: 1, delayMs: 100 });
  assert.equal(plan.bring('second'), DOWN);
});

test('RC-03: unexpected responses are final after maxUnexpectedResponses without a connection in between', () => {
  const plan = planOf({ maxUnexpectedResponses: 3 });
  const next = (reaction: Reaction): unknown => plan.next(reaction, DOWN, 0);
  assert.deepEqual(next('again-some'), { attempt: 1, delayMs: 100 });
  assert.deepEqual(next('again'), { attempt: 2, delayMs: 100 }, 'other failures do not count');
  assert.deepEqual(next('again-some'), { attempt: 3, delayMs: 100 });
  plan.opened(0);
  plan.lost(1);
  assert.deepEqual(next('again-some'), { attempt: 4, delayMs: 100 }, 'a connection resets the count');
  assert.deepEqual(next('again-some'), { attempt: 5, delayMs: 100 });
  assert.equal(next('again-some'), 'refused');
  assert.equal(planOf({ maxUnexpectedResponses: 1 }).next('again-some', DOWN, 0), 'refused');
});
