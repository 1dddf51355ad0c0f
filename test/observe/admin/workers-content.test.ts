import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentOfWorkers } from '../../../src/observe/admin/workers-content.ts';
import type { AdminSnapshot, AdminView } from '../../../src/observe/index.ts';
import type { ShownWorker, ShownWorkers } from '../../../src/observe/admin/workers-subject.ts';
import { EventEmitter } from 'node:events';
import { VirtualClock } from '../../../src/testing/index.ts';
import { madeConnection, madeSnapshot, type SnapshotParts } from '../../cli/made-snapshot.ts';

const VIEW: AdminView = { sort: 'in', limit: 2, filter: '' };

type Answers = readonly { readonly worker: ShownWorker; readonly servers: readonly AdminSnapshot[] }[];

/** The admin port of workers whose answers a test gives. */
function watching() {
  const clock = new VirtualClock();
  const events = new EventEmitter();
  let answers: Answers = [];
  const deadlines: number[] = [];
  const workers: ShownWorkers = {
    get workers() {
      return answers.map(({ worker }) => worker);
    },
    metrics: () => Promise.resolve('the metrics\n'),
    snapshots: (views, { deadlineMs }) => {
      deadlines.push(deadlineMs);
      return Promise.resolve(
        answers.map(({ worker, servers }) => ({
          worker,
          servers: servers.map((snapshot) =>
            views.map((view) => ({ ...snapshot, connections: { ...snapshot.connections, view } })),
          ),
        })),
      );
    },
    on: events.on.bind(events),
    off: events.off.bind(events),
  };
  const content = contentOfWorkers({ workers, clock, name: 'eu-1' });
  return {
    clock,
    events,
    content,
    deadlines,
    take: async (given: Answers): Promise<AdminSnapshot> => {
      answers = given;
      const taken = await content.snapshots.take([VIEW], () => true);
      return taken!.get('in 2 ')!;
    },
  };
}

const up = (number: number, id = 100 + number, restarts = 0): ShownWorker => ({
  number,
  state: 'up',
  id,
  restarts,
});
/** A worker without a broker does not ask other servers. */
const of = (parts: SnapshotParts = {}): AdminSnapshot =>
  madeSnapshot({ ...parts, cluster: { nodeId: 'n', state: 'up', nodes: null, totals: null } });
const stats = (received: number, uptimeMs: number, now = 5): Partial<AdminSnapshot['stats']> => {
  const made = madeSnapshot().stats;
  return {
    uptimeMs,
    messages: { received, sent: 2 * received, dropped: 0 },
    connections: { ...made.connections, now, opened: 10, open: now, closing: 0 },
  };
};

test('LG-06 SC-02: the snapshot of workers has sums, the largest delay of an event loop, and the mean of its load', async () => {
  const { take, clock } = watching();
  clock.advance(7_000);
  const loop = (loopUtilization: number | null, p99: number) => ({
    loopUtilization,
    loopDelayMs: { mean: 1, p99, max: p99 },
  });
  const snapshot = await take([
    { worker: up(1), servers: [of({ stats: stats(100, 10_000), gauges: loop(0.2, 3) })] },
    { worker: up(2), servers: [of({ stats: stats(50, 5_000), gauges: loop(0.6, 9) })] },
  ]);
  const one = of();
  assert.equal(snapshot.server.name, 'eu-1');
  assert.equal(snapshot.server.actions, false);
  assert.deepEqual(
    [snapshot.stats.uptimeMs, snapshot.stats.messages.received, snapshot.stats.connections.now],
    [7_000, 150, 10],
  );
  assert.equal(snapshot.stats.closes.byCode['1000'], 2 * one.stats.closes.byCode['1000']!);
  const { gauges } = snapshot;
  assert.equal(gauges.connections.limit, 2 * one.gauges.connections.limit);
  assert.deepEqual(gauges.rssBytes, one.gauges.rssBytes, 'threads of one process have one memory');
  assert.deepEqual([gauges.loopUtilization, gauges.loopDelayMs?.p99], [0.4, 9]);
  assert.deepEqual(snapshot.topics[0], { name: 'lobby', subscribers: 800 });
  assert.equal(
    snapshot.lastMinute.closesByCause['ping-timeout'],
    2 * one.lastMinute.closesByCause['ping-timeout']!,
  );
});

