import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../../src/protocol/handshake/answer-reader.ts';

test('CC-01 Retry-After: seconds or a date, and nothing from nonsense', () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(retryAfterMs('7', now), 7_000);
  assert.equal(retryAfterMs('0', now), 0);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(retryAfterMs('Wed, 31 Dec 2025 23:59:30 GMT', now), 0);
  assert.equal(retryAfterMs('9999999999', now), 2 ** 31 - 1);
  for (const nonsense of [
    undefined,
    '',
    '-1',
    '1.5',
    'soon',
    '2026-01-01',
    'Thu, 99 Jan 2026 00:00:30 GMT',
    '1, 2',
    'Thu, 01 Foo 2026 00:00:30 GMT',
    'Thu, 01 anF 2026 00:00:30 GMT',
    'Thu, 01 Jan 2026 24:00:00 GMT',
  ]) {
    assert.equal(retryAfterMs(nonsense, now), undefined, nonsense);
  }
});
