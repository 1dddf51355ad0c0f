import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

test('a worker of node:cluster uses handles although its primary accepts the connections', () => {
  const said = execFileSync(process.execPath, [join(import.meta.dirname, 'cluster-child.js')], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(said, 'handle: through the primary, exit 0');
});
