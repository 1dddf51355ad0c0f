import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Cell, CELLS, cellId, WS_DEMANDS } from '../../bench/cells.ts';
import { changes, comparison } from '../../bench/compare.ts';
import { type FloorFigures, judge } from '../../bench/floors.ts';
import { plotOf } from '../../bench/plot.ts';
import { readmeWith, sourceIn } from '../../bench/readme.ts';
import {
  type CellRecord,
  parseResults,
  ratioOf,
  recordOf,
  resultsText,
  standingOf,
  worstFirst,
} from '../../bench/results.ts';
import { type Outcome, sampleOf, timesOf } from '../../bench/runner.ts';
import { HAWSER, type Side, sidesOf } from '../../bench/sides.ts';
import { markdown } from '../../bench/tables.ts';
import { verdictsOf } from '../../bench/verdicts.ts';
import { record, resultsOf, series } from './made-up.ts';

test('PF-08 to PF-11: every required cell exists, and each cell occurs once', () => {
  const ids = new Set(CELLS.map(cellId));
  assert.equal(ids.size, CELLS.length);
  for (const size of ['16 B', '128 B', '1 KiB', '16 KiB', '64 KiB'])
    for (const connections of ['1', '100', '1,000'])
      for (const pipeline of [1, 16])
        assert.ok(ids.has(`Echo: ${size}, ${connections} conn., pipeline ${pipeline}`));
  for (const connections of [1, 100]) assert.ok(ids.has(`Echo: 1 MiB, ${connections} conn., pipeline 1`));
  for (const size of ['64 B', '1 KiB', '16 KiB'])
    for (const recipients of ['100', '1,000', '5,000'])
      assert.ok(ids.has(`Fan-out: ${size} to ${recipients}, 1 at a time`));
  assert.ok(ids.has('Handshakes: handshakes') && ids.has('Handshakes: handshakes over TLS'));
  assert.ok(CELLS.filter(({ quick }) => quick).length < CELLS.length / 2);
});

test('PF-08: a window is long enough for ten turns of all messages in flight, up to 2.5 s', () => {
  const times = (name: string, keepsProcesses = false) => {
    const cell = CELLS.find((each) => cellId(each) === name);
    assert.ok(cell !== undefined, name);
    return timesOf(cell, { warmUpMs: 150, windowMs: 300, keepsProcesses });
  };
  for (const [name, warmUpMs, durationMs] of [
    ['Echo: 16 B, 100 conn., pipeline 16', 150, 300],
    ['Echo: 1 KiB, 1,000 conn., pipeline 16', 150, 300],
    // Echoes from 16 KiB on run in a new process, with a longer warm-up.
    ['Echo: 1 MiB, 1 conn., pipeline 1', 1_500, 300],
    ['Echo: 1 MiB, 100 conn., pipeline 1', 1_500, 1_050],
    ['Echo: 64 KiB, 1,000 conn., pipeline 1', 1_500, 660],
    ['Echo: 64 KiB, 1,000 conn., pipeline 16', 1_500, 2_500],
    ['Handshakes: handshakes over TLS', 1_500, 900],
  ] as const) {
    assert.deepEqual(times(name), { warmUpMs, durationMs }, name);
  }
  for (const quick of [false, true])
    assert.equal(times('Everything switched on: 128 B, 100 conn., pipeline 1', quick).warmUpMs, 1_500);
  assert.deepEqual(times('Echo: 1 MiB, 1 conn., pipeline 1', true), { warmUpMs: 150, durationMs: 300 });
});

test('PF: each kind of contest selects its sides', () => {
  const side = (id: string, role: Side['role']): Side => ({ ...HAWSER, id, role });
  const sides = [
    HAWSER,
    side('stream', 'streams'),
    side('ws', 'rival'),
    side('net', 'limit'),
    side('all', 'variant'),
    side('hawser-ws', 'hawser/ws'),
  ];
  const ids = (cell: Cell): string[] => sidesOf(cell, sides).map(({ id }) => id);
  const cell = CELLS[0]!;
  assert.deepEqual(ids({ ...cell, contest: 'rivals' }), ['hawser', 'ws']);
  assert.deepEqual(ids({ ...cell, contest: 'rivals and limits' }), ['hawser', 'stream', 'ws', 'net']);
  assert.deepEqual(ids({ ...cell, contest: 'with everything on' }), ['hawser', 'all']);
  assert.deepEqual(ids({ ...cell, contest: 'hawser/ws' }), ['hawser', 'ws', 'hawser-ws']);
  const echoOnly = sides.map((one) => ({
    ...one,
    endpoints: one === HAWSER ? one.endpoints : (['echo'] as const),
  }));
  assert.deepEqual(sidesOf({ ...cell, endpoint: 'tls' }, echoOnly), [HAWSER]);
});

