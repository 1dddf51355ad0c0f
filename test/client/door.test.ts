import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { Connection, ConnectError, connect, MemoryBudget, MisuseError } from '../../src/client/index.ts';
import * as whole from '../../src/index.ts';

const ROOT = join(import.meta.dirname, '../../..');

test('GN-14 hawser/client loads no server code', async () => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { client: 'src/client/index.ts', whole: 'src/index.ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir: 'build',
    metafile: true,
    write: false,
  });
  const loadedBy = (door: string): string[] => {
    const { inputs, imports } = metafile.outputs[`build/${door}.js`]!;
    return [...Object.keys(inputs), ...imports.map(({ path }) => path)];
  };
  const client = loadedBy('client');
  assert.ok(client.includes('src/client/connect.ts'), 'the bundle contains the client');
  assert.deepEqual(
    client.filter((name) => /^src\/(?:server|cluster|ws|cli|testing|observe)\//.test(name)),
    [],
  );
  assert.ok(!client.includes('node:http'));
  assert.ok(
    loadedBy('whole').includes('src/server/websocket-server.ts'),
    'the bundle of hawser contains the server',
  );
});

test('GN-14 hawser is server and client: the same functions and classes', () => {
  assert.deepEqual(
    [whole.connect, whole.Connection, whole.ConnectError, whole.MisuseError, whole.MemoryBudget],
    [connect, Connection, ConnectError, MisuseError, MemoryBudget],
  );
});
