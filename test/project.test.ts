import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const json = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));

interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}
interface LockEntry {
  readonly version?: string;
  readonly resolved?: string;
  /** Whether the entry is a folder of this repository instead of a package of a registry. */
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lockFiles = [
  '',
  'bench',
  'bench/bun',
  'bench/cluster',
  'examples/cluster',
  'examples/express',
  'examples/fastify',
  'examples/tutorial/7-two-nodes',
  'test/cluster',
  'test/deploy',
  'test/interop',
  'tools/runtimes',
  'tools/api',
  'tools/site',
  'tools/wasm',
  'tools/package-check',
  'tools/toolchains',
]
  .map((folder) => join(folder, 'package-lock.json'))
  .filter((path) => existsSync(join(root, path)));

for (const path of lockFiles) {
  const { packages } = json(path) as Lock;

  test(`${path} lists the optional packages of every platform, so npm ci works on each`, () => {
    const missing = Object.values(packages)
      .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
      .filter((name) => packages[`node_modules/${name}`] === undefined);
    assert.deepEqual(missing, []);
  });

  test(`${path} names no registry`, () => {
    assert.deepEqual(
      Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined && entry.link !== true),
      [],
    );
  });
}

type Target = string | readonly Target[] | { readonly [name: string]: Target };
const targetsOf = (target: Target): readonly string[] =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap(targetsOf);

test('every file that package.json names as export, command or types exists', () => {
  const { exports, bin, main, types, typesVersions } = json('package.json') as Readonly<
    Record<string, Target>
  >;
  const targets = targetsOf([exports!, bin!, main!, types!, typesVersions!]);
  assert.ok(targets.length >= 30);
  for (const target of targets) assert.ok(existsSync(join(root, target)), target);
});

test('GN-08: the package has no runtime dependency but optional ones, for clients of outside systems', () => {
  const manifest = json('package.json') as Readonly<Record<string, unknown>>;
  for (const kind of ['dependencies', 'optionalDependencies']) assert.equal(manifest[kind], undefined, kind);
  const peers = ['@nats-io/transport-node', '@opentelemetry/api', 'ioredis', 'nats', 'redis'];
  assert.deepEqual(Object.keys(manifest['peerDependencies'] as object), peers);
  assert.deepEqual(
    manifest['peerDependenciesMeta'],
    Object.fromEntries(peers.map((name) => [name, { optional: true }])),
  );
});

test('decision records are numbered without gaps, and the index lists each', () => {
  const folder = join(root, 'docs', 'decisions');
  const numbered = readdirSync(folder).filter((name) => /^\d{4}-/.test(name));
  const index = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const [at, name] of numbered.sort().entries()) {
    assert.equal(Number(name.slice(0, 4)), at + 1);
    assert.ok(index.includes(name), name);
  }
});
