import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FILE = join(ROOT, 'build', 'package', 'browser.js');
const MAX_GZIP_BYTES = 12 * 1024;

test('RC-07: hawser/browser is one file without imports, of at most 12 KiB compressed', () => {
  const code = readFileSync(FILE);
  assert.doesNotMatch(code.toString(), /\bimport\b(?!\.meta)|\brequire\(|node:|\bBuffer\b|\bprocess\b/);
  const { length } = gzipSync(code, { level: 9 });
  assert.ok(length <= MAX_GZIP_BYTES, `${length} bytes`);
});

test('RC-07: a bundler for browsers resolves hawser/browser, and what it makes needs no module', async () => {
  const entry = join(ROOT, 'entry.js');
  const build = await rolldown({
    input: 'entry.js',
    cwd: ROOT,
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry.js' ? entry : null),
        load: (id) =>
          id === entry
            ? "import { ReconnectingClient } from 'hawser/browser'; new ReconnectingClient('/');"
            : null,
      },
    ],
    onLog: (_, log) => assert.fail(log.message),
  });
  const { output } = await build.generate({ minify: true });
  await build.close();
  assert.deepEqual([output.length, output[0].imports], [1, []]);
});

test('RC-07: sources of hawser/browser compile and bundle without Node', async () => {
  const build = await rolldown({
    input: join(ROOT, 'src', 'client', 'browser', 'index.ts'),
    platform: 'browser',
    onLog: (_, log) => assert.fail(log.message),
  });
  const { output } = await build.generate();
  await build.close();
  assert.deepEqual([output.length, output[0].imports, output[0].dynamicImports], [1, [], []]);
});

for (const [module, moduleResolution] of [
  ['esnext', 'bundler'],
  ['nodenext', 'nodenext'],
] as const) {
  test(`RC-07 GN-13: types of hawser/browser work with lib "dom", without @types/node (${moduleResolution})`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-dom-'));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'hawser'), 'junction');
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'page.ts'),
      `import { type Message, OperationError, ReconnectingClient } from 'hawser/browser';
      const client = new ReconnectingClient(new URL('/', location.href), {
        protocols: ['hawser.v1'], token: async ({ signal }) => (await fetch('/token', { signal })).text(),
      });
      const room = client.topic('room', { presence: true });
      room.on('join', ({ key, since }) => document.body.append(key, since.toISOString()));
      room.on('message', (message, position) => document.body.append(String(message), String(position?.offset)));
      for await (const message of client) { const all: Message = message; void all; }
      client.on('error', (error: OperationError) => alert(error.code));
      const sent: boolean = client.send(new Uint8Array(1));
      // @ts-expect-error: there is no such option
      new ReconnectingClient('/', { heders: {} });
      // @ts-expect-error: there is no such event
      client.on('mesage', () => {});
      export { sent };`,
    );
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'es2022',
          lib: ['es2022', 'esnext.disposable', 'dom'],
          types: [],
          strict: true,
          noEmit: true,
          module,
          moduleResolution,
        },
      }),
    );
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    assert.deepEqual([stdout, status], ['', 0]);
  });
}
