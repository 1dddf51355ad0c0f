import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { LAYERS, type Sources, violations } from './architecture-rules.ts';
import { importsOf, stripSource } from './source-text.ts';

const root = join(import.meta.dirname, '../../src');
const sources: Sources = new Map(
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name.split(sep).join('/'), readFileSync(join(root, name), 'utf8')]),
);

test('EX-05 GN-08 GN-10 GN-12 the sources keep to the layers of the design', () => {
  assert.ok(sources.size > 50, `only ${sources.size} sources found below ${root}`);
  const found = violations(sources);
  assert.deepEqual(found, [], `\n${found.join('\n')}\n`);
});

test('EX-05 no two layers rank below each other, and the testing kit ranks below the commands alone', () => {
  for (const [layer, below] of LAYERS) {
    assert.equal(below.includes('testing'), layer === 'cli' || layer === 'conform', layer);
    for (const other of below) assert.ok(!LAYERS.get(other)?.includes(layer), `${layer} and ${other}`);
  }
});

/** Files that exist in every case below, and break no rule. */
const CLEAN = {
  'protocol/mask.ts': 'export const mask = 1;',
  'sockets/clock.ts':
    "import { performance } from 'node:perf_hooks';\nexport const now = () => performance.now();",
  'connection/link.ts': "import type { mask } from '../protocol/mask.ts';\nexport type Link = typeof mask;",
  'server/server.ts': "import { now } from '../sockets/clock.ts';\nexport const started = now();",
  'client/connect.ts': 'export const connect = 1;',
  'cluster/bus.ts': "import { started } from '../server/server.ts';\nexport { started };",
  'observe/stats.ts':
    "import type { Link } from '../connection/link.ts';\nexport interface Stats { link: Link }",
  'testing/leak-check.ts': "import process from 'node:process';\nprocess.getActiveResourcesInfo();",
  'testing/kit.ts': "import { connect } from '../client/connect.ts';\nexport const kit = connect;",
  'cli/main.ts':
    "import process from 'node:process';\nimport { api } from '../index.ts';\nprocess.exitCode = api;",
  'index.ts': "export * from './server/server.ts';\nexport const api = 1;",
};
const judge = (files: Record<string, string>) => violations(new Map(Object.entries({ ...CLEAN, ...files })));

test('EX-05 the checker finds nothing in clean sources', () => {
  assert.deepEqual(judge({}), []);
});

const BREACHES: [string, string, string, RegExp][] = [
  [
    'protocol knows sockets',
    'protocol/a.ts',
    "import { now } from '../sockets/clock.ts';",
    /^protocol\/a\.ts imports \.\.\/sockets\/clock\.ts: protocol must not know sockets; it may import itself only$/,
  ],
  [
    'a type is an arrow, too',
    'protocol/a.ts',
    "import type { now } from '../sockets/clock.ts';",
    /protocol must not know sockets/,
  ],
  [
    'sockets knows connection',
    'sockets/a.ts',
    "export * from '../connection/link.ts';",
    /sockets must not know connection; it may import protocol, engine$/,
  ],
  [
    'connection knows server',
    'connection/a.ts',
    "import '../server/server.ts';",
    /connection must not know server/,
  ],
  [
    'server knows client',
    'server/a.ts',
    "export { connect } from '../client/connect.ts';",
    /server must not know client/,
  ],
  [
    'GN-14 client knows server',
    'client/a.ts',
    "const s = await import('../server/server.ts');",
    /client must not know server/,
  ],
  [
    'server knows cluster',
    'server/a.ts',
    "import {\n  started, // of the bus\n} from '../cluster/bus.ts';",
    /server must not know cluster/,
  ],
  ['server knows cli', 'server/a.ts', "import '../cli/main.ts';", /server must not know cli/],
  ['cluster knows cli', 'cluster/a.ts', "type M = import('../cli/main.ts').M;", /cluster must not know cli/],
  ['testing knows cli', 'testing/a.ts', "import '../cli/main.ts';", /testing must not know cli/],
  [
    'server knows testing',
    'server/a.ts',
    "import { kit } from '../testing/kit.ts';",
    /server must not know testing/,
  ],
  [
    'index knows testing',
    'door.ts',
    "export { kit } from './testing/kit.ts';",
    /index must not know testing/,
  ],
  ['testing knows cluster', 'testing/a.ts', "import '../cluster/bus.ts';", /testing must not know cluster/],
  [
    'observe by value',
    'server/a.ts',
    "import { type Stats, other } from '../observe/stats.ts';",
    /named by interface only/,
  ],
  [
    'protocol knows observe',
    'protocol/a.ts',
    "import type { Stats } from '../observe/stats.ts';",
    /protocol must not know observe/,
  ],
  ['a layer nobody knows', 'utils/a.ts', '', /^utils\/a\.ts: the layer utils\/ is not in the table/],
  [
    'GN-12 protocol with a socket',
    'protocol/a.ts',
    "import { connect } from 'node:net';",
    /protocol computes, with node:buffer and node:crypto alone/,
  ],
  [
    'GN-12 protocol in a folder',
    'protocol/deflate/a.ts',
    "import 'node:zlib';",
    /protocol\/deflate\/a\.ts imports node:zlib/,
  ],
  [
    'GN-12 protocol with a timer',
    'protocol/a.ts',
    'const t = setTimeout(() => {}, 1);',
    /uses setTimeout: the protocol has no time/,
  ],
  [
    'TS-01 a timer of the platform where there is a clock',
    'server/a.ts',
    'const t = setTimeout(() => {}, 1);',
    /uses setTimeout: timers are those of the clock/,
  ],
  ['GN-12 protocol with a clock', 'protocol/a.ts', 'const t = Date.now();', /uses Date/],
  ['GN-12 protocol with chance', 'protocol/a.ts', 'const t = Math.random();', /uses Math.random/],
  [
    'GN-12 protocol with a key',
    'protocol/a.ts',
    "import { randomBytes } from 'node:crypto';",
    /uses randomBytes/,
  ],
  ['GN-08 a dependency', 'server/a.ts', "import { WebSocket } from 'ws';", /no dependencies/],
  ['GN-08 a bare module of Node', 'server/a.ts', "import { connect } from 'net';", /named node:/],
  [
    'GN-10 importing the process',
    'server/a.ts',
    "import { env } from 'node:process';",
    /imports node:process: only cli\/main\.ts touches the process/,
  ],
  [
    'GN-10 the global process',
    'server/a.ts',
    "process.on('SIGTERM', stop);",
    /^server\/a\.ts uses process: only cli\/main\.ts/,
  ],
  [
    'GN-10 the process in a template',
    'server/a.ts',
    'const a = `a ${`b ${process.pid}`} c`;',
    /uses process/,
  ],
  ['GN-10 the process in a spread', 'cli/a.ts', 'const a = { ...process.env };', /cli\/a\.ts uses process/],
  ['GN-10 the process by way of globalThis', 'server/a.ts', 'globalThis.process.exit();', /uses process/],
  ['GN-10 and by its name', 'server/a.ts', "globalThis['process'].exit();", /uses process/],
  ['GN-10 the process in a choice', 'server/a.ts', 'const p = isNode ? process : undefined;', /uses process/],
  [
    'GN-10 more of the process than allowed',
    'testing/leak-check.ts',
    "import process from 'node:process';\nprocess.getActiveResourcesInfo(); process.exit();",
    /uses process beyond getActiveResourcesInfo/,
  ],
  ['GN-10 console', 'cli/main.ts', "console.log('hi');", /cli\/main\.ts uses console/],
  ['GN-10 console by way of globalThis', 'server/a.ts', 'globalThis?.console.log(1);', /uses console/],
  ['GN-10 importing the console', 'server/a.ts', "import { Console } from 'node:console';", /console/],
  ['an import without .ts', 'server/a.ts', "import './server.js';", /whole name, ending in \.ts/],
  ['an import of nothing', 'server/a.ts', "import './gone.ts';", /no such file/],
  ['an import out of src', 'server/a.ts', "import '../../test/helper.ts';", /no such file/],
  ['an import that is computed', 'server/a.ts', 'await import(name);', /must name its module/],
];
for (const [what, file, source, says] of BREACHES) {
  test(`EX-05 the checker catches: ${what}`, () => {
    const found = judge({ [file]: source });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0]!, says);
  });
}

