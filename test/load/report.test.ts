import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brailleLine } from '../../src/cli/bench/chart.ts';
import { LatencyHistogram } from '../../src/load/latency-histogram.ts';
import { figuresOf } from '../../src/load/load-figures.ts';
import type { LoadPlan } from '../../src/load/load-plan.ts';
import { type Machine, reportLines } from '../../src/cli/bench/load-report.ts';
import { bottleneckOf, type LoadResult } from '../../src/load/load-result.ts';
import { parsePs, processUsage } from '../../src/load/process-meter.ts';
import { Progress } from '../../src/cli/bench/progress.ts';
import { missed } from '../../src/cli/bench/thresholds.ts';
import { duration, size } from '../../src/load/units.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';

const PLAN: LoadPlan = {
  mode: 'echo',
  target: { url: 'ws://user:secret@localhost/?token=secret', headers: [], protocols: [], tls: {} },
  connections: 10,
  payload: { bytes: 1_024, binary: false, multibyte: false },
  compress: false,
  pipeline: 4,
  publishes: 1,
  ratePerSecond: undefined,
  rampMs: 0,
  warmUpMs: 0,
  durationMs: 1_000,
  timeoutMs: 1_000,
  traffic: 0,
  keep: 0,
  serverPid: undefined,
  leave: 'close',
  verbatim: false,
};

const histogram = (...ms: number[]) => {
  const made = new LatencyHistogram();
  for (const value of ms) made.record(value);
  return made.toData();
};
const RESULT: LoadResult = {
  mode: 'echo',
  connections: 10,
  elapsedMs: 2_000,
  messages: 4_000,
  latency: histogram(1, 2, 3, 100),
  opening: histogram(5),
  lastRecipient: histogram(),
  lateness: histogram(),
  failures: {},
  generator: { cpuMicros: 8_000, busyShare: 0.25 },
  server: { cpuMicros: 1_000_000, rssBytes: { before: 10_000, open: 30_000, afterTraffic: undefined } },
  interrupted: false,
};
const MACHINE: Machine = { cpu: 'a CPU', cores: 2, platform: 'linux x64', node: '20.0.0', hawser: '1.2.3' };

test('CM-08: figures are computed from the counts', () => {
  const figures = figuresOf(PLAN, RESULT);
  assert.equal(figures.ratePerSecond, 2_000);
  assert.equal(figures.bytesPerSecond, 2_000 * 1_024);
  assert.deepEqual(figures.generator, { busyShare: 0.25, cpuMicrosPerMessage: 2, lateMs: null });
  assert.equal(figures.server?.cpuMicrosPerMessage, 250);
  assert.equal(figures.server?.cpuShare, 0.5);
  assert.equal(figures.server?.rssBytesPerConnection, 2_000);
  assert.equal(figures.latencyMs?.count, 4);
  assert.equal(figures.lastRecipientMs, null);
});

test('CM-08: an empty measurement causes no division by zero', () => {
  const empty = { ...RESULT, messages: 0, elapsedMs: 0, connections: 0, latency: histogram() };
  const figures = figuresOf(PLAN, empty);
  assert.deepEqual([figures.ratePerSecond, figures.latencyMs, figures.server?.cpuShare], [0, null, 0]);
  assert.doesNotMatch(JSON.stringify(figures) + reportLines(figures, MACHINE).join(), /NaN|Infinity/);
});

test('CM-08: the text report', () => {
  assert.deepEqual(reportLines(figuresOf(PLAN, RESULT), MACHINE), [
    'echo on ws://localhost/: 10 connections, messages of 1 KiB text, 4 in flight on each; 2 s',
    '',
    '  rate       2,000 messages per second, 2 MiB/s (4,000 in total)',
    '  latency    p50 2.01 ms   p75 3.01 ms   p90 100 ms   p99 100 ms   p99.9 100 ms   max 100 ms',
    '  opening    p50 5 ms   p75 5 ms   p90 5 ms   p99 5 ms   p99.9 5 ms   max 5 ms',
    '  generator  busy 25 % of the time, 2 µs of CPU per message',
    '  server     50 % of a core, 250 µs of CPU per message, 29.3 KiB resident',
    '',
    '  each answer starts the next message, so a slow server gets less load; with --rate, messages follow a schedule and latency counts from the scheduled time',
    '',
    'a CPU, 2 cores, linux x64; Node 20.0.0, Hawser 1.2.3',
  ]);
});

const text = (plan: Partial<LoadPlan>, result: Partial<LoadResult>): string =>
  reportLines(figuresOf({ ...PLAN, ...plan }, { ...RESULT, ...result }), MACHINE).join('\n');