test('LG-06 SC-02: memory of processes is a sum, up to that of the machine, which counts once', async () => {
  const { take } = watching();
  const { gauges } = await take(
    [1, 2].map((pid) => ({ worker: up(pid), servers: [of({ server: { pid } })] })),
  );
  const { rssBytes } = of().gauges;
  assert.deepEqual(gauges.rssBytes, { now: 2 * rssBytes.now, limit: rssBytes.limit });
});

test('LG-06 SC-02: a row for each worker has its rates, its event loop and its restarts; totals are their sums', async () => {
  const { take } = watching();
  const first = { worker: up(1), servers: [of({ stats: stats(100, 10_000) })] };
  await take([first, { worker: up(2), servers: [of({ stats: stats(50, 5_000) })] }]);
  const { cluster, readiness } = await take([
    { worker: up(1), servers: [of({ stats: stats(140, 12_000) })] },
    { worker: { number: 2, state: 'waiting', id: undefined, restarts: 3 }, servers: [] },
  ]);
  assert.deepEqual(readiness, { ready: true, reasons: [] });
  assert.deepEqual([cluster.nodeId, cluster.state], ['', 'up']);
  const [one, two] = cluster.nodes!;
  assert.deepEqual(
    [one!.name, one!.load?.receivedPerSecond, one!.load?.sentPerSecond, one!.load?.connections],
    ['worker 1', 20, 40, 5],
  );
  assert.deepEqual(one!.worker, { number: 1, state: 'up', restarts: 0, ...loopOf(of()) });
  assert.equal(two!.load, null);
  assert.deepEqual(two!.worker, {
    number: 2,
    state: 'waiting',
    restarts: 3,
    loopUtilization: null,
    loopDelayMs: null,
  });
  assert.deepEqual([cluster.totals?.nodes, cluster.totals?.answered, cluster.totals?.connections], [2, 1, 5]);
});

const loopOf = ({ gauges: { loopUtilization, loopDelayMs } }: AdminSnapshot) => ({
  loopUtilization,
  loopDelayMs,
});

test('LG-06 SC-02: counters never fall: a worker without an answer counts with its last one, one that ended with its counters', async () => {
  const { take } = watching();
  await take([
    { worker: up(1), servers: [of({ stats: stats(100, 10_000) })] },
    { worker: up(2), servers: [of({ stats: stats(50, 5_000) })] },
  ]);
  const silent = await take([
    { worker: up(1), servers: [of({ stats: stats(110, 11_000) })] },
    { worker: up(2), servers: [] },
  ]);
  assert.deepEqual([silent.stats.messages.received, silent.stats.connections.now], [160, 10]);
  const restarted = await take([
    { worker: up(1), servers: [of({ stats: stats(120, 12_000) })] },
    { worker: up(2, 202, 1), servers: [of({ stats: stats(5, 1_000, 1) })] },
  ]);
  assert.deepEqual([restarted.stats.messages.received, restarted.stats.connections.now], [175, 6]);
  assert.equal(restarted.stats.connections.opened, 30);
  const none = await take([]);
  assert.deepEqual([none.stats.messages.received, none.stats.connections.now], [175, 0]);
  assert.deepEqual(none.readiness, { ready: false, reasons: ['not-listening'] });
  const nothing = await watching().take([{ worker: up(1), servers: [] }]);
  assert.deepEqual([nothing.stats.messages.received, nothing.gauges.loopDelayMs], [0, null]);
});

test('LG-06 SC-02: the table of connections is that of all workers, sorted and cut as the viewer wants', async () => {
  const { take, content } = watching();
  const table = (...rates: number[]): Partial<AdminSnapshot['connections']> => ({
    matching: 10,
    rows: rates.map((receivedPerSecond) =>
      madeConnection({ id: String(receivedPerSecond), receivedPerSecond, rttMs: null }),
    ),
  });
  const { connections } = await take([
    { worker: up(1), servers: [of({ connections: table(9, 1) })] },
    { worker: up(2), servers: [of({ connections: table(5) })] },
  ]);
  assert.equal(connections.matching, 20);
  assert.deepEqual(connections.view, VIEW);
  assert.deepEqual(
    connections.rows.map(({ id }) => id),
    ['9', '5'],
  );
  for (const sort of ['buffered', 'out', 'rtt', 'age', 'topics', 'dropped'] as const)
    assert.equal((await content.connections({ ...VIEW, sort })).rows.length, 2, sort);
});

