import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  asSpans,
  type FunctionBlocks,
  ModuleCoverage,
  type ModuleCounts,
} from '../../tools/coverage-count.ts';
import { judge } from '../../tools/coverage-verdict.ts';

const MODULE = `const word = process.argv[2];
function kind(of) {
  if (of.length > 3) {
    return 'long';
  }
  return of === '' ? 'empty' : 'short';
}
if (word !== undefined) kind(word);
const never = () => 1;
`;
/** Each line is that of the source; the first `ahead` lines are nobody's. */
const mapOf = (text: string, ahead = 0) => ({
  version: 3,
  file: 'module.mjs',
  sources: ['module.ts'],
  sourcesContent: [],
  sourceRoot: '',
  names: [],
  mappings: text
    .split('\n')
    .map((_, row) => (row < ahead ? '' : row === ahead ? 'AAAA' : 'AACA'))
    .join(';'),
});

/** Runs a module once for each word, in processes of their own, and counts what ran. */
function counted(
  t: TestContext,
  text: string,
  words: readonly string[],
  excused = /^$/,
  ahead = 0,
): ModuleCounts {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'module.mjs');
  writeFileSync(path, text);
  const said = join(folder, 'said');
  for (const word of words) {
    execFileSync(process.execPath, [path, word], { env: { ...process.env, NODE_V8_COVERAGE: said } });
  }
  const module = new ModuleCoverage(text);
  for (const name of readdirSync(said)) {
    const { result } = JSON.parse(readFileSync(join(said, name), 'utf8')) as {
      readonly result: readonly { readonly url: string; readonly functions: readonly FunctionBlocks[] }[];
    };
    for (const { url, functions } of result) if (url === pathToFileURL(path).href) module.add(functions);
  }
  return module.count(mapOf(text, ahead), (line) => excused.test(line));
}

/** V8 may tell of several idle branches on a line, and not every version of the same ones. */
const branchLines = ({ branchNumbers }: ModuleCounts) => [...new Set(branchNumbers)];

const ROWS: readonly (readonly [
  words: readonly string[],
  lines: readonly number[],
  branches: readonly number[],
])[] = [
  [[''], [4, 6, 9], [3, 6, 9]],
  [['abc'], [4, 6, 9], [3, 6, 9]],
  [['abcd'], [6, 9], [6, 9]],
  // A block that always ran, in a process that does not mention it, has run.
  [
    ['', 'abcd'],
    [6, 9],
    [6, 9],
  ],
  [['', 'abc', 'abcd'], [9], [9]],
];
for (const [words, lines, branches] of ROWS) {
  test(`TS-11: lines and branches that did not run are named, of all processes together: ${words.join(', ')}`, (t) => {
    const counts = counted(t, MODULE, words);
    assert.deepEqual([counts.lineNumbers, branchLines(counts)], [lines, branches]);
    assert.deepEqual([counts.lines, counts.idleLines], [7, lines.length]);
    assert.ok(counts.idleBranches >= branches.length && counts.branches >= counts.idleBranches + 2);
  });
}

test('TS-11: what is excused by its line need not run, and its neighbours still have to', (t) => {
  const counts = counted(t, MODULE, ['abcd'], /never/);
  assert.deepEqual([counts.lineNumbers, branchLines(counts)], [[6], [6]]);
});

test('TS-11: what the compiler adds is nobody’s line', (t) => {
  const text = `var helper = (this && this.helper) || function () {
  return 1;
};
const env_1 = { stack: [] };
try {
  env_1.stack.push(process.argv[2]);
}
catch (e_1) {
  env_1.error = e_1;
}
console.log(1);
`;
  const { lines, lineNumbers, branchNumbers } = counted(t, text, [''], /^$/, 3);
  assert.deepEqual({ lines, lineNumbers, branchNumbers }, { lines: 2, lineNumbers: [], branchNumbers: [] });
});

test('numbers that follow each other are written as one', () => {
  assert.equal(asSpans([]), '');
  assert.equal(asSpans([1, 3, 4, 4, 5, 9]), '1, 3-5, 9');
});

const source = (name: string, idleLines: readonly number[], idleBranches: readonly number[]) => ({
  name,
  counts: {
    lines: 1_000,
    idleLines: idleLines.length,
    branches: 10,
    idleBranches: idleBranches.length,
    lineNumbers: idleLines,
    branchNumbers: idleBranches,
  },
});
const wanted = (room: string) => (room === 'protocol' ? 1 : 0.9);

test('TS-11: a room below what is wanted is short, by lines or by branches, and says what is missing', () => {
  const { text, short } = judge(
    [
      source('protocol/handshake/a.ts', [7, 8], []),
      source('server/b.ts', [], [3, 5]),
      source('client/c.ts', [], [4]),
      source('client/d.ts', [], []),
      source('index.ts', [], []),
    ],
    wanted,
  );
  assert.equal(short, 2);
  assert.equal(
    text,
    `Of client did not run, or not all of it:
  src/client/c.ts: branches on 4
Of protocol did not run, or not all of it:
  src/protocol/handshake/a.ts: lines 7-8
Of server did not run, or not all of it:
  src/server/b.ts: branches on 3, 5
client       lines 100.0 %, branches  95.0 %
index        lines 100.0 %, branches 100.0 %
protocol     lines  99.8 %, branches 100.0 %: too little, 100.0 % is wanted
server       lines 100.0 %, branches  80.0 %: too little, 90.0 % is wanted
`,
  );
});

test('TS-11: a single line of ten thousand is not nothing', () => {
  const whole = Array.from({ length: 20 }, (_, i) => source(`protocol/${i}.ts`, [], []));
  assert.equal(judge(whole, wanted).short, 0);
  const { text, short } = judge([...whole, source('protocol/x.ts', [1], [])], wanted);
  assert.equal(short, 1);
  assert.match(text, /^protocol +lines +99\.9 %, branches 100\.0 %: too little, 100\.0 % is wanted$/m);
});