/** Plans, and the part of the first line that shows them. */
const SHAPES: readonly (readonly [plan: Partial<LoadPlan>, says: string])[] = [
  [{ payload: { bytes: 5, binary: true, multibyte: false } }, 'messages of 5 B binary, 4 in flight'],
  [{ payload: { bytes: 5, binary: false, multibyte: true } }, 'messages of 5 B multi-byte text, 4 in flight'],
  [{ compress: true }, 'messages of 1 KiB text, compressed, 4 in flight'],
];
for (const [plan, says] of SHAPES) {
  test(`CM-08: the text report shows ${says}`, () => {
    assert.ok(text(plan, {}).includes(says), text(plan, {}));
  });
}

test('CM-08: the text report of idle connections, before and after traffic', () => {
  const server = (afterTraffic?: number) => ({
    cpuMicros: 0,
    rssBytes: { before: 0, open: 20_480, afterTraffic },
  });
  const result = (afterTraffic?: number): string =>
    text({ mode: 'idle' }, { mode: 'idle', server: server(afterTraffic) });
  assert.match(result(), /memory {5}20 KiB resident, 2 KiB per connection$/m);
  assert.match(result(40_960), /memory {5}20 KiB resident, 2 KiB per connection, 4 KiB after traffic$/m);
});

test('CM-08: the text report warns about a busy generator', () => {
  const busy = { generator: { cpuMicros: 1, busyShare: 0.99 } };
  assert.match(text({}, busy), /warning: the load generator reached its limit/);
  const server = { cpuMicros: 1_990_000, rssBytes: { before: 0, open: 0, afterTraffic: undefined } };
  assert.match(text({}, { ...busy, server }), /the server and the load generator both reached their limit/);
  assert.doesNotMatch(text({}, { server }), /warning/);
  // With a rate, polling the clock keeps the generator busy. It is the limit only if it is late and the rate is missed.
  assert.doesNotMatch(text({ ratePerSecond: 2_000 }, { ...busy, lateness: histogram(0.1) }), /warning/);
  assert.match(text({ ratePerSecond: 3_000 }, { ...busy, lateness: histogram(5) }), /warning/);
});

test('CM-08: if the rate was met, late messages cause a note and no warning', () => {
  const late = { generator: { cpuMicros: 1, busyShare: 0.28 }, lateness: histogram(5), server: undefined };
  const met = text({ ratePerSecond: 2_000 }, late);
  assert.doesNotMatch(met, /warning|did not keep up/);
  assert.match(met, /sent 1 % of the messages 5 ms late or more; latency includes this delay/);
  assert.doesNotMatch(text({ ratePerSecond: 2_000 }, { ...late, lateness: histogram(1) }), /late or more/);
  assert.doesNotMatch(text({ ratePerSecond: 3_000 }, late), /late or more/, 'the warning replaces the note');
});

test('CM-08: the text report shows failures, an interrupt and a missed rate', () => {
  assert.match(text({}, { failures: { ECONNRESET: 1_200 } }), /1,200 connections failed: ECONNRESET/);
  assert.match(text({}, { interrupted: true }), /interrupted: the figures end at the interrupt/);
  assert.match(text({ ratePerSecond: 3_000 }, {}), /did not keep up with the planned rate/);
  assert.doesNotMatch(text({ ratePerSecond: 2_050 }, {}), /did not keep up/);
});

test('CM-08: each mode reports its own figures', () => {
  const fanOut = text({ mode: 'fan-out', publishes: 8 }, { mode: 'fan-out', lastRecipient: histogram(7) });
  assert.match(fanOut, /^fan-out on \S+ to 10 connections, messages of 1 KiB text, 8 at a time; 2 s\n/);
  assert.match(fanOut, /2,000 deliveries per second/);
  assert.match(fanOut, /last recipient {2}p50 7 ms/);
  const handshake = text({ mode: 'handshake' }, { mode: 'handshake' });
  assert.match(handshake, /2,000 connections per second \(4,000 in total\)/);
  assert.match(handshake, /250 µs of CPU per connection/);
  assert.doesNotMatch(handshake, /latency/);
  const server = { cpuMicros: 0, rssBytes: { before: 0, open: 20_480, afterTraffic: 40_960 } };
  const idle = text({ mode: 'idle' }, { mode: 'idle', latency: histogram(), server });
  assert.match(idle, /memory {5}20 KiB resident, 2 KiB per connection, 4 KiB after traffic/);
  assert.doesNotMatch(idle, /rate/);
});

