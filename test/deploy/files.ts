import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EXAMPLE, ROOT } from './balancers.ts';

const FOLDER = join(ROOT, 'test', 'deploy');
/** Loads packages of test/deploy. */
export const load = createRequire(join(FOLDER, 'package.json'));

interface YamlModule {
  parseAllDocuments(
    this: void,
    text: string,
    options: { readonly merge: boolean },
  ): readonly {
    readonly errors: readonly Error[];
    toJS(): unknown;
  }[];
}

function found(name: string): string | false {
  try {
    load.resolve(name);
    return false;
  } catch {
    return `needs the package ${name}: npm ci --ignore-scripts --prefix test/deploy`;
  }
}
export const NO_YAML: string | false = found('yaml');
export const NO_PACKAGES: string | false = NO_YAML || found('kubernetes-models') || found('dockerfile-utils');

/** The documents of a YAML file. @throws For a syntax error. */
export function documents(text: string): readonly unknown[] {
  const { parseAllDocuments } = load('yaml') as YamlModule;
  return parseAllDocuments(text, { merge: true }).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

export const fileOf = (name: string): string => readFileSync(join(EXAMPLE, name), 'utf8');

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly healthcheck: { readonly test: readonly string[] };
}
/** A file of Compose, as far as the tests read it. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: {
    readonly default: { readonly ipam: { readonly config: readonly { readonly subnet: string }[] } };
  };
}

export const compose = (text = fileOf('docker-compose.yml')): ComposeFile =>
  documents(text)[0] as ComposeFile;

/** The arguments of redis-server. */
export function redisArguments({ services }: ComposeFile): readonly string[] {
  const [program, ...args] = services['redis']?.command ?? [];
  assert.equal(program, 'redis-server');
  return args;
}

/** The command that says whether a node is healthy. */
export function healthCheck({ services }: ComposeFile): readonly string[] {
  const [kind, ...command] = services['node-1']?.healthcheck.test ?? [];
  assert.equal(kind, 'CMD');
  return command;
}

/** The variables that the node reads. */
export function variables(): ReadonlySet<string> {
  const [, list = ''] = /const \{([^}]+)\} = process\.env;/.exec(fileOf('node.js')) ?? [];
  return new Set([...list.matchAll(/^ {2}(\w+) =/gm)].map(([, name]) => name!));
}

/** What is wrong with the times of a shutdown. */
export function drainComplaints(
  env: Readonly<Record<string, string>>,
  graceMs: number,
  noticedMs: number,
): string[] {
  const [ready, drain] = [Number(env['READY_DELAY_MS']), Number(env['DRAIN_MS'])];
  const complaints = Object.keys(env)
    .filter((name) => !variables().has(name))
    .map((name) => `node.js does not read ${name}`);
  // After the connections, a node leaves the engine: three steps of at most 2 s.
  if (!(graceMs >= ready + drain + 6_000))
    complaints.push(`${graceMs} ms is too short for ${ready} + ${drain} ms`);
  if (!(ready > noticedMs)) complaints.push(`${ready} ms is too short to notice: ${noticedMs} ms`);
  return complaints;
}
