// Runs around `npm pack`: `prepare` writes what only the published package needs, `restore` puts the files of the repository back.
// Without the owner's field `repository`, links of README.md stay relative: fine on this machine, and refused by a release.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { absoluteLinks, manifestOf, ownerOf } from './owner.js';

const ROOT = join(import.meta.dirname, '..', '..');
const PACKAGE = join(ROOT, 'build', 'package');
const FILES = ['package.json', 'README.md'];
const keptOf = (/** @type {string} */ file) => join(ROOT, 'build', `kept-${file}`);

function restore() {
  for (const file of FILES) if (existsSync(keptOf(file))) renameSync(keptOf(file), join(ROOT, file));
}

function prepare() {
  // The package has no maps, so its files must not name them.
  for (const name of readdirSync(PACKAGE).filter((file) => file.endsWith('.js'))) {
    const path = join(PACKAGE, name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
  }
  const manifest = manifestOf();
  const owner = ownerOf(manifest);
  if (owner === undefined) {
    process.stderr.write('package.json has no field repository: README.md keeps relative links\n');
    return;
  }
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  for (const file of FILES) writeFileSync(keptOf(file), readFileSync(join(ROOT, file)));
  writeFileSync(join(ROOT, 'README.md'), absoluteLinks(readme, owner.page, `v${manifest.version}`));
  writeFileSync(
    join(ROOT, 'package.json'),
    `${JSON.stringify({ ...manifest, ...owner.fields }, undefined, 2)}\n`,
  );
}

const [what] = process.argv.slice(2);
// An interrupted run left them.
restore();
if (what === 'prepare') prepare();
else if (what !== 'restore') {
  process.stderr.write('node tools/release/pack.js prepare | restore\n');
  process.exitCode = 2;
}
