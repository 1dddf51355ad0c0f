import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionState, LoadSignalName, Priority } from '../../../src/index.ts';
import type { LoadLevel } from '../../../src/observe/load-control/level.ts';
import {
  type ShedBatch,
  type SheddableConnection,
  Shedder,
} from '../../../src/observe/load-control/shedder.ts';
import { eventLoopTurns, VirtualClock } from '../../../src/testing/index.ts';

class Fake implements SheddableConnection {
  readonly id: number;
  priority: Priority;
  bufferedBytes = 0;
  lastReceivedAgoMs = 0;
  state: ConnectionState = 'open';
  constructor(id: number, priority: Priority = 'normal') {
    this.id = id;
    this.priority = priority;
  }
  closeFor(...args: readonly [number, string, string]): void {
    assert.deepEqual(args, [1013, 'overloaded', 'load-shed']);
    this.state = 'closing';
  }
  terminateFor(cause: string): void {
    assert.equal(cause, 'load-shed');
    this.state = 'closed';
  }
}

function loaded(count: number, priorityOf: (id: number) => Priority = () => 'normal') {
  const clock = new VirtualClock();
  const all = new Set(Array.from({ length: count }, (_, id) => new Fake(id, priorityOf(id))));
  const source: { level: LoadLevel; causes?: readonly LoadSignalName[] } = { level: 'critical' };
  const shed: Fake[] = [];
  const batches: ShedBatch[] = [];
  const turns: (() => void)[] = [];
  const server = {
    connections: all,
    source,
    clock,
    pace: { now: () => clock.now(), turn: async () => turns.shift()?.() },
    isLeaving: false,
    shed: (connection: Fake) => void shed.push(connection),
    batchShed: (batch: ShedBatch) => void batches.push(batch),
  };
  const shedder = new Shedder(server);
  const sample = async (ms = 1_000, level: LoadLevel = 'critical'): Promise<void> => {
    source.level = level;
    clock.advance(ms);
    shedder.sampled();
    await eventLoopTurns(2);
  };
  return { clock, all, source, shed, batches, turns, server, shedder, sample };
}

/** Number of connections, and how many one batch closes. */
const SIZES = [
  [1, 1],
  [99, 1],
  [100, 1],
  [250, 2],
  [10_000, 100],
  [50_000, 100],
] as const;

for (const [count, expected] of SIZES) {
  test(`LC-05 of ${count} connections a batch closes ${expected}`, async () => {
    const { shed, batches, sample } = loaded(count);
    await sample();
    assert.equal(shed.length, 0, 'the first sample at critical');
    await sample();
    assert.equal(shed.length, expected);
    assert.deepEqual(batches, [{ low: 0, normal: expected, high: 0 }]);
    assert.ok(shed.every(({ state }) => state === 'closing'));
  });
}

test('LC-05 a batch follows each second while the level stays critical, and none after it', async () => {
  const { shed, sample } = loaded(10);
  for (let i = 0; i < 4; i++) await sample();
  assert.equal(shed.length, 3);
  await sample(1_000, 'elevated');
  await sample();
  assert.equal(shed.length, 3, 'the level was critical for one sample only');
  await sample();
  assert.equal(shed.length, 4);
});

test('LC-05 with samples every 100 ms there is still one batch a second, and with one every 5 s one for each', async () => {
  const often = loaded(50);
  for (let i = 0; i < 31; i++) await often.sample(100);
  assert.equal(often.shed.length, 3);
  const rarely = loaded(50);
  for (let i = 0; i < 4; i++) await rarely.sample(5_000);
  assert.equal(rarely.shed.length, 3, 'never again before the load was measured again');
});

test('LC-05 low goes first, then normal, then high, and critical never', async () => {
  const { shed, sample, all } = loaded(8, (id) => (['critical', 'high', 'normal', 'low'] as const)[id % 4]!);
  for (let i = 0; i < 12; i++) await sample();
  assert.deepEqual(
    shed.map(({ priority }) => priority),
    ['low', 'low', 'normal', 'normal', 'high', 'high'],
  );
  assert.equal([...all].filter(({ state }) => state === 'open').length, 2);
});

