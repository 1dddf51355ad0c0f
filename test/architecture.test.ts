import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const OXLINT = join(ROOT, 'node_modules/oxlint/bin/oxlint');
const SKIP = (process.versions['bun'] ?? process.versions['deno']) ? 'the linter runs on Node' : false;

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly message: string;
  readonly help?: string;
}

/** Runs the project's linter over the folders `src` and `bench` in `folder`. */
async function lint(folder: string, config: string): Promise<readonly Diagnostic[]> {
  const argv = [OXLINT, '-c', config, '-f', 'json', 'src', 'bench'];
  const run = promisify(execFile)(process.execPath, argv, { cwd: folder, maxBuffer: 2 ** 24 });
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
  return (JSON.parse(stdout) as { readonly diagnostics: readonly Diagnostic[] }).diagnostics;
}

const { LAYERS } = (await import(pathToFileURL(join(ROOT, 'tools/layers.js')).href)) as {
  readonly LAYERS: Readonly<Record<string, readonly string[]>>;
};

test('EX-05 GN-08 GN-10 GN-12 the linter finds no violation of the layers in src/ and bench/', {
  skip: SKIP,
}, async () => {
  assert.deepEqual(await lint(ROOT, 'oxlint.config.js'), []);
});

test('EX-05 every folder of src/ has a row in the table of layers, and no two rows import each other', () => {
  for (const entry of readdirSync(join(ROOT, 'src'), { withFileTypes: true })) {
    if (entry.isDirectory()) assert.ok(LAYERS[entry.name] !== undefined, `${entry.name}/ has no row`);
  }
  for (const [layer, below] of Object.entries(LAYERS)) {
    for (const other of below) assert.ok(!LAYERS[other]?.includes(layer), `${layer} and ${other}`);
  }
});

const IMPORTS = 'eslint(no-restricted-imports)';
const GLOBALS = 'eslint(no-restricted-globals)';
const MEMBERS = 'eslint(no-restricted-properties)';
const SYNTAX = 'js(no-restricted-syntax)';

