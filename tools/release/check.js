// The checklist of a release: `npm run release:check`. Runs every step, also after one has failed, and prints each with its result and
// its time. Exits with 0 if all have passed, 1 if one has failed, 2 for wrong usage.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { changelogFault, ownerFault, packFault, treeFault, versionsFault } from './facts.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Of a failed program, these last lines are printed. */
const SHOWN_LINES = 30;

/** @typedef {() => Promise<string | undefined> | string | undefined} Step Returns what is wrong. */

/**
 * Runs a program in the root. npm is one command on every system only through a shell.
 * @param {Readonly<Record<string, string>>} env @param {readonly string[]} words
 * @returns {Promise<string | undefined>} The last lines of its output if it failed.
 */
function run(env, ...words) {
  const [program = '', ...args] = words;
  const child = spawn(program === 'node' ? process.execPath : program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: program === 'npm' && process.platform === 'win32',
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      said = (said + text).slice(-100_000);
    });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(undefined);
      const lines = said.trimEnd().split('\n').slice(-SHOWN_LINES);
      return resolve([`'${words.join(' ')}' ended with ${code ?? signal}`, ...lines].join('\n'));
    });
  });
}

/** Runs programs one after the other, until one fails. @param {readonly (readonly string[])[]} programs */
const all =
  (...programs) =>
  async () => {
    for (const words of programs) {
      const fault = await run({}, ...words);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };

const lint = all(['npm', 'run', 'check'], ['npm', 'run', 'lint'], ['npm', 'run', 'format:check']);

/** Tests every installed peer again and compares the results with the recorded ones. */
async function conformance() {
  const fault = await run({}, 'node', join('tools', 'conformance-peers', 'record.js'));
  return fault ?? run({}, 'git', 'diff', '--exit-code', '--stat', '--', 'docs/conformance');
}

async function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-release-'));
  try {
    const fault = await run({}, 'npm', 'pack', '--silent', '--pack-destination', folder);
    if (fault !== undefined) return fault;
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    const unpacked = await run({}, 'tar', '-xzf', join(folder, tarball), '-C', folder);
    return unpacked ?? packFault(join(folder, 'package'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The quick ones first. @type {Readonly<Record<string, readonly [says: string, step: Step]>>} */
const STEPS = {
  tree: ['the work tree has no change that is not committed', treeFault],
  owner: ['package.json names the repository', ownerFault],
  versions: [
    'package.json, its lock file and the pages name one version; no other commit has its tag',
    versionsFault,
  ],
  changelog: ['CHANGELOG.md has this version, and nothing under Unreleased', changelogFault],
  lint: ['types, rules of the linter, format', lint],
  build: ['the build', all(['npm', 'run', 'build'])],
  tests: [
    'all tests with every peer, and coverage',
    () => run({ HAWSER_REQUIRE_PEERS: '1' }, 'npm', 'run', 'coverage'),
  ],
  matrix: ['the tests on every Node that package.json allows', all(['npm', 'run', 'test:matrix'])],
  fuzz: ['the fuzzers, for a minute', all(['node', 'build/fuzz/main.js', '--seconds', '60'])],
  conformance: ['every installed peer gets its recorded results', conformance],
  bench: [
    'no ratio to ws is worse than the recorded one by more than PF-13 allows',
    all(['npm', 'run', 'bench:gate']),
  ],
  docs: ['the site, with its API pages and its links', all(['npm', 'run', 'docs:site'])],
  package: ['fields and types of the package, compilers, bundlers', all(['npm', 'run', 'package:check'])],
  pack: ['the tarball has what runs, absolute links, and the fields of the owner', pack],
};

const USAGE = `Usage: npm run release:check -- [flags]

Runs the checklist of a release. All steps take one to two hours; the first four take seconds. Install the peers first: CONTRIBUTING.md
lists them. conformance and bench need a quiet machine.

  --list           print the steps and end
  --only <names>   only these steps, separated by commas
  --skip <names>   all steps but these
  --help           this

Examples:
  npm run release:check
  npm run release:check -- --only tree,owner,versions,changelog
  npm run release:check -- --skip matrix,bench
`;

/** @returns {never} */
function refuse(/** @type {string} */ problem) {
  process.stderr.write(`release:check: ${problem}\n`);
  process.exit(2);
}

/** @param {string | undefined} list */
function named(list) {
  const names = list === undefined ? [] : list.split(',');
  for (const name of names)
    if (!Object.hasOwn(STEPS, name)) refuse(`there is no step '${name}'; --list prints them`);
  return names;
}

function flags() {
  const options = /** @type {const} */ ({
    list: { type: 'boolean' },
    help: { type: 'boolean' },
    only: { type: 'string' },
    skip: { type: 'string' },
  });
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { list, help, only, skip } = flags();
const [chosen, skipped] = [named(only), named(skip)];
const steps = Object.entries(STEPS).filter(
  ([name]) => (chosen.length === 0 || chosen.includes(name)) && !skipped.includes(name),
);
if (help === true) process.stdout.write(USAGE);
else if (list === true)
  for (const [name, [says]] of steps) process.stdout.write(`${name.padEnd(12)}${says}\n`);
else await check();

async function check() {
  const failed = [];
  for (const [name, [says, step]] of steps) {
    const start = performance.now();
    // A step that throws has failed, too: the others still run.
    const fault = await Promise.resolve()
      .then(step)
      .catch((/** @type {Error} */ error) => error.message);
    const seconds = ((performance.now() - start) / 1_000).toFixed(1);
    process.stdout.write(
      `${fault === undefined ? 'ok    ' : 'failed'}  ${name.padEnd(12)}${seconds.padStart(7)} s  ${says}\n`,
    );
    if (fault === undefined) continue;
    failed.push(name);
    process.stdout.write(`${fault.trimEnd().replaceAll(/^/gm, '        ')}\n`);
  }
  const left = Object.keys(STEPS).length - steps.length;
  const notRun = left === 0 ? '' : `; ${left} steps did not run`;
  process.stdout.write(
    failed.length === 0 ? `all steps have passed${notRun}\n` : `failed: ${failed.join(', ')}${notRun}\n`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}