test('EX-05 the checker catches circles, of types and across files, each once', () => {
  const found = judge({
    'server/a.ts': "import './b.ts';",
    'server/b.ts': "export * from './c.ts';",
    'server/c.ts': "import type { A } from './a.ts';",
    'server/self.ts': "import './self.ts';",
    'server/outside.ts': "import './a.ts';",
  });
  assert.deepEqual(found, [
    'circular import: server/a.ts -> server/b.ts -> server/c.ts -> server/a.ts',
    'circular import: server/self.ts -> server/self.ts',
  ]);
});

const INNOCENT: [string, string][] = [
  ['comments', "// import '../cli/main.ts'; console.log(process.pid)\n/* from 'ws'\n * process.exit() */"],
  ['strings', `const a = "process.exit()"; const b = 'it\\'s console.log'; const c = "import 'ws'";`],
  ['templates', 'const a = `console ${1} process ${{ a: `import "ws"` }} from "ws"`;'],
  [
    'regular expressions',
    'const a = /["\'`]console/.test(x) || y.match(/[/"]process/g); const b = 4 / 2 / process_id;',
  ],
  [
    'members',
    'a.process(); this.console = 1; b?.process; class A { #process = 1; m() { return this.#process; } }',
  ],
  [
    'keys and longer names',
    'const a = { process: 1, console: 2 }; const processed = preprocess, $console = 1; interface B { process?: 1 }',
  ],
  [
    'types of observe',
    "import type { Stats } from '../observe/stats.ts';\nimport { type Stats as S } from '../observe/stats.ts';",
  ],
];
for (const [what, source] of INNOCENT) {
  test(`EX-05 the checker leaves alone: ${what}`, () => {
    assert.deepEqual(judge({ 'server/a.ts': source }), []);
  });
}

test('importsOf finds every form, and tells types from values', () => {
  const source = `
    import a from 'a'; import * as b from "b"; import { c, type C } from 'c'; import 'd';
    import type { E } from 'e'; import { type F, type G as H } from 'f'; import type I from 'i';
    export { j } from 'j'; export * from 'k'; export * as l from 'l'; export type { M } from 'm'; export type * from 'n';
    const o = await import('o'); type P = import('p').P; const q = require('q'); import type, { r } from 'r'; import {} from 's';
    import.meta.url; export const from = 't'; object.import('u'); import v from 'v' with { type: 'json' };`;
  const named = (typeOnly: boolean) =>
    importsOf(source)
      .filter((one) => one.typeOnly === typeOnly)
      .map((one) => one.specifier)
      .sort()
      .join('');
  assert.equal(named(false), 'abcdjklopqrsv');
  assert.equal(named(true), 'efimn');
});

test('stripSource keeps the code around what it takes out', () => {
  const { code, literals } = stripSource('a(`x${b + `y${{ c }.c}`}z`, "q") /* r */ / s; // t');
  assert.equal(code.replaceAll(/\s+/g, ''), 'a("0"(b+"1"({c}.c)"2")"3","4")/s;');
  assert.deepEqual(literals, ['x', 'y', '', 'z', 'q']);
});
