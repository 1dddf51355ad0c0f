import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';
import { Connection, ConnectError, connect, MemoryBudget, MisuseError } from '../../src/client/index.ts';
import * as whole from '../../src/index.ts';
import { importsOf } from '../source-text.ts';

const ROOT = join(import.meta.dirname, '../../../src');

/** Everything that loading a file loads, of ours by path below src/, and of Node's by name. */
function loadedBy(door: string): Set<string> {
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    const name = relative(ROOT, file).split(sep).join('/');
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { specifier, typeOnly } of importsOf(readFileSync(file, 'utf8'))) {
      if (typeOnly) continue;
      if (specifier.startsWith('.')) visit(resolve(file, '..', specifier));
      else loaded.add(specifier);
    }
  };
  visit(join(ROOT, door));
  return loaded;
}

test('GN-14 hawser/client loads no server code', () => {
  const loaded = [...loadedBy('client/index.ts')];
  assert.ok(loaded.length > 30, 'the walk found the client');
  assert.deepEqual(
    loaded.filter((name) => /^(?:server|cluster|cli|testing|observe)\//.test(name)),
    [],
  );
  assert.ok(!loaded.includes('node:http'));
  assert.ok(
    [...loadedBy('index.ts')].some((name) => name.startsWith('server/')),
    'the walk finds a server',
  );
});

test('GN-14 hawser is server and client: the same functions and classes', () => {
  assert.deepEqual(
    [whole.connect, whole.Connection, whole.ConnectError, whole.MisuseError, whole.MemoryBudget],
    [connect, Connection, ConnectError, MisuseError, MemoryBudget],
  );
});
