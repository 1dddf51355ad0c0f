import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const CHILD = join(import.meta.dirname, 'descriptors-child.js');

test('LM-06: without file descriptors newcomers are cut, who is in stays, and accepting goes on by itself', {
  skip: process.platform === 'win32' ? 'needs ulimit' : false,
  timeout: 60_000,
}, async (t) => {
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 80 && exec "$0" "$1"', process.execPath, CHILD], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const [said] = (await once(child, 'message')) as [Record<string, unknown>];
  const { taken, ...rest } = said;
  assert.ok((taken as number) > 10);
  assert.deepEqual(rest, { during: 'still here', after: 'still here', status: 101, now: 2 });
  assert.equal((await once(child, 'exit'))[0], 0);
});