/** Title, file, source, the rule that must report it, and a part of the rule's message. */
const VIOLATIONS: readonly (readonly [string, string, string, string, RegExp])[] = [
  ['protocol → sockets', 'protocol/a.ts', "import '../sockets/clock.ts';", IMPORTS, /itself only/],
  [
    'a type import counts',
    'protocol/b.ts',
    "export type { now } from '../sockets/clock.ts';",
    IMPORTS,
    /itself only/,
  ],
  [
    'an import() type counts',
    'protocol/c.ts',
    "export type A = import('../sockets/clock.ts').A;",
    'typescript(consistent-type-imports)',
    /annotations are forbidden/,
  ],
  [
    'a dynamic import counts: client → server',
    'client/a.ts',
    "await import('../server/server.ts');",
    IMPORTS,
    /client may import/,
  ],
  [
    'a re-export counts: sockets → connection',
    'sockets/a.ts',
    "export * from '../connection/link.ts';",
    IMPORTS,
    /sockets may/,
  ],
  [
    'a nested folder counts: server → client',
    'server/opening/a.ts',
    "export { connect } from '../../client/connect.ts';",
    IMPORTS,
    /server may/,
  ],
  ['engine → sockets', 'engine/a.ts', "import '../sockets/clock.ts';", IMPORTS, /engine may/],
  [
    'options → connection',
    'options/a.ts',
    "import '../connection/link.ts';",
    IMPORTS,
    /Only types of connection/,
  ],
  ['connection → server', 'connection/a.ts', "import '../server/server.ts';", IMPORTS, /connection may/],
  ['connection → cluster', 'connection/bus.ts', "import '../cluster/bus.ts';", IMPORTS, /connection may/],
  ['cluster → server by value', 'cluster/b.ts', "import '../server/server.ts';", IMPORTS, /types of server/],
  ['server → testing', 'server/c.ts', "import '../testing/kit.ts';", IMPORTS, /server may/],
  ['server → cli', 'server/d.ts', "import '../cli/run.ts';", IMPORTS, /server may/],
  ['cluster → cli', 'cluster/a.ts', "import '../cli/run.ts';", IMPORTS, /cluster may/],
  ['testing → cli', 'testing/a.ts', "import '../cli/run.ts';", IMPORTS, /testing may/],
  ['ws → cluster', 'ws/a.ts', "import '../cluster/bus.ts';", IMPORTS, /ws may/],
  ['conform → cli', 'conform/a.ts', "import '../cli/run.ts';", IMPORTS, /conform may/],
  ['load → conform', 'load/a.ts', "import '../conform/case.ts';", IMPORTS, /load may/],
  ['streams → server', 'streams/a.ts', "import '../server/server.ts';", IMPORTS, /streams may/],
  ['channels → observe', 'channels/a.ts', "import '../observe/stats.ts';", IMPORTS, /channels may/],
  ['load past an entry point', 'load/b.ts', "import '../client/connect.ts';", IMPORTS, /load may/],
  [
    'conform past an entry point',
    'conform/b.ts',
    "export type { mask } from '../protocol/mask.ts';",
    IMPORTS,
    /conform may/,
  ],
  ['cli past an entry point', 'cli/bench/a.ts', "import '../../server/server.ts';", IMPORTS, /cli may/],
  ['cli past the entry point of load', 'cli/a.ts', "import '../load/run.ts';", IMPORTS, /cli may/],
  [
    'bench past an entry point',
    '../bench/servers/a.ts',
    "import '../../src/protocol/mask.ts';",
    IMPORTS,
    /benchmark may/,
  ],
  ['index → testing', 'entry.ts', "export { kit } from './testing/kit.ts';", IMPORTS, /may import/],
  [
    'observe by value',
    'connection/c.ts',
    "import { count } from '../observe/stats.ts';\ncount();",
    IMPORTS,
    /Only types of observe\//,
  ],
  [
    'observe → server by value',
    'observe/a.ts',
    "export { started } from '../server/server.ts';",
    IMPORTS,
    /Only types of server\/ may be imported/,
  ],
  [
    'observe → client',
    'observe/b.ts',
    "export type { C } from '../client/connect.ts';",
    IMPORTS,
    /observe may/,
  ],
  [
    'the API of OpenTelemetry outside of its entry point',
    'observe/c.ts',
    "import { trace } from '@opentelemetry/api';\nexport const spans = trace;",
    IMPORTS,
    /observe may import/,
  ],
  [
    'another package in the entry point of OpenTelemetry',
    'opentelemetry/a.ts',
    "import { core } from '@opentelemetry/core';\nexport const a = core;",
    IMPORTS,
    /opentelemetry may import/,
  ],
  [
    'server → opentelemetry',
    'server/f.ts',
    "export type { spans } from '../opentelemetry/spans.ts';",
    IMPORTS,
    /server may import/,
  ],
  [
    'protocol → observe',
    'protocol/d.ts',
    "export type { Stats } from '../observe/stats.ts';",
    IMPORTS,
    /itself/,
  ],
  ['a folder without a row', 'utils/a.ts', "import '../index.ts';", IMPORTS, /no row in the table LAYERS/],
  ['a folder too deep', 'server/a/b/c/a.ts', "import './b.ts';", IMPORTS, /no row in the table LAYERS/],
  ['out of src/', 'server/f.ts', "import '../../test/helper.ts';", IMPORTS, /server may/],
  [
    'a path that is not the shortest',
    'client/b.ts',
    "import './../client/connect.ts';",
    IMPORTS,
    /shortest path/,
  ],
  ['GN-08 a dependency', 'server/g.ts', "import 'ws';", IMPORTS, /and node:/],
  ['GN-08 a module of Node without node:', 'server/h.ts', "import 'net';", IMPORTS, /and node:/],
  ['a suffix other than .ts', 'server/i.ts', "import './server.js';", IMPORTS, /ending in \.ts/],
  ['no suffix', 'server/j.ts', "import './server';", IMPORTS, /ending in \.ts/],
  [
    'a computed import',
    'server/k.ts',
    'export const load = (name: string) => import(name);',
    'import(no-dynamic-require)',
    /literal/,
  ],
  ['createRequire', 'server/l.ts', "import 'node:module';", IMPORTS, /other means than import/],
  ['require', 'server/m.ts', "require('node:net');", GLOBALS, /other means than import/],
  ['GN-12 protocol with a socket', 'protocol/e.ts', "import 'node:net';", IMPORTS, /protocol may import/],
  [
    'GN-12 protocol with zlib',
    'protocol/deflate/a.ts',
    "import 'node:zlib';",
    IMPORTS,
    /protocol may import/,
  ],
  ['GN-12 protocol with a timer', 'protocol/f.ts', 'setTimeout(() => {}, 1);', GLOBALS, /no I\/O, time/],
  ['GN-12 protocol with a tick', 'protocol/g.ts', 'queueMicrotask(() => {});', GLOBALS, /no I\/O, time/],
  ['GN-12 protocol with a clock', 'protocol/h.ts', 'export const t = Date.now();', GLOBALS, /no I\/O, time/],
  [
    'GN-12 protocol with another clock',
    'protocol/i.ts',
    'export const t = performance.now();',
    GLOBALS,
    /no I\/O/,
  ],
  ['GN-12 Math.random', 'protocol/j.ts', 'export const r = Math.random();', MEMBERS, /no randomness/],
  [
    'GN-12 protocol with a key',
    'protocol/k.ts',
    "import { randomBytes } from 'node:crypto';\nrandomBytes(4);",
    IMPORTS,
    /protocol computes|only/,
  ],
  [
    'GN-12 a key from the default import',
    'protocol/l.ts',
    "import crypto from 'node:crypto';\ncrypto.randomBytes(4);",
    MEMBERS,
    /no randomness/,
  ],
  [
    'RC-07 a module of Node in code for browsers',
    'client/topics/a.ts',
    "import { Buffer } from 'node:buffer';\nexport const a = Buffer;",
    IMPORTS,
    /runs in browsers/,
  ],
  [
    'RC-07 code for Node in code for browsers',
    'client/browser/a.ts',
    "export { connect } from '../connect.ts';",
    IMPORTS,
    /NODE_FREE/,
  ],
  [
    'RC-07 a global of Node in code for browsers',
    'client/browser/b.ts',
    "export const a = Buffer.from('');",
    GLOBALS,
    /runs in browsers/,
  ],
  ['TS-01 a timer that is not of the clock', 'server/n.ts', 'setTimeout(() => {}, 1);', GLOBALS, /the clock/],
  [
    'TS-01 an interval that is not of the clock',
    'client/c.ts',
    'globalThis.setInterval(() => {}, 1);',
    MEMBERS,
    /the clock/,
  ],
  ['TS-01 an imported timer', 'connection/b.ts', "import 'node:timers/promises';", IMPORTS, /the clock/],
  [
    'GN-10 importing the process',
    'server/o.ts',
    "import { env } from 'node:process';\nexport const a = env;",
    IMPORTS,
    /PROCESS_USERS/,
  ],
  ['GN-10 the global process', 'server/p.ts', 'export const p = `${process.pid}`;', GLOBALS, /PROCESS_USERS/],
  [
    'GN-10 globalThis.process',
    'server/q.ts',
    "export const p = globalThis['process'].pid;",
    MEMBERS,
    /PROCESS_USERS/,
  ],
  [
    'GN-10 destructuring globalThis',
    'server/r.ts',
    'export const { process } = globalThis;',
    MEMBERS,
    /PROCESS_USERS/,
  ],
  [
    'GN-10 another member of the process',
    'connection/warnings.ts',
    "import process from 'node:process';\nprocess.emitWarning('');\nprocess.exit();",
    SYNTAX,
    /may use emitWarning/,
  ],
  [
    'GN-10 passing on the process object',
    'client/early-input.ts',
    "import process from 'node:process';\nexport const p = [process];",
    SYNTAX,
    /may use nextTick/,
  ],
  [
    'GN-10 a named import of the process',
    'testing/leak-check.ts',
    "import { exit } from 'node:process';\nexit();",
    SYNTAX,
    /may use getActive/,
  ],
  ['GN-10 console', 'cli/main.ts', "console.log('hi');", GLOBALS, /writes to the console/],
  [
    'GN-10 globalThis.console',
    'server/s.ts',
    'globalThis?.console.log(1);',
    MEMBERS,
    /writes to the console/,
  ],
  ['GN-10 importing the console', 'server/t.ts', "import 'node:console';", IMPORTS, /writes to the console/],
  ['module-level let', 'server/u.ts', 'let count = 0;\nexport const next = () => ++count;', SYNTAX, /Engine/],
  ['an exported let', 'protocol/u.ts', 'export let count = 0;', SYNTAX, /Engine/],
  ['state in engine/', 'engine/u.ts', 'let used = 0;\nexport const use = () => used++;', SYNTAX, /Engine/],
  ['a module-level Map', 'sockets/u.ts', 'export const known = new Map<string, string>();', SYNTAX, /Engine/],
  [
    'a module-level WeakMap',
    'client/u.ts',
    'const pools = new WeakMap();\nexport { pools };',
    SYNTAX,
    /Engine/,
  ],
  [
    'a module-level instance of a class',
    'engine/zlib/u.ts',
    'class JobQueue {\n  size = 1;\n}\nexport const jobs: JobQueue = new JobQueue();',
    SYNTAX,
    /Engine/,
  ],
  [
    'a module-level empty array',
    'protocol/v.ts',
    'const kept: string[] = [];\nexport { kept };',
    SYNTAX,
    /Engine/,
  ],
  [
    'a static field',
    'connection/u.ts',
    'export class Count {\n  static all = 0;\n  own = 0;\n}',
    SYNTAX,
    /Engine/,
  ],
  ['a cycle of type imports', 'server/v.ts', "export type * from './w.ts';", 'import(no-cycle)', /cycle/],
  [
    'a cycle of type imports, from the other file',
    'server/w.ts',
    "import type { V } from './v.ts';\nexport type W = V;",
    'import(no-cycle)',
    /cycle/,
  ],
];

