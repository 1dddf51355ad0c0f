// Writes the declarations of the package into build/package/types; part of `npm run build`, after tools/bundle.js. The compiler writes
// one file per source. Those that no entry point reaches are removed: they declare nothing that a user can name.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build', 'package', 'types');
const config = join(root, 'tools', 'commonjs-types.json');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

const { status } = spawnSync(process.execPath, [compiler, '-p', config], { stdio: 'inherit' });
if (status !== 0) process.exit(1);

/** @type {{ files: string[] }} */
const { files } = JSON.parse(readFileSync(config, 'utf8'));
const reached = new Set(
  files.map((file) => join(folder, file.replace('../src/', '').replace(/\.ts$/, '.d.ts'))),
);
for (const file of reached) {
  const text = readFileSync(file, 'utf8');
  for (const [, path = ''] of text.matchAll(/\b(?:from |import\()['"](\.{1,2}\/[^'"]+)\.[jt]s['"]/g))
    reached.add(join(dirname(file), `${path}.d.ts`));
}
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  const file = join(folder, name);
  if (name.endsWith('.d.ts') && !name.endsWith('commonjs.d.ts') && !reached.has(file)) rmSync(file);
}