test('CM-08: the bottleneck follows from busy shares, lateness and the missed rate', () => {
  const of = (
    busyShare: number,
    serverShare: number | undefined,
    planned?: Parameters<typeof bottleneckOf>[1],
  ) =>
    bottleneckOf(
      {
        elapsedMs: 1_000,
        generator: { cpuMicros: undefined, busyShare },
        server:
          serverShare === undefined
            ? undefined
            : { cpuMicros: serverShare * 1e6, rssBytes: { before: 0, open: 0, afterTraffic: undefined } },
      },
      planned,
    );
  assert.deepEqual(
    [
      of(0.5, 0.5),
      of(0.5, 0.95),
      of(0.95, 0.5),
      of(0.95, 0.95),
      of(0.95, undefined),
      of(1, 0.5, { metShare: 0.9, lateMs: 0.2 }),
      of(1, 0.5, { metShare: 0.9, lateMs: 9 }),
      of(0.28, 0.5, { metShare: 1, lateMs: 9 }),
      of(1, 0.5, { metShare: 1, lateMs: 9 }),
      of(1, 0.5, { metShare: 0.9, lateMs: undefined }),
      of(0.5, 0.95, { metShare: 0.9, lateMs: undefined }),
    ],
    [
      'neither',
      'server',
      'generator',
      'both',
      'generator',
      'neither',
      'generator',
      'neither',
      'neither',
      'generator',
      'server',
    ],
  );
});

test('CM-08: each missed threshold gives one sentence', () => {
  const figures = figuresOf(PLAN, RESULT);
  assert.deepEqual(missed(figures, { maxP99Ms: undefined, minRatePerSecond: undefined }), []);
  assert.deepEqual(missed(figures, { maxP99Ms: 101, minRatePerSecond: 2_000 }), []);
  assert.deepEqual(missed(figures, { maxP99Ms: 99, minRatePerSecond: 2_001 }), [
    'p99 is 100 ms; --max-p99-ms allows 99',
    'the rate is 2,000 per second; --min-rate demands 2,001',
  ]);
  const nothing = figuresOf(PLAN, { ...RESULT, latency: histogram() });
  assert.equal(missed(nothing, { maxP99Ms: 99, minRatePerSecond: undefined }).length, 1);
});

test('CM-08: sizes and durations use the largest fitting unit', () => {
  assert.deepEqual([0, 16, 1_023, 1_024, 1_536, 1_048_576, 3 * 2 ** 30].map(size), [
    '0 B',
    '16 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '1 MiB',
    '3 GiB',
  ]);
  assert.deepEqual([0, 0.0451, 0.9, 2.391, 12.34, 123.4, 1_234, 61_000].map(duration), [
    '0 µs',
    '45 µs',
    '900 µs',
    '2.39 ms',
    '12.3 ms',
    '123 ms',
    '1.23 s',
    '61 s',
  ]);
});

test('CM-08: the chart has four dots for the highest number, one for the lowest, two numbers per column', () => {
  assert.equal(brailleLine([], 5), '');
  assert.equal(brailleLine([4, 4], 5), '\u28ff');
  assert.equal(brailleLine([1, 2, 3, 4], 5), '\u28e0\u28fe');
  assert.equal(brailleLine([0, 0], 5), '\u28c0');
  assert.equal(brailleLine([9], 5), '\u2847');
  assert.equal(brailleLine([9, 9, 1, 1], 1), '\u28ff', 'the last ones, with their own scale');
});

test('CM-08: the progress line is redrawn at a terminal, and absent elsewhere', () => {
  for (const terminal of [true, false]) {
    const io = fakeIo(terminal);
    const clock = new VirtualClock();
    let total = 0;
    const progress = new Progress(io, clock, () => ({ phase: 'measuring', open: 10, total }));
    for (let i = 0; i < 100; i++) {
      total += 100;
      clock.advance(200);
    }
    progress.end();
    assert.equal(clock.pendingTimers, 0);
    if (!terminal) {
      assert.deepEqual(io.statusLines, []);
      continue;
    }
    assert.equal(io.statusLines.at(-1), '');
    const chart = `\u001b[36m${'\u28ff'.repeat(24)}\u001b[0m`;
    assert.equal(io.statusLines.at(-2), `measuring   10 connections  ${chart}  500/s`);
  }
  const plain = { ...fakeIo(true), errHasColours: false };
  new Progress(plain, new VirtualClock(), () => ({ phase: 'measuring', open: 0, total: 1 })).end();
  assert.ok(plain.statusLines.every((line) => !line.includes('\u001b')));
});

test('CM-08: the output of ps is parsed, for systems without /proc', () => {
  assert.deepEqual(parsePs('  2048   0:01.50\n'), { cpuMicros: 1_500_000, rssBytes: 2_097_152 });
  assert.deepEqual(parsePs('1 1-02:03:04'), { cpuMicros: 93_784_000_000, rssBytes: 1_024 });
  assert.deepEqual(parsePs('1 02:03:04'), { cpuMicros: 7_384_000_000, rssBytes: 1_024 });
  assert.equal(parsePs(''), undefined);
  assert.equal(processUsage(2 ** 30), undefined, 'the process does not exist');
});