/** Sources that violate no rule. */
const CLEAN: Readonly<Record<string, string>> = {
  'protocol/mask.ts': "import { Buffer } from 'node:buffer';\nexport const mask = Buffer.alloc(0);",
  'protocol/deflate/key.ts':
    "import crypto, { createHash } from 'node:crypto';\nimport '../mask.ts';\nexport const hash = [crypto.hash, createHash];",
  'engine/clock.ts': 'export const clock = (now: () => void) => setTimeout(now, 1);',
  'engine/engine.ts':
    'export class Engine {\n  size = 1;\n}\nexport const defaultEngine: Engine = new Engine();',
  'protocol/tables.ts':
    "export const words: ReadonlySet<string> = new Set(['a']);\nexport const none: readonly string[] = [];\nexport const chars = new Uint8Array(256);",
  'sockets/clock.ts':
    "import { performance } from 'node:perf_hooks';\nexport const now = () => performance.now();",
  'connection/link.ts': "import type { mask } from '../protocol/mask.ts';\nexport type Link = typeof mask;",
  'server/server.ts': "import { now } from '../sockets/clock.ts';\nexport const started = now();",
  'server/opening/accept.ts':
    "import { started } from '../server.ts';\nimport { now } from '../../sockets/clock.ts';\nexport const a = [started, now];",
  'server/opening/observed.ts':
    "import { count, type Stats } from '../../observe/stats.ts';\nexport type S = Stats;\ncount();",
  'observe/metrics/meter.ts':
    "import type { started } from '../../server/server.ts';\nexport type S = typeof started;",
  'client/connect.ts': 'export const connect = 1;\nsetImmediate(() => {});',
  'client/reconnect/series.ts':
    "import { connect as process } from '../connect.ts';\nexport const p = { process };",
  'cluster/bus.ts':
    "import type { started } from '../server/server.ts';\nexport type Started = typeof started;\nexport const bus = 1;",
  'server/groups/node.ts': "export const load = async () => import('../../cluster/bus.ts');",
  'observe/stats.ts':
    "import type { Link } from '../connection/link.ts';\nexport interface Stats { link: Link }\nexport const count = () => 1;",
  'opentelemetry/spans.ts':
    "import { trace } from '@opentelemetry/api';\nimport { count } from '../observe/stats.ts';\nexport const spans = [trace, count];",
  'testing/index.ts': "export * from './kit.ts';",
  'load/run.ts': 'export const run = 1;',
  'load/index.ts': "export * from './run.ts';",
  '../bench/main.ts': "import '../src/load/index.ts';\nimport '../src/index.ts';",
  'testing/kit.ts': "import { connect } from '../client/connect.ts';\nexport const kit = connect;",
  'conform/case.ts':
    "import { api } from '../index.ts';\nimport '../testing/index.ts';\nexport const it = api;",
  'cli/run.ts':
    "import { api } from '../index.ts';\nexport const run = async () => [api, await import('../conform/index.ts')];",
  'conform/index.ts': "export * from './case.ts';",
  'index.ts': "export * from './server/server.ts';\nexport const api = 1;",
  'names.ts': `// process.exit(), console.log
    export const a = { process: 1, console: 'process.exit()', text: \`console \${1} import "ws"\`, re: /["'\`]console/ };
    export class B { #process = 1; process = this.#process; console() { return a.process; } }
    export interface C { process?: 1; console: 2 }
    export const { process: other } = a;`,
};

