import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

const CHILD = join(import.meta.dirname, 'descriptors-child.js');

for (const kind of ['tcp', 'tls', 'unix'])
  test(`LM-06: without file descriptors new clients over ${kind} are dropped, logged and counted; connections stay open, and accepting resumes by itself`, {
    skip: process.platform === 'win32' ? 'needs ulimit' : false,
    timeout: 60_000,
  }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'hawser-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'socket');
    const child = spawn(
      '/bin/sh',
      ['-c', 'ulimit -n 1000 && exec "$0" "$@"', process.execPath, CHILD, kind, path],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    t.after(() => void child.kill('SIGKILL'));
    const [said] = (await once(child, 'message')) as [Record<string, unknown>];
    const { taken, lines, errors, counted, ...rest } = said;
    assert.equal(counted, 1);
    const times = (errors as unknown[]).length;
    assert.deepEqual([lines, errors], [Array(times).fill('EMFILE'), Array(times).fill('EMFILE')]);
    assert.ok((taken as number) > 10);
    assert.deepEqual(rest, { during: 'still here', after: 'still here', status: 101, now: 2 });
    assert.equal((await once(child, 'exit'))[0], 0);
  });