test('PF: noise that slows both sides of a pair does not change the ratio', () => {
  assert.deepEqual(ratioOf([200, 20, 200], [100, 10, 100]), { median: 2, low: 2, high: 2 });
  assert.deepEqual(ratioOf([200, 200], [100, 100, 100]), { median: 2, low: 2, high: 2 });
});

test('PF: the rival is the better form of ws, chosen separately for rate and CPU time', () => {
  const standing = standingOf(
    record('x', {
      hawser: series([300], [10]),
      ws: series([100], [20]),
      'ws-bufferutil': series([150], [30]),
    }),
  );
  assert.deepEqual([standing?.rival, standing?.rate.median, standing?.cpu.median], ['ws-bufferutil', 2, 2]);
  assert.equal(standingOf(record('x', { hawser: series([1], [1]) })), undefined);
});

const side = (ours: number, cpu: number, theirs: number, theirCpu: number) => ({
  hawser: series([ours], [cpu]),
  ws: series([theirs], [theirCpu]),
});
const EVEN = record('even', side(100, 10, 100, 10));
const WON = record('won', side(300, 5, 100, 15));
const LOST = record('lost', side(200, 20, 100, 10));

test('PF: tables list the worst cell first, by rate or CPU time, and the verdict names it', () => {
  assert.deepEqual(
    worstFirst([WON, EVEN, LOST]).map(([{ name }]) => name),
    ['lost', 'even', 'won'],
  );
  const results = resultsOf([WON, EVEN, LOST]);
  const text = markdown(results, 'plot.svg');
  assert.ok(
    text.indexOf('| lost |') < text.indexOf('| even |') && text.indexOf('| even |') < text.indexOf('| won |'),
  );
  assert.match(text, /\| PF-08 \|.*behind in 1 of 3 cells: Echo: lost \| \*\*missed\*\* \|/);
  assert.match(text, /\| lost \| 2\.00 \(2\.00–2\.00\) \| \*\*0\.50\*\* /);
  assert.doesNotMatch(text, /quick/i);
  assert.equal(verdictsOf(resultsOf([WON]))[0]?.met, true);
});

test('PF: cells of hawser/ws compare it with ws, and each group has its own demand', () => {
  const made = record(
    'to 1,000',
    { hawser: series([50], [90]), ws: series([100], [10]), 'hawser-ws': series([390], [2]) },
    { group: 'hawser/ws, eight loops a turn', requirement: 'PF-16' },
  );
  assert.equal(standingOf(made)?.rate.median, 3.9);
  const verdicts = (cells: readonly CellRecord[]) =>
    verdictsOf(resultsOf(cells)).map(({ requirement, seen, met }) => [requirement, seen, met]);
  assert.deepEqual(verdicts([made]), [['PF-16', '3.90', false]]);
  assert.deepEqual(verdicts([{ ...made, group: 'hawser/ws, loop of send' }]), [['PF-16', '3.90', true]]);
  const page = markdown(resultsOf([made]), '');
  assert.match(page, /busy: hawser\/ws \/ generator \| hawser\/ws p50/);
  assert.match(page, /\| to 1,000 \| 3\.90 \(3\.90–3\.90\) \| 5\.00 /);
  const groups = CELLS.filter(({ requirement }) => requirement === 'PF-16').map(({ group }) => group);
  assert.deepEqual([...new Set(groups)], Object.keys(WS_DEMANDS));
});

test('PF: a rate that the generator may limit is marked, and a quick run is labelled', () => {
  const limited = record('limited', {
    hawser: series([300], [5], { generatorMicros: [3_200] }),
    ws: series([100], [15]),
  });
  const results = resultsOf([limited]);
  assert.match(markdown(results, ''), /\| 300 † \| 100 \|/);
  const quick = { ...results, environment: { ...results.environment, quick: true } };
  assert.match(markdown(quick, ''), /^\*\*A quick look, not a result:\*\*/);
  assert.match(plotOf(quick), /A quick look\./);
});

