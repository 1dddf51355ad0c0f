import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../../src/index.ts';
import { ConnectionScan } from '../../../src/observe/admin/connection-scan.ts';
import { LatencyWindow } from '../../../src/observe/admin/latency-window.ts';
import { MinuteCounts } from '../../../src/observe/admin/minute-counts.ts';
import { AdminRecorder } from '../../../src/observe/admin/recorder.ts';
import { inSlices } from '../../../src/observe/admin/slices.ts';
import { topTopics } from '../../../src/observe/admin/topic-scan.ts';
import { DEFAULT_VIEW, keyOf } from '../../../src/observe/admin/view.ts';
import { Histogram } from '../../../src/observe/metrics/histogram.ts';
import type { ServerStats } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

/** A clock that a scan moves itself: each item costs `itemMs`. */
function pacing(itemMs: number) {
  const state = { nowMs: 0, turns: 0, longestMs: 0, sliceFromMs: 0 };
  const visited = (): void => {
    state.nowMs += itemMs;
    state.longestMs = Math.max(state.longestMs, state.nowMs - state.sliceFromMs);
  };
  const pace = {
    now: () => state.nowMs,
    turn: async () => {
      state.turns++;
      // Other work of the process.
      state.nowMs += 100;
      state.sliceFromMs = state.nowMs;
    },
  };
  return { state, visited, pace };
}

/** Connections as a scan sees them. */
const crowd = (count: number, visited: () => void = () => undefined): Connection[] =>
  Array.from({ length: count }, (_, at) => {
    const one = {
      id: `c${at}`,
      remoteAddress: `10.0.${at >> 8}.${at & 255}`,
      remotePort: at,
      protocol: at % 2 === 0 ? 'Chat.v1' : '',
      state: 'open',
      connectedAt: new Date(1_000),
      lastReceivedAgoMs: 5,
      messagesSent: 0,
      bytesReceived: 0,
      bytesSent: 0,
      bufferedBytes: (at * 7_919) % count,
      rttMs: at === 3 ? 77.777 : undefined,
      topics: new Set<string>(),
      droppedMessages: 0,
      get messagesReceived() {
        visited();
        return at;
      },
    };
    return one as unknown as Connection;
  });
const sized = (list: Connection[]) => Object.assign(list, { size: list.length });

test('LG-06: a scan of 10,000 connections runs in slices of about 5 ms, and finds the largest', async () => {
  const { state, visited, pace } = pacing(0.01);
  const scan = new ConnectionScan(pace);
  const tables = await scan.tables(sized(crowd(10_000, visited)), [DEFAULT_VIEW], 61_000, () => true);
  const table = tables!.get(keyOf(DEFAULT_VIEW))!;
  assert.equal(table.matching, 10_000);
  assert.deepEqual(
    table.rows.map(({ bufferedBytes }) => bufferedBytes),
    Array.from({ length: 50 }, (_, at) => 9_999 - at),
  );
  assert.ok(state.turns >= 15 && state.turns <= 20, `${state.turns} turns`);
  // A slice looks at the clock after every 64 connections.
  assert.ok(state.longestMs <= 5 + 0.64 + 0.01, `${state.longestMs} ms`);
});

test('LG-06: a scan stops when its last viewer goes away, and remembers nothing of it', async () => {
  const { state, visited, pace } = pacing(0.1);
  const scan = new ConnectionScan(pace);
  const connections = sized(crowd(10_000, visited));
  const views = [{ ...DEFAULT_VIEW, sort: 'in' as const, limit: 1 }];
  const gone = await scan.tables(connections, views, 61_000, () => state.turns < 3);
  assert.equal(gone, undefined);
  assert.equal(state.turns, 3);
  const tables = await scan.tables(connections, views, 61_000, () => true);
  const [row] = tables!.get(keyOf(views[0]!))!.rows;
  assert.deepEqual(
    [row!.id, row!.receivedPerSecond],
    ['c9999', 166.65],
    'the rate since the handshake, 60 s ago',
  );
  const again = await scan.tables(connections, views, 61_000, () => true);
  assert.equal(again!.get(keyOf(views[0]!))!.rows[0]!.receivedPerSecond, 0, 'since the scan before');
});

