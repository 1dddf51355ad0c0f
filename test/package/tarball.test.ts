import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import process from 'node:process';
import { before, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
/** Maximum size of the packed tarball. */
const MAX_PACKED_BYTES = 1_200_000;

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

test('EX-06: the tarball holds the program, its types, two pages of the command, and five texts', () => {
  const others = paths
    .filter(
      (path) =>
        !/^build\/package\/(?:[\w-]+\.(?:cjs|js|d\.ts|html)|types\/(?:.*\.d\.ts|package\.json))$/.test(path),
    )
    .sort();
  assert.deepEqual(others, ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']);
  assert.ok(tarball.size <= MAX_PACKED_BYTES, `${tarball.size} bytes`);
});

test('EX-06: the tarball has no declaration that no entry point reaches, and misses none', () => {
  const declared = paths.filter((path) => path.endsWith('.d.ts'));
  const reached = new Set(
    declared.filter((path) => /^build\/package\/[\w-]+\.d\.ts$/.test(path) || path.endsWith('commonjs.d.ts')),
  );
  assert.ok(reached.size > 10);
  for (const path of reached)
    for (const [, to] of readFileSync(join(root, path), 'utf8').matchAll(/\bfrom ['"](\.[^'"]+)\.[jt]s['"]/g))
      reached.add(posix.join(posix.dirname(path), `${to}.d.ts`));
  assert.deepEqual([...reached].sort(), declared.sort());
});

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
