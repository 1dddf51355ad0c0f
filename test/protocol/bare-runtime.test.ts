import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { BARE_ROWS } from './bare-rows.ts';
import type { Report } from './bare-runtime-child.ts';

test('MK-01 UT-01: messages are the same without WebAssembly and ICU', {
  timeout: 60_000,
}, async (t) => {
  const child = fork(join(import.meta.dirname, 'bare-runtime-child.js'), {
    execArgv: ['--jitless'],
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const [{ vectors, outcomes }] = (await once(child, 'message')) as [Report];
  assert.equal(vectors, false);
  assert.equal(outcomes.length, BARE_ROWS.length * 2);
  for (const { rule, lines } of BARE_ROWS) {
    for (const outcome of outcomes.filter((one) => one.rule === rule)) {
      assert.deepEqual(outcome.lines, lines, `${outcome.role}: ${rule}`);
    }
  }
  assert.equal((await once(child, 'exit'))[0], 0);
});