test('LC-05 the level falls, or a shutdown begins, between two slices of the scan: nothing is closed', async () => {
  for (const change of ['level', 'shutdown'] as const) {
    const { clock, shed, batches, turns, server, sample, source } = loaded(1_000);
    server.pace.now = () => {
      clock.stall(1);
      return clock.now();
    };
    turns.push(() => {
      if (change === 'level') source.level = 'elevated';
      else server.isLeaving = true;
    });
    await sample();
    await sample();
    assert.equal(turns.length, 0, 'the scan yielded');
    assert.deepEqual([shed.length, batches.length], [0, 0]);
  }
});

test('LC-05 a connection that closes or becomes critical during the scan is spared', async () => {
  const { clock, shed, batches, turns, server, sample, all } = loaded(300, (id) => (id < 3 ? 'low' : 'high'));
  server.pace.now = () => {
    clock.stall(3);
    return clock.now();
  };
  const [first, second, third] = [...all];
  for (const [at, each] of [first, second, third].entries()) each!.bufferedBytes = 9 - at;
  turns.push(() => {
    first!.state = 'closed';
    second!.priority = 'critical';
    third!.priority = 'normal';
  });
  await sample();
  await sample();
  assert.deepEqual(shed, [third]);
  assert.deepEqual(batches, [{ low: 0, normal: 1, high: 0 }]);
});

test('LC-05 GN-16 closing one connection throws: it is destroyed, and the batch goes on', async () => {
  const { shed, batches, sample, all } = loaded(300);
  const [first, second, third] = [...all];
  first!.closeFor = () => assert.fail('of a transport');
  second!.closeFor = () => assert.fail('of a transport');
  second!.terminateFor = () => assert.fail('of a transport');
  await sample();
  await sample();
  assert.deepEqual(shed, [first, second, third]);
  assert.deepEqual([first!.state, third!.state], ['closed', 'closing']);
  assert.deepEqual(batches, [{ low: 0, normal: 3, high: 0 }]);
});

/** The signals that reached `critical`; whether connections are shed. */
const CAUSES: readonly (readonly [readonly LoadSignalName[], boolean])[] = [
  [['connectionsRatio'], false],
  [['heapRatio'], true],
  [['heapRatio', 'connectionsRatio'], true],
  [[], true],
];

for (const [causes, sheds] of CAUSES) {
  test(`LC-05 critical because of ${causes.join(' and ') || 'an unknown signal'}: connections are ${sheds ? '' : 'not '}shed`, async () => {
    const { shed, source, sample } = loaded(10);
    source.causes = causes;
    for (let i = 0; i < 3; i++) await sample();
    assert.equal(shed.length, sheds ? 2 : 0);
  });
}

test('LC-05 without connections that may be shed there is no batch', async () => {
  const { batches, sample } = loaded(5, () => 'critical');
  for (let i = 0; i < 5; i++) await sample();
  assert.equal(batches.length, 0);
});

test('LC-05 GN-15 a scan of 100,000 connections yields every 5 ms, and a sample meanwhile starts no second one', async () => {
  const { clock, shed, batches, server, shedder, sample } = loaded(0);
  let visited = 0;
  const all = Array.from({ length: 100_000 }, (_, id) =>
    Object.defineProperty(new Fake(id), 'lastReceivedAgoMs', { get: () => visited++ && 0 }),
  );
  server.connections = new Set(all);
  // Each look at the clock comes after 64 connections, and says that they took 1 ms.
  server.pace.now = () => {
    clock.stall(1);
    return clock.now();
  };
  const slices: number[] = [];
  server.pace.turn = async () => {
    slices.push(visited);
    visited = 0;
    if (clock.now() > 3_500) shedder.sampled();
  };
  await sample();
  await sample();
  await eventLoopTurns(2);
  assert.ok(clock.now() > 3_500, 'the scan took more than 1.5 seconds');
  assert.ok(slices.length > 250, `${slices.length} slices`);
  assert.ok(Math.max(...slices) <= 6 * 64, 'at most 6 ms in one slice');
  assert.deepEqual([shed.length, batches.length], [100, 1]);
});
