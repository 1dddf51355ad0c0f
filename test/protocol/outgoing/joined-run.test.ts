import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JoinedRun } from '../../../src/protocol/outgoing/joined-run.ts';

test('TS-09: equal frames are joined once, until the run is dropped', () => {
  const joined = new JoinedRun();
  const [a, b] = [Buffer.from('ab'), Buffer.from('cde')];
  const run = joined.join([a, b]);
  assert.equal(String(run), 'abcde');
  assert.equal(joined.join([a, b]), run);
  assert.notEqual(joined.join([b, a]), run);
  const again = joined.join([a, b]);
  joined.forget();
  assert.notEqual(joined.join([a, b]), again);
});

test('TS-09: a run has at most 65,536 bytes, and contains plain bytes only', () => {
  const joined = new JoinedRun();
  assert.equal(joined.join([Buffer.alloc(65_535), Buffer.alloc(1)])?.length, 65_536);
  assert.equal(joined.join([Buffer.alloc(65_536), Buffer.alloc(1)]), undefined);
  assert.equal(joined.join([Buffer.alloc(1), {}]), undefined);
});
