import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';

for (const library of ['native', 'ws'])
  for (const form of ['plain', 'compressed'])
    test(`PF-12: ${library}, ${form}: when the first connections are gone, the objects of later ones are no dictionaries`, async () => {
      const child = fork(join(import.meta.dirname, 'hidden-classes-child.js'), [library, form], {
        execArgv: ['--expose-gc'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const [[found], [code]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [
        [string[]],
        [number],
      ];
      assert.deepEqual([found, code], [[], 0]);
    });
