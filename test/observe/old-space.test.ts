import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { oldSpaceLimit, oldSpaceUsed } from '../../src/observe/old-space.ts';

const MODULE = pathToFileURL(join(import.meta.dirname, '../../src/observe/old-space.js')).href;
const SHOW = `import(${JSON.stringify(MODULE)}).then((m) => console.log(m.oldSpaceLimit() / 1048576))`;
const IN_WORKER = `new (require('node:worker_threads').Worker)(${JSON.stringify(SHOW)}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 70 } })`;

const ROWS = [
  ['the flag', ['--max-old-space-size=80'], '', SHOW, 80],
  ['the flag with underscores', ['--max_old_space_size=80'], '', SHOW, 80],
  ['NODE_OPTIONS', [], '--no-warnings --max-old-space-size=90', SHOW, 90],
  ['the flag before NODE_OPTIONS', ['--max-old-space-size=80'], '--max-old-space-size=90', SHOW, 80],
  ['the limits of a worker thread', ['--max-old-space-size=80'], '', IN_WORKER, 70],
] as const;
for (const [what, args, NODE_OPTIONS, program, limit] of ROWS) {
  test(`LC-01 the limit of the heap is that of ${what}`, async () => {
    const env = { ...process.env, NODE_OPTIONS };
    const { stdout } = await promisify(execFile)(process.execPath, [...args, '-e', program], { env });
    assert.equal(Number(stdout), limit);
  });
}

test('LC-01 the used heap without the young generation is below its limit', () => {
  assert.ok(oldSpaceUsed() > 1_000_000);
  assert.ok(oldSpaceUsed() < oldSpaceLimit());
});
