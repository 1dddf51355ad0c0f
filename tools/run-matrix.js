// Runs the compiled test suite on every Node of tools/runtimes, one after the other: `npm run test:matrix`. Arguments that look
// like a version (`22`, `node24`, `20.19`) select runtimes. The other arguments go to tools/run-tests.js.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'tools', 'runtimes');
/** @type {{ dependencies: Record<string, string> }} */
const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

const versions = process.argv.slice(2).filter((argument) => /^(?:node)?\d+(?:\.\d+)?$/.test(argument));
const filters = process.argv.slice(2).filter((argument) => !versions.includes(argument));
const names = Object.keys(dependencies).filter(
  (name) =>
    versions.length === 0 || versions.some((version) => name === `node${version.replace('node', '')}`),
);
const programOf = (/** @type {string} */ name) => join(folder, 'node_modules', name, 'bin', 'node');
const missing = names.filter((name) => !existsSync(programOf(name)));
if (names.length === 0 || missing.length > 0) {
  process.stderr.write(
    `not installed: ${missing.join(', ') || versions.join(', ')}; npm ci --prefix tools/runtimes (Linux x64 only)\n`,
  );
  process.exit(1);
}

const failed = names.filter((name) => {
  process.stdout.write(`\n${name}: ${dependencies[name]}\n`);
  const { status } = spawnSync(programOf(name), [join(root, 'tools', 'run-tests.js'), ...filters], {
    cwd: root,
    stdio: 'inherit',
  });
  return status !== 0;
});
process.stdout.write(
  failed.length === 0 ? `passed on ${names.join(', ')}\n` : `failed on ${failed.join(', ')}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
