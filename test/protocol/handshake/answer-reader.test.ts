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

test('CC-01 a Retry-After that is a date is read as the system reads dates', () => {
  for (const text of [
    'Thu, 29 Feb 2024 00:00:00 GMT',
    'Fri, 01 Mar 2024 12:34:56 GMT',
    'Sat, 31 Dec 1999 23:59:59 GMT',
    'Sat, 01 Jan 2000 00:00:00 GMT',
    'Mon, 01 Mar 2100 00:00:00 GMT',
    'Sun, 28 Feb 2100 23:59:59 GMT',
  ]) {
    assert.equal(retryAfterMs(text, Date.parse(text) - 1_000), 1_000, text);
  }
});
