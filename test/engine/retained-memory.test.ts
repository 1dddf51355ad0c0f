import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Faults } from './retained-memory-child.ts';

for (const retain of [true, false]) {
  test(`PF-08: with retainFreedMemory: ${retain}, memory of freed messages ${retain ? 'serves the next ones, without page faults' : 'goes back to the system'}`, {
    timeout: 60_000,
  }, async (t) => {
    const child = fork(join(import.meta.dirname, 'retained-memory-child.js'), retain ? ['retain'] : [], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    t.after(() => void child.kill('SIGKILL'));
    const [{ glibc, faultsPerPage }] = (await once(child, 'message')) as [Faults];
    assert.equal((await once(child, 'exit'))[0], 0);
    if (!glibc) t.skip('another allocator');
    else assert.equal(faultsPerPage < 0.25, retain, `${faultsPerPage} faults for each page of a message`);
  });
}
