import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CLEAN, VIOLATIONS } from './planted-sources.ts';

const ROOT = join(import.meta.dirname, '../..');
const OXLINT = join(ROOT, 'node_modules/oxlint/bin/oxlint');
const SKIP = (process.versions['bun'] ?? process.versions['deno']) ? 'the linter runs on Node' : false;

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly message: string;
  readonly help?: string;
}

/** Runs the project's linter over the folders `src` and `bench` in `folder`. */
async function lint(folder: string, config: string): Promise<readonly Diagnostic[]> {
  const argv = [OXLINT, '-c', config, '-f', 'json', 'src', 'bench'];
  const run = promisify(execFile)(process.execPath, argv, { cwd: folder, maxBuffer: 2 ** 24 });
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
  return (JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] }).diagnostics;
}

const { LAYERS } = (await import(pathToFileURL(join(ROOT, 'tools/layers.js')).href)) as {
  readonly LAYERS: Readonly<Record<string, readonly string[]>>;
};

test('EX-05 GN-08 GN-10 GN-12 the linter finds no violation of the layers in src/ and bench/', {
  skip: SKIP,
}, async () => {
  assert.deepEqual(await lint(ROOT, 'oxlint.config.js'), []);
});

test('EX-05 every folder of src/ has a row in the table of layers, and no two rows import each other', () => {
  for (const entry of readdirSync(join(ROOT, 'src'), { withFileTypes: true })) {
    if (entry.isDirectory()) assert.ok(LAYERS[entry.name] !== undefined, `${entry.name}/ has no row`);
  }
  for (const [layer, below] of Object.entries(LAYERS)) {
    for (const other of below) assert.ok(!LAYERS[other]?.includes(layer), `${layer} and ${other}`);
  }
});

test('EX-05 the linter reports every planted violation, and nothing in clean sources', {
  skip: SKIP,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-layers-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (path: string, source: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${source}\n`);
  };
  // The globs of a configuration are relative to its file.
  const shared = pathToFileURL(join(ROOT, 'oxlint.config.js')).href;
  write('oxlint.config.mjs', `export { default } from ${JSON.stringify(shared)};`);
  for (const [path, source] of Object.entries(CLEAN)) write(`src/${path}`, source);
  for (const [, path, source] of VIOLATIONS) write(`src/${path}`, source);
  const found = new Map<string, Diagnostic[]>();
  for (const diagnostic of await lint(folder, 'oxlint.config.mjs')) {
    const path = relative('src', diagnostic.filename).replaceAll('\\', '/');
    found.set(path, [...(found.get(path) ?? []), diagnostic]);
  }
  for (const [what, path, , rule, says] of VIOLATIONS) {
    await t.test(what, () => {
      const here = found.get(path) ?? [];
      assert.deepEqual(
        here.map(({ code }) => code),
        [rule],
        JSON.stringify(here, null, 2),
      );
      assert.match(`${here[0]!.message} ${here[0]!.help ?? ''}`, says);
    });
  }
  await t.test('clean sources', () => {
    const planted = new Set(VIOLATIONS.map(([, path]) => path));
    assert.deepEqual(
      [...found].filter(([path]) => !planted.has(path)),
      [],
    );
  });
});
