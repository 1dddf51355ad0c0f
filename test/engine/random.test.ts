import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/engine/random.ts';

test('a UUID of the platform has the form of version 4, and does not repeat when random bytes are drawn again', () => {
  const seen = new Set<string>();
  /** The values that each digit has had. */
  const digits = Array.from({ length: 36 }, () => new Set<string>());
  for (let i = 0; i < 2_000; i++) {
    const uuid = systemRandom.uuid();
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(uuid);
    for (let at = 0; at < uuid.length; at++) digits[at]!.add(uuid[at]!);
  }
  assert.equal(seen.size, 2_000);
  const expected = 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'
    .split('')
    .map((form) => ({ x: 16, y: 4 })[form] ?? 1);
  assert.deepEqual(
    digits.map(({ size }) => size),
    expected,
  );
});