test('EX-05 the linter reports every planted violation, and nothing in clean sources', {
  skip: SKIP,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-layers-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (path: string, source: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${source}\n`);
  };
  // The globs of a configuration are relative to its file.
  const shared = pathToFileURL(join(ROOT, 'oxlint.config.js')).href;
  write('oxlint.config.mjs', `export { default } from ${JSON.stringify(shared)};`);
  for (const [path, source] of Object.entries(CLEAN)) write(`src/${path}`, source);
  for (const [, path, source] of VIOLATIONS) write(`src/${path}`, source);
  const found = new Map<string, Diagnostic[]>();
  for (const diagnostic of await lint(folder, 'oxlint.config.mjs')) {
    const path = relative('src', diagnostic.filename).replaceAll('\\', '/');
    found.set(path, [...(found.get(path) ?? []), diagnostic]);
  }
  for (const [what, path, , rule, says] of VIOLATIONS) {
    await t.test(what, () => {
      const here = found.get(path) ?? [];
      assert.deepEqual(
        here.map(({ code }) => code),
        [rule],
        JSON.stringify(here, null, 2),
      );
      assert.match(`${here[0]!.message} ${here[0]!.help ?? ''}`, says);
    });
  }
  await t.test('clean sources', () => {
    const planted = new Set(VIOLATIONS.map(([, path]) => path));
    assert.deepEqual(
      [...found].filter(([path]) => !planted.has(path)),
      [],
    );
  });
});
