import assert from 'node:assert/strict';
import { join, relative, sep } from 'node:path';
import { test } from 'node:test';
import { rolldown } from 'rolldown';
import { Connection, ConnectError, connect, MemoryBudget, MisuseError } from '../../src/client/index.ts';
import * as whole from '../../src/index.ts';

const ROOT = join(import.meta.dirname, '../../..');

test('GN-14 hawser/client loads no server code', async () => {
  const build = await rolldown({
    cwd: ROOT,
    input: { client: 'src/client/index.ts', whole: 'src/index.ts' },
    platform: 'node',
    external: /^node:/,
  });
  const { output } = await build.generate();
  await build.close();
  const loadedBy = (name: string, loaded = new Set<string>()): ReadonlySet<string> => {
    const chunk = output.find(({ fileName }) => fileName === name);
    if (chunk?.type !== 'chunk') return loaded.add(name);
    if (loaded.has(name)) return loaded;
    loaded.add(name);
    for (const id of chunk.moduleIds) loaded.add(relative(ROOT, id).split(sep).join('/'));
    for (const other of [...chunk.imports, ...chunk.dynamicImports]) loadedBy(other, loaded);
    return loaded;
  };
  const client = [...loadedBy('client.js')];
  assert.ok(client.includes('src/client/connect.ts'), 'the bundle contains the client');
  assert.deepEqual(
    client.filter((name) => /^src\/(?:server|cluster|ws|cli|testing|observe)\//.test(name)),
    [],
  );
  assert.ok(!client.includes('node:http'));
  assert.ok(
    loadedBy('whole.js').has('src/server/websocket-server.ts'),
    'the bundle of hawser contains the server',
  );
});

test('GN-14 hawser and hawser/client export the same functions and classes', () => {
  assert.deepEqual(
    [whole.connect, whole.Connection, whole.ConnectError, whole.MisuseError, whole.MemoryBudget],
    [connect, Connection, ConnectError, MisuseError, MemoryBudget],
  );
});