test('LG-06: a scan visits at most as many connections as there were at its begin', async () => {
  const { pace } = pacing(0);
  const list = sized(crowd(200));
  let visits = 0;
  function* growing(): Iterable<Connection> {
    for (;;) yield list[visits++ % 200]!;
  }
  const isDone = await inSlices(
    growing(),
    200,
    () => undefined,
    pace,
    () => true,
  );
  assert.deepEqual([isDone, visits], [true, 201]);
});

test('LG-06: views sort by every column; connections without a measurement come last', async () => {
  const { pace } = pacing(0);
  const rtt = { ...DEFAULT_VIEW, sort: 'rtt' as const, limit: 2 };
  const filtered = { ...DEFAULT_VIEW, filter: 'CHAT.v1' };
  const tables = await new ConnectionScan(pace).tables(sized(crowd(10)), [rtt, filtered], 61_000, () => true);
  const [first] = tables!.get(keyOf(rtt))!.rows;
  assert.deepEqual([first!.id, first!.rttMs], ['c3', 77.78]);
  assert.equal(tables!.get(keyOf(filtered))!.matching, 5);
});

test('LG-06: the largest 20 topics of many', async () => {
  const { state, pace } = pacing(0);
  const names = Array.from({ length: 5_000 }, (_, at) => `t${at}`);
  const topics = Object.assign(names, {
    size: names.length,
    subscriberCount: (name: string) => {
      state.nowMs += 0.01;
      return (Number(name.slice(1)) * 31) % 5_000;
    },
  });
  const top = await topTopics(topics, pace, () => true);
  assert.deepEqual(
    top!.map(({ subscribers }) => subscribers),
    Array.from({ length: 20 }, (_, at) => 4_999 - at),
  );
  assert.ok(state.turns > 5);
  assert.equal(await topTopics(topics, pace, () => false), undefined);
});

test('LG-06: counts of the last minute forget, second by second', () => {
  const counts = new MinuteCounts();
  counts.add('a', 0);
  counts.add('a', 999);
  counts.add('b', 1_000);
  counts.add('__proto__', 59_999);
  assert.deepEqual({ ...counts.sums(59_999) }, { a: 2, b: 1, ['__proto__']: 1 });
  assert.deepEqual(Object.entries(counts.sums(60_000)), [
    ['b', 1],
    ['__proto__', 1],
  ]);
  counts.add('c', 60_500);
  assert.deepEqual(Object.keys(counts.sums(60_999)).sort(), ['__proto__', 'b', 'c']);
  assert.deepEqual(Object.keys(counts.sums(10_000_000)), []);
});

test('LG-06: percentiles cover the last 10 seconds, and the whole time at first', () => {
  const window = new LatencyWindow();
  const rtt = new Histogram([0.001, 0.01, 0.1]);
  const stats = (uptimeMs: number): ServerStats =>
    ({ uptimeMs, messages: {}, heartbeat: { rttSeconds: rtt.read() } }) as unknown as ServerStats;
  assert.deepEqual(window.read(stats(5_000)), { overMs: 5_000, handler: null, rtt: null });
  for (let i = 0; i < 98; i++) rtt.add(0.0005);
  rtt.add(0.05);
  rtt.add(5);
  assert.deepEqual(window.read(stats(6_000)), {
    overMs: 1_000,
    handler: null,
    rtt: { count: 100, p50Ms: 1, p99Ms: 100 },
  });
  for (let second = 7; second <= 15; second++) window.read(stats(second * 1_000));
  assert.deepEqual(window.read(stats(16_000)), { overMs: 10_000, handler: null, rtt: null });
  window.reset();
  assert.equal(window.read(stats(20_000)).overMs, 20_000);
});

test('LG-06: the recorder keeps the last 100 events, each cut to 300 characters', () => {
  const recorder = new AdminRecorder(new VirtualClock());
  for (let i = 1; i <= 150; i++) recorder.note('action', 'info', i === 150 ? 'x'.repeat(400) : String(i));
  const { events } = recorder;
  assert.deepEqual([events.length, events[0]!.number, events[99]!.number], [100, 51, 150]);
  assert.equal(events[99]!.text.length, 300);
  assert.equal(events[0]!.text, '51');
});