test('LG-06 SC-02: events of all workers have one numbering, and name the worker; its ends are events, too', async () => {
  const { take, events, content } = watching();
  const event = of().events[0]!;
  const withEvents = (...numbers: number[]): AdminSnapshot => ({
    ...of(),
    events: numbers.map((number) => ({ ...event, number, text: `event ${number}` })),
  });
  events.emit('up', up(1));
  const first = await take([{ worker: up(1), servers: [withEvents(1, 2)] }]);
  assert.deepEqual(
    first.events.map(({ number, kind, text }) => [number, kind, text]),
    [
      [1, 'worker-up', 'worker 1 runs, id 101'],
      [2, event.kind, 'worker 1 · event 1'],
      [3, event.kind, 'worker 1 · event 2'],
    ],
  );
  events.emit('exit', up(1), { code: null, signal: 'SIGKILL' });
  events.emit('exit', up(2), { code: 1, signal: null });
  const second = await take([
    { worker: up(1), servers: [withEvents(2, 3)] },
    { worker: up(2), servers: [withEvents(1)] },
  ]);
  assert.deepEqual(
    second.events.slice(3).map(({ number, text }) => [number, text]),
    [
      [4, 'worker 1, id 101, ended: SIGKILL'],
      [5, 'worker 2, id 102, ended: code 1'],
      [6, 'worker 1 · event 3'],
      [7, 'worker 2 · event 1'],
    ],
  );
  const many = Array.from({ length: 100 }, (_, at) => at + 10);
  const last = await take([{ worker: up(1), servers: [withEvents(...many)] }]);
  assert.deepEqual([last.events.length, last.events.at(-1)?.number], [100, 107]);
  await take([]);
  const again = await take([{ worker: up(1), servers: [withEvents(1)] }]);
  assert.equal(again.events.at(-1)?.number, 108, 'the system gave the id of a process that ended to another');
  content.stop();
  assert.equal(events.listenerCount('up') + events.listenerCount('exit'), 0);
});

test('LG-06 SC-02: workers that a broker joins with other machines show those, too', async () => {
  const { take } = watching();
  const other = {
    id: 'far',
    name: null,
    host: 'far',
    pid: 1,
    version: '1',
    load: null,
    worker: null,
  };
  const snapshot = of();
  const own = { ...other, id: 'near', host: (await take([])).server.host, pid: snapshot.server.pid };
  const joined: AdminSnapshot = {
    ...snapshot,
    cluster: { nodeId: 'near', state: 'down', nodes: [own, other], totals: null },
  };
  const { cluster } = await take([{ worker: up(1), servers: [joined] }]);
  assert.equal(cluster.state, 'down');
  assert.deepEqual(
    cluster.nodes!.map(({ id }) => id),
    ['worker 1', 'far'],
  );
});

test('LG-06 SC-02: the port of workers answers from one snapshot, and has no actions', async () => {
  const { take, content, deadlines } = watching();
  await take([{ worker: up(1), servers: [of({ stats: stats(100, 10_000) })] }]);
  assert.equal(await content.metrics(), 'the metrics\n');
  assert.deepEqual(await content.readiness(), { ready: true, reasons: [] });
  const own = (await content.stats(false)) as AdminSnapshot['stats'];
  assert.equal(own.messages.received, 100);
  const all = (await content.stats(true)) as AdminSnapshot['cluster'];
  assert.equal(all.totals?.nodes, 1);
  assert.equal(content.retryAfter(), 1);
  assert.equal(
    content.act({ pathname: '/drain', query: new URLSearchParams(), remoteAddress: '' }).status,
    403,
  );
  assert.ok(deadlines.every((ms) => ms === 900));
  content.snapshots.rest();
});
