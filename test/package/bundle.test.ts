import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'build', 'package');
/** Entry points by file. */
const ENTRY_POINTS = {
  index: 'hawser',
  client: 'hawser/client',
  browser: 'hawser/browser',
  protocol: 'hawser/protocol',
  testing: 'hawser/testing',
  conform: 'hawser/conform',
  cluster: 'hawser/cluster',
  observe: 'hawser/observe',
  opentelemetry: 'hawser/opentelemetry',
  ws: 'hawser/ws',
};

const require = createRequire(import.meta.url);

/** The sources of a file of the package; none for one that only re-exports. */
function sourcesOf(file: string): readonly string[] {
  const map = join(FOLDER, `${file}.map`);
  if (!existsSync(map)) return [];
  const { sources } = JSON.parse(readFileSync(map, 'utf8')) as { readonly sources: readonly string[] };
  return sources.map((source) => source.replace('../../src/', ''));
}

/** The files that one file loads, including itself. */
function loadedBy(file: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  const code = readFileSync(join(FOLDER, file), 'utf8');
  for (const [, other] of code.matchAll(/\b(?:from |require\()"\.\/([^"]+)"/g)) loadedBy(other!, loaded);
  return loaded;
}
const sourcesBehind = (file: string): string[] => [...loadedBy(file)].flatMap(sourcesOf);

test('every source is in exactly one file of the package, so no class exists twice', () => {
  const all = readdirSync(FOLDER)
    // The file for browsers stands alone.
    .filter((name) => name.endsWith('.js') && name !== 'no-crypto.js' && name !== 'browser.js')
    .flatMap(sourcesOf);
  assert.ok(all.length > 200, `${all.length}`);
  assert.deepEqual(
    all.filter((source, at) => all.indexOf(source) !== at),
    [],
  );
});

test('GN-14 hawser/client loads no server code, and hawser loads no command, in at most 12 files', () => {
  const client = sourcesBehind('client.js');
  assert.ok(client.includes('connection/connection.ts'));
  assert.deepEqual(
    client.filter((source) => /^(?:server|cli|testing)\//.test(source)),
    [],
  );
  const whole = sourcesBehind('index.js');
  assert.ok(whole.includes('server/websocket-server.ts'));
  assert.deepEqual(
    whole.filter((source) => /^(?:cli|testing)\//.test(source)),
    [],
  );
  assert.ok(loadedBy('index.js').size <= 12);
});

for (const [file, name] of Object.entries(ENTRY_POINTS)) {
  test(`exports of ${name} keep their names`, async () => {
    const folder = file === 'index' ? '' : file === 'browser' ? 'client/browser/' : `${file}/`;
    const path = `../../src/${folder}index.js`;
    const published = (await import(name)) as Record<string, unknown>;
    const compiled = (await import(path)) as Record<string, unknown>;
    const required = require(join(FOLDER, `${file}.cjs`)) as Record<string, unknown>;
    assert.deepEqual(Object.keys(published), Object.keys(compiled));
    const isClass = 'module.exports' in compiled;
    if (!isClass) assert.deepEqual(new Set(Object.keys(required)), new Set(Object.keys(compiled)));
    const namesOf = (module: Record<string, unknown>): (readonly [string, string])[] =>
      Object.entries(module).flatMap(([exported, value]) =>
        typeof value === 'function' ? [[exported, value.name] as const] : [],
      );
    assert.ok(Object.keys(published).length > 0);
    assert.deepEqual(namesOf(published), namesOf(compiled));
    if (!isClass) assert.deepEqual(new Map(namesOf(required)), new Map(namesOf(compiled)));
    else assert.equal(required, required['WebSocket']);
  });
}

test('GN-14 hawser/client loads no server code in CommonJS', () => {
  const exportsOf = (file: string) =>
    [...loadedBy(file)].flatMap((name) => Object.keys(require(join(FOLDER, name)) as object));
  assert.ok(exportsOf('client.cjs').includes('Connection'));
  assert.ok(!exportsOf('client.cjs').includes('WebSocketServer'));
  assert.ok(exportsOf('index.cjs').includes('WebSocketServer'));
});

test('GN-13: CommonJS entry points that export the same name export the same object', () => {
  const byName = new Map<string, unknown>();
  // The classes of hawser/ws have the names of ws, and hawser/browser is a file of its own.
  for (const file of Object.keys(ENTRY_POINTS).filter((name) => name !== 'ws' && name !== 'browser')) {
    for (const [name, value] of Object.entries(require(join(FOLDER, `${file}.cjs`)) as object)) {
      assert.equal(byName.get(name) ?? value, value, name);
      byName.set(name, value);
    }
  }
});

// Calls at the top level of src/protocol are annotated as pure. Otherwise each of these would contain half of the protocol.
for (const [what, mostBytes] of [
  ['isSendableCode', 1_700],
  ['Utf8Validator', 2_500],
  ['mask', 5_000],
] as const) {
  test(`a bundle of ${what} from hawser/protocol contains little else`, async () => {
    const build = await rolldown({
      input: 'entry.js',
      cwd: ROOT,
      platform: 'browser',
      external: 'node:buffer',
      plugins: [
        {
          name: 'entry',
          resolveId: (id) => (id === 'entry.js' ? join(ROOT, id) : null),
          load: (id) => (id === join(ROOT, 'entry.js') ? `export { ${what} } from 'hawser/protocol';` : null),
        },
      ],
    });
    const { output } = await build.generate({ minify: true });
    await build.close();
    assert.equal(output.length, 1);
    assert.ok(output[0].code.length < mostBytes, output[0].code);
  });
}