test('PF: failed rounds are reported, and the other rounds count', () => {
  const cell = CELLS[0]!;
  const sample = {
    ratePerSecond: 1,
    cpuMicros: 2,
    generatorMicros: 3,
    generatorBusyShare: 0.1,
    p50Ms: 4,
    p99Ms: 5,
    lastRecipientMs: 0,
    rssBytes: 6,
  };
  const outcomes: Outcome[] = [
    { cell, side: HAWSER, sample },
    { cell, side: HAWSER, failure: 'it burned' },
  ];
  const made = recordOf(cell, outcomes);
  assert.deepEqual(made.sides['hawser']?.ratePerSecond, [1]);
  assert.deepEqual(made.failures, { hawser: ['it burned'] });
  assert.match(markdown(resultsOf([made]), ''), /### Not measured\n\n- Echo: .*, Hawser: it burned/);
});

test('PF: a run in which no message came back gives an error, not a sample', () => {
  const histogram = { buckets: [], sumMs: 0, minMs: 0, maxMs: 0 };
  assert.throws(
    () =>
      sampleOf({
        mode: 'echo',
        connections: 1,
        elapsedMs: 1,
        messages: 0,
        latency: histogram,
        opening: histogram,
        lastRecipient: histogram,
        lateness: histogram,
        failures: {},
        generator: { cpuMicros: 1, busyShare: 1 },
        server: undefined,
        interrupted: false,
      }),
    /nothing came back/,
  );
});

test('PF-12: memory is compared with ws and with 8 KiB, before and after traffic', () => {
  const sample = (heap: number, rss: number, after = heap) => [
    { untouched: { heapAndExternal: heap, rss }, afterTraffic: { heapAndExternal: after, rss } },
  ];
  const met = (ours: ReturnType<typeof sample>, theirs: ReturnType<typeof sample>): boolean | undefined =>
    verdictsOf(
      resultsOf([], { memory: { connections: 10, idleMs: 1, sides: { hawser: ours, ws: theirs } } }),
    )[0]?.met;
  assert.equal(met(sample(4_000, 5_000), sample(6_000, 7_000)), true);
  assert.equal(met(sample(9_000, 5_000), sample(10_000, 7_000)), false);
  assert.equal(met(sample(4_000, 8_000), sample(6_000, 7_000)), false);
  assert.equal(met(sample(4_000, 5_000, 9_000), sample(10_000, 7_000)), false);
});

test('PF-14: the cost of all features is compared with Hawser itself and gives no verdict', () => {
  const sides = { hawser: series([100], [10]), 'hawser-everything': series([90], [12]) };
  const results = resultsOf([record('x', sides, { requirement: 'PF-14', group: 'Everything' })]);
  assert.deepEqual(verdictsOf(results), []);
  assert.match(markdown(results, ''), /\| x \| \*\*0\.90\*\* .* \| \*\*0\.83\*\* /);
});

const FLOORS: FloorFigures = {
  messagesPerSecond: 1_000,
  opening: { meanMs: 1, maxMs: 20 },
  roundTrip: { count: 60_000, meanMs: 0.2, maxMs: 10 },
  rssPerConnection: 10_000,
  longestPauseMs: 5,
  cpuShare: 0.1,
};
const BROKEN: readonly (readonly [string, Partial<FloorFigures>])[] = [
  ['PF-01', { messagesPerSecond: 799 }],
  ['PF-02', { opening: { meanMs: 11, maxMs: 20 } }],
  ['PF-02', { opening: { meanMs: 1, maxMs: 501 } }],
  ['PF-03', { roundTrip: { count: 60_000, meanMs: 6, maxMs: 10 } }],
  ['PF-03', { roundTrip: { count: 60_000, meanMs: 1, maxMs: 51 } }],
  ['PF-03', { roundTrip: { count: 10, meanMs: 1, maxMs: 2 } }],
  ['PF-04', { rssPerConnection: 2e6 }],
  ['PF-04', { longestPauseMs: 51 }],
  ['PF-04', { cpuShare: 0.9 }],
];
test('PF-01 to PF-04: each figure beyond its floor misses exactly that floor', () => {
  assert.ok(judge(FLOORS).every(({ met }) => met));
  for (const [requirement, worse] of BROKEN) {
    const missed = judge({ ...FLOORS, ...worse }).filter(({ met }) => !met);
    assert.deepEqual(
      missed.map((floor) => floor.requirement),
      [requirement],
      JSON.stringify(worse),
    );
  }
});

const hawserOnly = (rate: number, p50Ms: number) => ({ hawser: series([rate], [1], { p50Ms: [p50Ms] }) });
const inHandshakes = { group: 'Handshakes' };
const memoryOf = (bytes: number) => {
  const figures = { heapAndExternal: bytes, rss: bytes };
  return { connections: 1, idleMs: 1, sides: { hawser: [{ untouched: figures, afterTraffic: figures }] } };
};
const GATES: readonly (readonly [
  what: string,
  within: ReturnType<typeof resultsOf>,
  beyond: ReturnType<typeof resultsOf>,
])[] = [
  [
    'throughput by 25 %',
    resultsOf([record('a', hawserOnly(76, 1))]),
    resultsOf([record('a', hawserOnly(74, 1))]),
  ],
  [
    'latency by 50 %',
    resultsOf([record('a', hawserOnly(100, 1.49))]),
    resultsOf([record('a', hawserOnly(100, 1.51))]),
  ],
  ['memory by 50 %', resultsOf([], { memory: memoryOf(1_490) }), resultsOf([], { memory: memoryOf(1_510) })],
  [
    'time to connect by 20 %',
    resultsOf([record('h', hawserOnly(100, 1.19), inHandshakes)]),
    resultsOf([record('h', hawserOnly(100, 1.21), inHandshakes)]),
  ],
];
for (const [what, within, beyond] of GATES) {
  test(`PF-13: a regression of ${what} passes, and a larger one fails`, () => {
    const base = resultsOf([record('a', hawserOnly(100, 1)), record('h', hawserOnly(100, 1), inHandshakes)], {
      memory: memoryOf(1_000),
    });
    assert.equal(comparison(base, within).passes, true, comparison(base, within).text);
    assert.equal(comparison(base, beyond).passes, false);
    assert.match(comparison(base, beyond).text, /FAIL /);
    assert.ok(changes(base, beyond)[0]!.worseBy > 0.2, 'the worst first');
  });
}

test('PF-13: a comparison without figures fails, and another machine is reported', () => {
  const base = resultsOf([]);
  const { passes, text } = comparison(base, {
    ...base,
    environment: { ...base.environment, cpu: 'another' },
  });
  assert.equal(passes, false);
  assert.match(text, /not the same machine/);
});

test('PF: results can be written and read again, with one line per cell', () => {
  const results = resultsOf([WON, LOST], { memory: memoryOf(1), floors: judge(FLOORS) });
  const text = resultsText(results);
  assert.deepEqual(parseResults(text), JSON.parse(JSON.stringify(results)));
  assert.equal(text.split('\n').filter((line) => line.includes('"name":"won"')).length, 1);
  assert.throws(() => parseResults('{"format":1}'), /format 1/);
});

test('PF: the plot has a row for each cell, inside its borders, and marks cells behind ws', () => {
  const text = plotOf(resultsOf([WON, LOST, record('a < b', side(1e9, 1, 1, 1e9))]));
  const [, width = '', height = ''] = /width="([\d.]+)" height="([\d.]+)"/.exec(text) ?? [];
  for (const [, axis, value] of text.matchAll(/\bc([xy])="([^"]+)"/g)) {
    assert.ok(Number(value) > 0 && Number(value) < Number(axis === 'x' ? width : height), `${axis} ${value}`);
  }
  assert.match(text, /class="lost"[^>]*>lost</);
  assert.match(text, />a &#60; b</);
  assert.doesNotMatch(text, /NaN|undefined/);
});

const README = join(import.meta.dirname, '..', '..', '..', 'bench', 'README.md');
test('PF: tables and plot of bench/README.md equal those made from the file that the page names', () => {
  const page = readFileSync(README, 'utf8');
  const source = sourceIn(page) ?? assert.fail('bench/README.md names no results');
  const path = join(README, '..', source);
  assert.ok(existsSync(path), source);
  const results = parseResults(readFileSync(path, 'utf8'));
  assert.equal(readmeWith(page, markdown(results, 'results/plot.svg'), source), page);
  assert.equal(plotOf(results), readFileSync(join(README, '..', 'results', 'plot.svg'), 'utf8'));
});

test('PF: a page without markers for results is refused', () => {
  assert.throws(() => readmeWith('# Page', 'x', 'y'), /has no <!-- results/);
});
