// Checks the packed package: publint its fields and files, are-the-types-wrong its types, knip unused files, exports and
// dependencies. action-validator checks the workflows. Prints their output; exits with 1 if one of them reports a problem.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..', '..');
const tool = (/** @type {string} */ path) => join(import.meta.dirname, 'node_modules', path);
const folder = mkdtempSync(join(tmpdir(), 'hawser-package-'));

/** @param {string} program @param {string[]} argv */
function run(program, argv) {
  const { status } = spawnSync(program, argv, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return status === 0;
}

const tarball = spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
  cwd: root,
  encoding: 'utf8',
  shell: process.platform === 'win32',
}).stdout.trim();
const packed = join(folder, tarball);
const results = [
  run(process.execPath, [tool('publint/src/cli.js'), '--strict', packed]),
  run(process.execPath, [tool('@arethetypeswrong/cli/dist/index.js'), packed, '--profile', 'strict']),
  run(process.execPath, [tool('knip/bin/knip.js'), '--config', 'tools/package-check/knip.json']),
  ...readdirSync(join(root, '.github', 'workflows')).map((name) =>
    run(process.execPath, [tool('@action-validator/cli/cli.mjs'), join('.github', 'workflows', name)]),
  ),
];
rmSync(folder, { recursive: true });
process.exitCode = results.every(Boolean) ? 0 : 1;
