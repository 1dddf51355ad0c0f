// The steps of the release checklist that read files and start nothing but git. Each returns what is wrong; undefined if nothing is.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { manifestOf, ownerOf } from './owner.js';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (/** @type {string[]} */ ...path) => readFileSync(join(ROOT, ...path), 'utf8');

/** @returns What git printed. @throws Error if git fails, because no output would look like a clean tree. */
function git(/** @type {string[]} */ ...args) {
  const { status, stdout, stderr, error } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`'git ${args.join(' ')}' failed: ${error?.message ?? stderr.trim()}`);
  return stdout.trim();
}

export function treeFault() {
  const changed = git('status', '--porcelain');
  return changed === '' ? undefined : `commit or remove these first:\n${changed}`;
}

export function ownerFault() {
  const fix =
    'npm pkg set repository.type=git repository.url=git+https://github.com/OWNER/hawser.git, with the real owner';
  return ownerOf(manifestOf()) === undefined ? `package.json has no field repository; ${fix}` : undefined;
}

export function versionsFault() {
  const { version } = manifestOf();
  const lock = JSON.parse(read('package-lock.json'));
  const tarball = /hawser-(\d+\.\d+\.\d+)\.tgz/;
  const places = new Map([
    ['package-lock.json', lock.version],
    ['package-lock.json, packages', lock.packages[''].version],
    ['docs/getting-started.md', tarball.exec(read('docs', 'getting-started.md'))?.[1]],
    ['docs/tutorial/README.md', tarball.exec(read('docs', 'tutorial', 'README.md'))?.[1]],
    ['docs/why.md', /at version (\d+\.\d+\.\d+)/.exec(read('docs', 'why.md'))?.[1]],
  ]);
  const others = [...places].filter(([, found]) => found !== version);
  const faults = others.map(
    ([place, found]) => `${place} says ${found ?? 'no version'}, package.json says ${version}`,
  );
  // The workflow of a release runs at the commit that has the tag.
  if (git('tag', '--list', '--no-contains', 'HEAD', `v${version}`) !== '')
    faults.push(`the tag v${version} names an earlier commit: raise the version in package.json`);
  return faults.length === 0 ? undefined : faults.join('\n');
}

/**
 * What is wrong with a changelog before the release of a version.
 * @param {string} changelog @param {string} version
 */
export function faultOfChangelog(changelog, version) {
  const [, ...sections] = changelog.split(/^## /m);
  const sectionOf = (/** @type {RegExp} */ title) => sections.find((section) => title.test(section));
  if (sectionOf(new RegExp(`^${version.replaceAll('.', '\\.')}, \\d{4}-\\d\\d-\\d\\d$`, 'm')) === undefined)
    return `CHANGELOG.md has no heading '## ${version}, <date>'`;
  const unreleased = sectionOf(/^Unreleased\b/) ?? '';
  return /^[-*] /m.test(unreleased)
    ? `CHANGELOG.md has changes under Unreleased: move them to '## ${version}'`
    : undefined;
}

export const changelogFault = () => faultOfChangelog(read('CHANGELOG.md'), manifestOf().version);

/**
 * What is wrong with the files of an unpacked tarball.
 * @param {string} folder
 */
export function packFault(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
    name.replaceAll('\\', '/'),
  );
  const faults = names
    .filter((name) => /\.map$|^src\/|\.test\.|(?:^|\/)node_modules\//.test(name))
    .map((name) => `${name} does not belong into the package`);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const field of ['repository', 'homepage', 'bugs'])
    if (manifest[field] === undefined) faults.push(`package.json has no field ${field}`);
  const prose = readFileSync(join(folder, 'README.md'), 'utf8').replaceAll(/^```[^]*?^```|(`+)[^]*?\1/gm, '');
  for (const [, inText, inTag] of prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"\s]+)"/g)) {
    const link = inText ?? inTag ?? '';
    if (!/^(?:https:|#)/.test(link)) faults.push(`README.md: the link ${link} is relative`);
  }
  for (const name of names.filter((each) => each.endsWith('.js') && statSync(join(folder, each)).isFile()))
    if (readFileSync(join(folder, name), 'utf8').includes('\n//# sourceMappingURL='))
      faults.push(`${name} names a source map that the package does not have`);
  return faults.length === 0 ? undefined : faults.join('\n');
}
