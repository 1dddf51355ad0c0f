import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { failuresOf, failureText, figuresOf, joined, missingIn, parseBase } from '../../bench/gate.ts';
import { BENCH } from '../../bench/sides.ts';
import { record, resultsOf, series } from './made-up.ts';

test('PF-13: the gate divides by the better form of ws, pair by pair', () => {
  const cell = record('a', {
    hawser: series([200, 400, 100], [1, 1, 1], { p50Ms: [1, 1, 1] }),
    ws: series([100, 200, 50], [1, 1, 1], { p50Ms: [4, 4, 4] }),
    'ws-bufferutil': series([90, 180, 45], [1, 1, 1], { p50Ms: [2, 2, 2] }),
  });
  assert.deepEqual(figuresOf({ cells: [cell], memory: null }), [
    { cell: 'Echo: a', figure: 'throughput', ratio: 2 },
    { cell: 'Echo: a', figure: 'latency', ratio: 0.5 },
  ]);
});

test('PF-13: handshakes count as connecting; memory is that of idle connections', () => {
  const sample = (heapAndExternal: number) => [
    {
      untouched: { rss: 1, heapAndExternal },
      afterTraffic: { rss: 1, heapAndExternal: 2 * heapAndExternal },
    },
  ];
  const { cells, memory } = resultsOf(
    [record('h', { hawser: series([1], [1]), ws: series([1], [1]) }, { group: 'Handshakes' })],
    {
      memory: {
        connections: 1,
        idleMs: 1,
        sides: { hawser: sample(100), ws: sample(200), 'ws-bufferutil': sample(400) },
      },
    },
  );
  assert.deepEqual(
    figuresOf({ cells, memory }).map(({ figure, ratio }) => [figure, ratio]),
    [
      ['throughput', 1],
      ['connect', 1],
      ['memory', 0.5],
      ['memory', 0.5],
    ],
  );
});

test('PF-13: a cell without a rival, or without Hawser, has no ratio', () => {
  const one = series([1], [1]);
  assert.deepEqual(
    figuresOf({ cells: [record('a', { hawser: one }), record('b', { ws: one })], memory: null }),
    [],
  );
});

for (const [figure, before, now, fails] of [
  ['throughput', 2, 1.51, false],
  ['throughput', 2, 1.49, true],
  ['throughput', 2, 4, false],
  ['latency', 1, 1.49, false],
  ['latency', 1, 1.51, true],
  ['connect', 1, 1.19, false],
  ['connect', 1, 1.21, true],
  ['memory', 1, 1.49, false],
  ['memory', 1, 1.51, true],
] as const)
  test(`PF-13: ${figure} of ${now} after ${before} ${fails ? 'fails' : 'passes'} the gate`, () => {
    const found = failuresOf([{ cell: 'a', figure, ratio: before }], [{ cell: 'a', figure, ratio: now }]);
    assert.equal(found.length, fails ? 1 : 0);
    if (fails) assert.match(failureText(found[0]!), /^a, \w+: .* worse, \d+ % allowed$/);
  });

test('PF-13: a figure that the base does not have is not judged', () => {
  assert.deepEqual(failuresOf([], [{ cell: 'a', figure: 'memory', ratio: 9 }]), []);
});

test('PF-13: a recorded figure that the run does not have is missing', () => {
  const [first, second] = [
    { cell: 'a', figure: 'memory', ratio: 1 },
    { cell: 'a', figure: 'latency', ratio: 1 },
  ] as const;
  assert.deepEqual(missingIn([first, second], [{ ...first, ratio: 9 }]), [second]);
});

test('PF-13: a base of another format is refused', () => {
  assert.throws(() => parseBase('{"cells": []}'), /the base has format undefined, not 1/);
});

for (const [args, says] of [
  [['--record', '--only', 'Echo'], '--only excludes --record and --from'],
  [['--from', 'no-file', '--only', 'Echo'], '--only excludes --record and --from'],
  [['--record', '--from', 'no-file'], '--record and --from exclude each other'],
  [['--only', 'nothing'], "no cell contains 'nothing'"],
] as const)
  test(`PF-13: bench:gate refuses ${args.join(' ')}`, () => {
    const command = join(import.meta.dirname, '..', '..', 'bench', 'gate-command.js');
    const { stderr, status } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' });
    assert.ok(stderr.startsWith(`gate: ${says}`), stderr);
    assert.equal(status, 1);
  });

test('PF-13: rounds of a second run count together with those of the first', () => {
  const of = (...rates: number[]) => record('a', { hawser: series(rates, rates), ws: series(rates, rates) });
  const other = record('b', { hawser: series([1], [1]) });
  const [first, second] = joined([of(1, 2), other], [of(3)]);
  assert.deepEqual(first!.sides['hawser']!.ratePerSecond, [1, 2, 3]);
  assert.equal(second, other);
});

test('PF-13: the recorded base has ratios of every kind', () => {
  const { figures } = parseBase(readFileSync(join(BENCH, 'results', 'gate.json'), 'utf8'));
  assert.deepEqual([...new Set(figures.map(({ figure }) => figure))].sort(), [
    'connect',
    'latency',
    'memory',
    'throughput',
  ]);
  for (const { cell, ratio } of figures) assert.ok(ratio > 0 && Number.isFinite(ratio), cell);
});
