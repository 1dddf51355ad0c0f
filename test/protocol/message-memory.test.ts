import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Faults } from './message-memory-child.ts';

test('PF-08: memory that messages leave behind serves the next ones, without page faults', {
  timeout: 60_000,
}, async (t) => {
  const child = fork(join(import.meta.dirname, 'message-memory-child.js'), {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const [{ glibc, faultsPerPage }] = (await once(child, 'message')) as [Faults];
  assert.equal((await once(child, 'exit'))[0], 0);
  if (!glibc) t.skip('another allocator');
  else assert.ok(faultsPerPage < 0.25, `${faultsPerPage} faults for each page of a message`);
});
