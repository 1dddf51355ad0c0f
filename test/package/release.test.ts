import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const RELEASE = join(ROOT, 'tools', 'release');

interface Owner {
  readonly page: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
interface OwnerModule {
  readonly ownerOf: (manifest: object) => Owner | undefined;
  readonly absoluteLinks: (markdown: string, page: string, tag: string) => string;
}
interface FactsModule {
  readonly faultOfChangelog: (changelog: string, version: string) => string | undefined;
  readonly packFault: (folder: string) => string | undefined;
}
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(RELEASE, file)).href);
const { ownerOf, absoluteLinks } = (await load('owner.js')) as OwnerModule;
const { faultOfChangelog, packFault } = (await load('facts.js')) as FactsModule;

const PAGE = 'https://code.example/ann/hawser';
const FIELDS = {
  homepage: `${PAGE}#readme`,
  bugs: { url: `${PAGE}/issues` },
  repository: { type: 'git', url: `git+${PAGE}.git` },
};
for (const [what, manifest, owner] of [
  ['nothing', {}, undefined],
  ['an empty address', { repository: { url: '' } }, undefined],
  ['an address', { repository: PAGE }, { page: PAGE, fields: FIELDS }],
  ["npm's form", { repository: { url: `git+${PAGE}.git` } }, { page: PAGE, fields: FIELDS }],
  [
    'a site',
    { repository: `${PAGE}/`, homepage: 'https://hawser.example/' },
    { page: PAGE, fields: { ...FIELDS, homepage: 'https://hawser.example/' } },
  ],
] as const) {
  test(`EX-06: the fields of the owner follow from repository: ${what}`, () =>
    assert.deepEqual(ownerOf(manifest), owner));
}

for (const repository of ['git@code.example:ann/hawser.git', 'http://code.example/ann/hawser', 'ann/hawser'])
  test(`EX-06: repository '${repository}' is refused, because no page could link to it`, () =>
    assert.throws(() => ownerOf({ repository }), /repository is '.*'; it must be git\+https:/));

for (const [markdown, expected] of [
  ['[a](docs/a.md)', '[a](PAGE/blob/v1/docs/a.md)'],
  ['[a](./docs/a.md#b) [b](SECURITY.md)', '[a](PAGE/blob/v1/docs/a.md#b) [b](PAGE/blob/v1/SECURITY.md)'],
  ['![picture](docs/a.svg)', '![picture](PAGE/raw/v1/docs/a.svg)'],
  ['[![picture](a.svg)](a.md)', '[![picture](PAGE/raw/v1/a.svg)](PAGE/blob/v1/a.md)'],
  [
    '<source srcset="a.webp"><img src="b.webp">',
    '<source srcset="PAGE/raw/v1/a.webp"><img src="PAGE/raw/v1/b.webp">',
  ],
  ['<a href="a.md"> <a href="#b">', '<a href="PAGE/blob/v1/a.md"> <a href="#b">'],
  [
    '[a](https://a.example/) [b](#b) [c](mailto:c@example)',
    '[a](https://a.example/) [b](#b) [c](mailto:c@example)',
  ],
  ['`[a](b)` and\n```js\nf[a](b)\n```\n[c](d)', '`[a](b)` and\n```js\nf[a](b)\n```\n[c](PAGE/blob/v1/d)'],
] as const)
  test(`EX-06: relative links become absolute: ${JSON.stringify(markdown)}`, () =>
    assert.equal(absoluteLinks(markdown, 'PAGE', 'v1'), expected));

