import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

test('a worker of node:cluster, whose primary accepts for it, serves by handles as ever', () => {
  const said = execFileSync(process.execPath, [join(import.meta.dirname, 'cluster-child.js')], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(said, 'handle: through the primary, exit 0');
});
