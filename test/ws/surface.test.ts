import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as door from '../../src/ws/index.ts';
import { type Door, hawser, real, skip } from './both.ts';
import { surfaceOf } from './surface.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const JEST = join(ROOT, 'tools', 'toolchains', 'node_modules', 'jest', 'bin', 'jest.js');
const PACKAGE = join(ROOT, 'build', 'package');
const load = createRequire(join(ROOT, 'test', 'interop', 'package.json'));

/** Members that differ on purpose; docs/ws.md, row 6. `emitClose` is private in `ws`. */
const DIFFERENT: readonly RegExp[] = [
  /^WebSocket\.(?:Receiver|PerMessageDeflate)\b/,
  /^WebSocket\.Sender$/,
  /^WebSocket\.Sender\.prototype\.(?:close|dequeue|dispatch|enqueue|getBlobData|ping|pong|send)$/,
  /\.prototype\.emitClose$/,
];

/** The members that must not differ, and which of {@link DIFFERENT} was needed. */
function compared(surface: Readonly<Record<string, string>>) {
  const same: Record<string, string> = {};
  const excused = new Set<RegExp>();
  for (const [name, what] of Object.entries(surface)) {
    const difference = DIFFERENT.find((pattern) => pattern.test(name));
    if (difference === undefined) same[name] = what;
    else excused.add(difference);
  }
  return { same, excused };
}

const expected = skip === false ? compared(surfaceOf(real)) : undefined;

test('CD-01: every public member of ws is there with its kind, and no other, but for the published differences', {
  skip,
}, () => {
  assert.deepEqual(compared(surfaceOf(hawser)).same, expected!.same);
  assert.ok(Object.keys(expected!.same).length > 60);
  assert.equal(expected!.excused.size, DIFFERENT.length, 'every published difference still exists');
});

for (const [how, loaded] of [
  ['import', async () => (await import(pathToFileURL(join(PACKAGE, 'ws.js')).href)) as { default: Door }],
  ['require', () => ({ default: load(join(PACKAGE, 'ws.cjs')) as Door })],
] as const) {
  test(`CD-01 CD-04: ${how} of the package gives the members of ws`, { skip }, async () => {
    assert.deepEqual(compared(surfaceOf((await loaded()).default)).same, expected!.same);
  });
}

test('CD-01: the names that import finds are those of ws', { skip }, async () => {
  const wrapper = join(dirname(load.resolve('ws')), 'wrapper.mjs');
  const names = Object.keys((await import(pathToFileURL(wrapper).href)) as object);
  const ours = Object.keys(door).filter((name) => name !== 'module.exports');
  assert.deepEqual(
    names.filter((name) => !['Receiver', 'PerMessageDeflate'].includes(name)).sort(),
    ours.sort(),
  );
});

test('CD-01 CD-04: under Jest, require of the package gives the members of ws', {
  skip: skip || (existsSync(JEST) ? false : 'needs Jest: npm ci --prefix tools/toolchains'),
}, () => {
  const folder = join(ROOT, 'build', 'jest-surface');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  writeFileSync(
    join(folder, 'surface.test.js'),
    `const surfaceOf = ${surfaceOf.toString()};
     test('surface', () => {
       const surface = surfaceOf(require(${JSON.stringify(join(PACKAGE, 'ws.cjs'))}));
       require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'surface.json'))}, JSON.stringify(surface));
     });`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, [JEST, '--rootDir', folder], { encoding: 'utf8' });
  assert.match(stdout + stderr, /Tests: +1 passed, 1 total/);
  const surface = JSON.parse(readFileSync(join(folder, 'surface.json'), 'utf8')) as Record<string, string>;
  assert.deepEqual(compared(surface).same, expected!.same);
});

/** The text of all files of a folder, without comments. */
function sourceOf(folder: string, kind: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(kind));
  return files
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
    .replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
}

const theirs = skip === false ? sourceOf(join(dirname(load.resolve('ws')), 'lib'), '.js') : '';
const ours = sourceOf(join(ROOT, 'src', 'ws'), '.ts');
/** Everything that a pattern finds in the source of `ws`, without repetitions. */
const namesIn = (pattern: RegExp): readonly string[] =>
  [...new Set([...theirs.matchAll(pattern)].map((match) => match[1]!))].sort();

/** Messages of `ws` that the text of hawser/ws does not have, and why. */
const OTHER_MESSAGES: Readonly<Record<string, string>> = {
  'invalid opcode 0': 'put together from the number',
  'WebSocket is not open: readyState 0 (CONNECTING)': 'put together from the state',
  'Too many buffered chunks': 'chunks are not buffered: row 12 of docs/ws.md',
  'The socket was closed while data was being compressed':
    'callbacks get the error of every other unsent message',
  'The deflate stream was closed while data was being processed': 'stays inside of ws',
  'Invalid value for parameter "': 'stays inside of ws, which answers 400',
  'Parameter "': 'stays inside of ws, which answers 400',
  'Unexpected or invalid parameter "client_max_window_bits"': 'stays inside of ws, which answers 400',
  'Unexpected parameter "client_no_context_takeover"': 'stays inside of ws, which answers 400',
  'Unknown parameter "': 'stays inside of ws, which answers 400',
};

for (const [what, pattern, least] of [
  ['event names', /\.emit\(\s*'([\w-]+)'/g, 12],
  ['options', /\b(?:opts|options|this\._options)\.([a-z]\w+)/g, 30],
  ['error codes', /'(WS_ERR_\w+)'/g, 12],
] as const) {
  // `conclude` is an event of the parser of ws.
  test(`CD-01: ${what} of ws are those of hawser/ws`, { skip }, () => {
    const names = namesIn(pattern);
    assert.ok(names.length >= least, names.join());
    const missing = names.filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(ours));
    assert.deepEqual(missing, what === 'event names' ? ['conclude'] : []);
  });
}

test('CD-01: messages of errors of ws are those of hawser/ws', { skip }, () => {
  const literals = namesIn(/(?:new \w*Error|createError|abortHandshake\w*)\(([^;]*?)\);/g)
    .flatMap((call) =>
      [...call.matchAll(/'([^']{12,})'|`([^`]{12,})`/g)].map((match) => match[1] ?? match[2]!),
    )
    .flatMap((text) => text.split(/\$\{[^}]*\}/))
    .map((text) => text.trim())
    .filter((text) => /^[A-Z].* |^[a-z]+ [a-z]/.test(text));
  assert.ok(literals.length > 30, literals.join('\n'));
  const joined = ours.replace(/\s+/g, ' ');
  const missing = [...new Set(literals)].filter((text) => !joined.includes(text));
  assert.deepEqual(missing.sort(), Object.keys(OTHER_MESSAGES).sort());
});