for (const [changelog, fault] of [
  ['# C\n\n## Unreleased\n\n## 1.2.0, 2026-12-01\n\n- a\n', undefined],
  ['# C\n\n## 1.2.0, 2026-12-01\n\n- a\n', undefined],
  ['# C\n\n## Unreleased\n\n- a\n', /no heading '## 1\.2\.0, <date>'/],
  ['# C\n\n## 1.2.01, 2026-12-01\n\n- a\n', /no heading/],
  ['# C\n\n## 1.2.0, not yet released\n\n- a\n', /no heading/],
  ['# C\n\n## Unreleased\n\n- a\n\n## 1.2.0, 2026-12-01\n\n- b\n', /changes under Unreleased/],
] as const)
  test(`EX-06: a changelog ${fault === undefined ? 'is ready' : `is refused: ${fault.source}`} (${JSON.stringify(changelog)})`, () => {
    const found = faultOfChangelog(changelog, '1.2.0');
    if (fault === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', fault);
  });

/** Runs npm. When npm runs the tests, the environment has its path; otherwise the shell finds it. */
function npm(cwd: string, ...args: string[]): void {
  const path = process.env['npm_execpath'];
  const { status, stderr } =
    path === undefined
      ? spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [path, ...args], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('EX-06: with the field repository, the packed package passes the checklist, and the files are put back', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-release-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const project = join(folder, 'project');
  for (const path of [
    'README.md',
    'CHANGELOG.md',
    'SECURITY.md',
    'LICENSE',
    'tools/release',
    'build/package',
  ])
    cpSync(join(ROOT, path), join(project, path), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object;
  const given = `${JSON.stringify({ ...manifest, repository: PAGE }, undefined, 2)}\n`;
  writeFileSync(join(project, 'package.json'), given);
  const pack = (what: string): void => {
    const script = join(project, 'tools', 'release', 'pack.js');
    const { status, stderr } = spawnSync(process.execPath, [script, what], { encoding: 'utf8' });
    assert.deepEqual([stderr, status], ['', 0]);
  };
  const packed = (): string => {
    const target = mkdtempSync(join(folder, 'packed-'));
    npm(project, 'pack', '--ignore-scripts', '--silent', '--pack-destination', target);
    const tarball = readdirSync(target).find((name) => name.endsWith('.tgz'))!;
    assert.equal(spawnSync('tar', ['-xzf', tarball], { cwd: target }).status, 0);
    return join(target, 'package');
  };
  const unprepared = packFault(packed()) ?? '';
  assert.match(unprepared, /README\.md: the link docs\/getting-started\.md is relative/);
  assert.match(unprepared, /README\.md: the link docs\/pictures\/chat-light\.webp is relative/);
  assert.match(unprepared, /ws\.js names a source map/);
  assert.match(unprepared, /package\.json has no field bugs/);

  pack('prepare');
  const prepared = packed();
  assert.equal(packFault(prepared), undefined);
  const readme = readFileSync(join(prepared, 'README.md'), 'utf8');
  assert.match(
    readme,
    /\]\(https:\/\/code\.example\/ann\/hawser\/blob\/v[\d.]+\/docs\/getting-started\.md\)/,
  );
  pack('restore');
  assert.equal(readFileSync(join(project, 'package.json'), 'utf8'), given);
  assert.equal(
    readFileSync(join(project, 'README.md'), 'utf8'),
    readFileSync(join(ROOT, 'README.md'), 'utf8'),
  );

  mkdirSync(join(prepared, 'src'));
  writeFileSync(join(prepared, 'src', 'index.ts'), '');
  assert.match(packFault(prepared) ?? '', /src\/index\.ts does not belong into the package/);
});

const check = (...args: string[]) =>
  spawnSync(process.execPath, [join(RELEASE, 'check.js'), ...args], { encoding: 'utf8' });

test('EX-06: release:check lists its steps, runs chosen ones, and names those that have failed', () => {
  const listed = check('--list').stdout.trim().split('\n');
  assert.ok(listed.length > 10);
  const { stdout, status } = check('--only', 'owner,versions');
  const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly repository?: unknown;
  };
  assert.match(stdout, /^ok {6}versions +\d+\.\d s {2}/m);
  assert.match(
    stdout,
    repository === undefined ? /^failed {2}owner .*\n {8}package\.json has no field/m : /^ok {6}owner/m,
  );
  assert.match(stdout, new RegExp(`${listed.length - 2} steps did not run\n$`));
  assert.equal(status, repository === undefined ? 1 : 0);
});

for (const [args, problem] of [
  [['--only', 'tests,nothing'], "there is no step 'nothing'; --list prints them"],
  [['--skip', 'nothing'], "there is no step 'nothing'; --list prints them"],
  [['--fast'], "Unknown option '--fast'"],
] as const)
  test(`EX-06: release:check refuses ${args.join(' ')}`, () => {
    const { stderr, status } = check(...args);
    assert.ok(stderr.startsWith(`release:check: ${problem}`), stderr);
    assert.equal(status, 2);
  });

test('EX-06: release:check compares the version with pages and tags, and runs every step after one that throws', (t) => {
  const project = mkdtempSync(join(tmpdir(), 'hawser-release-'));
  t.after(() => rmSync(project, { recursive: true, force: true, maxRetries: 5 }));
  const pages = ['docs/getting-started.md', 'docs/tutorial/README.md', 'docs/why.md'];
  for (const path of ['package.json', 'package-lock.json', 'tools/release', ...pages])
    cpSync(join(ROOT, path), join(project, path), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const checked = (): string =>
    spawnSync(process.execPath, [join(project, 'tools', 'release', 'check.js'), '--only', 'tree,versions'], {
      encoding: 'utf8',
    }).stdout;
  const git = (...args: string[]): void => {
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@example'];
    const { status, stderr } = spawnSync('git', [...author, ...args], { cwd: project, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const failed = checked();
  assert.match(failed, /^failed {2}tree .*\n {8}'git status --porcelain' failed: /m);
  assert.match(failed, /^failed {2}versions .*\n {8}'git tag/m);

  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'a');
  git('tag', `v${version}`);
  assert.match(checked(), /^ok {6}tree .*\nok {6}versions /m);
  git('commit', '--quiet', '--message', 'b', '--allow-empty');
  writeFileSync(join(project, 'docs', 'why.md'), '');
  const later = checked();
  assert.match(later, /^failed {2}tree .*\n.*\n {8}M docs\/why\.md/m);
  assert.match(later, /docs\/why\.md says no version, package\.json says/);
  assert.match(later, /the tag v[\d.]+ names an earlier commit/);
});
