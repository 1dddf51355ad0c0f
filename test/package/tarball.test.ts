import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { before, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
/** Maximum size of the packed tarball. */
const MAX_PACKED_BYTES = 2_500_000;

interface Tarball {
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}
let tarball: Tarball;
let paths: string[];

before(() => {
  // npm run sets its own path in the environment; without it, the shell finds npm.
  const npm = process.env.npm_execpath;
  const argv = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout, stderr } =
    npm === undefined
      ? spawnSync('npm', argv, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [npm, ...argv], { cwd: root, encoding: 'utf8' });
  const answer = JSON.parse(stdout || `"${stderr}"`) as Tarball[] | Record<string, Tarball>;
  tarball = Object.values(answer)[0]!;
  paths = tarball.files.map(({ path }) => path);
});

test('EX-06: the tarball holds the program, its types, its sources for debuggers, and five pages', () => {
  const others = paths
    .filter(
      (path) =>
        !/^(?:build\/package\/[\w-]+\.(?:cjs|js|js\.map)|build\/package\/types\/(?:.*\.d\.ts|package\.json)|build\/src\/.*\.d\.ts(?:\.map)?|src\/.*)$/.test(
          path,
        ),
    )
    .sort();
  assert.deepEqual(others, ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']);
  assert.deepEqual(
    paths.filter((path) => path.includes('.test.')),
    [],
  );
  assert.ok(tarball.size <= MAX_PACKED_BYTES, `${tarball.size} bytes`);
});

test('EX-06: every packed source belongs to a source map, and every map finds its sources', () => {
  const packed = new Set(paths);
  const maps = paths.filter((path) => path.endsWith('.map'));
  const named = new Set(
    maps.flatMap((path) => {
      const { sources } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { sources: string[] };
      return sources.map((source) => join(path, '..', source).replaceAll('\\', '/'));
    }),
  );
  // Ignore outputs of deleted sources, which exist on this machine only: prepack builds from an empty folder.
  const current = [...named].filter((path) => existsSync(join(root, path)));
  assert.deepEqual(
    current.filter((path) => !packed.has(path)),
    [],
  );
  assert.deepEqual(
    paths.filter((path) => path.startsWith('src/') && !named.has(path) && !isOfTypesAlone(path)),
    // `hawser serve` serves the page. The other file only lists exports, so no bundle contains it.
    ['src/cli/chat/page.html', 'src/load/index.ts'],
  );
});

/** A source of the command that contains only types, so the bundle contains nothing of it. */
const isOfTypesAlone = (path: string): boolean =>
  /^src\/(cli|conform|load)\//.test(path) &&
  path.endsWith('.ts') &&
  /^export \{\};\s/.test(readFileSync(join(root, 'build', path.replace(/\.ts$/, '.js')), 'utf8'));

test('EX-06: the command is executable, and installation runs no script', () => {
  const { bin, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly scripts: Readonly<Record<string, string>>;
  };
  for (const target of Object.values(bin)) {
    assert.ok(paths.includes(target.replace('./', '')), target);
    assert.match(readFileSync(join(root, target), 'utf8'), /^#!\/usr\/bin\/env node\n/);
  }
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.equal(scripts[name], undefined, name);
  }
});
