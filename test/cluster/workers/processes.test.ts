import assert from 'node:assert/strict';
import cluster, { type Address, type Worker as ProcessWorker } from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { Worker as ThreadWorker } from 'node:worker_threads';
import { ReconnectingClient } from '../../../src/client/index.ts';
import {
  joinWorkers,
  startWorkers,
  type StartWorkersOptions,
  type Workers,
} from '../../../src/cluster/index.ts';
import { Hub } from '../../../src/cluster/engines/workers/hub.ts';
import { processLauncher, threadLauncher } from '../../../src/cluster/engines/workers/launchers.ts';
import { LOOK_MS } from '../../../src/cluster/engines/workers/lane.ts';
import type { WorkerExit } from '../../../src/cluster/engines/workers/supervisor.ts';
import { systemRandom } from '../../../src/engine/random.ts';
import { VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { noSignals } from '../../platform.ts';

const SCRIPT = join(import.meta.dirname, 'server-child.js');
const until = (description: string, holds: () => unknown): Promise<unknown> =>
  waitUntil(holds, { description, deadlineMs: 30_000 });

/** Workers that stop at the end of the test. */
function started(t: TestContext, options: Partial<StartWorkersOptions>): Workers {
  const workers = startWorkers({ script: SCRIPT, count: 2, ...options });
  t.after(() => workers.stop({ deadlineMs: 2_000 }));
  return workers;
}

/** The port that processes share, once `count` of them listen. */
async function portOf(count: number): Promise<number> {
  let [port, listening] = [0, 0];
  const onListening = (_: unknown, address: Address): void => {
    port = address.port;
    listening++;
  };
  cluster.on('listening', onListening);
  await until('workers that listen', () => listening >= count);
  cluster.off('listening', onListening);
  return port;
}

interface Peer {
  readonly client: ReconnectingClient;
  readonly worker: number;
  readonly got: string[];
  recovered: number;
  lost: number;
}

/** A client of `hawser.v1` that follows `news`, and the worker that it is on. */
async function peer(t: TestContext, port: number): Promise<Peer> {
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, {
    protocols: ['hawser.v1'],
    maxFirstDelayMs: 100,
    baseDelayMs: 100,
    maxDelayMs: 200,
  });
  t.after(() => client.close());
  const topic = client.topic('news');
  const one: Peer = { client, worker: Number(await client.request('who')), got: [], recovered: 0, lost: 0 };
  topic.on('message', (message) => void one.got.push(String(message)));
  topic.on('recovered', () => void one.recovered++);
  topic.on('lost', () => void one.lost++);
  await topic.subscribed();
  return one;
}

/** A worker that needs more than a second after its servers have shut down gets SIGTERM, which a busy machine may cause. */
function assertInOrder(exits: readonly WorkerExit[]): void {
  assert.equal(exits.length, 2);
  for (const { code, signal } of exits) assert.match(`${code} ${signal}`, /^(0 null|null SIGTERM)$/);
}

test('SC-02 SC-05 kill -9 of a worker under load: its clients resume on another, nothing is lost or comes twice', async (t) => {
  const workers = started(t, {});
  const restarted: number[] = [];
  workers.on('up', ({ number, restarts }) => {
    if (restarts > 0) restarted.push(number);
  });
  const port = await portOf(2);
  const peers = await Promise.all(Array.from({ length: 8 }, () => peer(t, port)));
  const victim = peers[0]!.worker;
  const publisher =
    peers.find(({ worker }) => worker !== victim) ?? assert.fail('one worker has all clients');
  const topic = publisher.client.topic('news');
  const { id } = workers.workers.find(({ number }) => number === victim)!;
  const COUNT = 300;
  for (let i = 1; i <= COUNT; i++) {
    const published = topic.publish(String(i));
    if (i % 10 === 0) await published;
    if (i === COUNT / 3) process.kill(id!, 'SIGKILL');
  }
  const followers = peers.filter((one) => one !== publisher);
  await until('every message', () => followers.every(({ got }) => got.length >= COUNT));
  for (const { got, lost } of followers) {
    assert.deepEqual(
      got,
      Array.from({ length: COUNT }, (_, i) => String(i + 1)),
    );
    assert.equal(lost, 0);
  }
  assert.ok(followers.some(({ worker, recovered }) => worker === victim && recovered > 0));
  await until('the restart', () => restarted.includes(victim));
  const text = await workers.metrics();
  assert.match(text, /^hawser_worker_exits_total [1-9]/m);
});

test('SC-02 metrics of all workers are one text: sums of counters stay when a worker ends', async (t) => {
  const workers = started(t, {});
  const port = await portOf(2);
  const valueOf = async (series: string): Promise<number> =>
    Number(new RegExp(`^${series} (.*)$`, 'm').exec(await workers.metrics())?.[1]);
  // Counters of the workers of other tests, which have ended, are in it.
  const before = await valueOf('hawser_connections_total');
  await Promise.all(Array.from({ length: 4 }, () => peer(t, port)));
  assert.equal(await valueOf('hawser_connections\\{state="open"\\}'), 4);
  assert.equal(await valueOf('hawser_connections_total'), before + 4);
  assert.equal(await valueOf('hawser_workers'), 2);
  assert.equal((await workers.metrics()).match(/^# TYPE hawser_connections_total /gm)!.length, 1);
  process.kill(workers.workers[0]!.id!, 'SIGKILL');
  await until('the end', () => workers.workers[0]!.state !== 'up');
  assert.ok((await valueOf('hawser_connections_total')) >= before + 4);
});

test('SC-02 LG-06 snapshots of all workers, one for each view; an answer after the deadline is none', async (t) => {
  const workers = started(t, {});
  const port = await portOf(2);
  await Promise.all(Array.from({ length: 4 }, () => peer(t, port)));
  const views = [
    { sort: 'age', limit: 1, filter: '' },
    { sort: 'in', limit: 50, filter: 'no such connection' },
  ] as const;
  const found = await workers.snapshots(views);
  assert.deepEqual(
    found.map(({ worker }) => worker.number),
    [1, 2],
  );
  let connections = 0;
  for (const { worker, servers } of found) {
    const [first, second] = servers[0]!;
    assert.equal(first!.server.pid, worker.id);
    assert.deepEqual([first!.connections.view, second!.connections.view], views);
    assert.equal(second!.connections.matching, 0);
    assert.equal(first!.cluster.nodes, null, 'a worker does not ask the others');
    connections += first!.connections.matching;
  }
  assert.equal(connections, 4);
  process.kill(workers.workers[0]!.id!, 'SIGSTOP');
  const [stopped] = await workers.snapshots(undefined, { deadlineMs: 50 });
  assert.deepEqual(stopped!.servers, []);
  process.kill(workers.workers[0]!.id!, 'SIGKILL');
  await assert.rejects(workers.snapshots('buffered' as never), { code: 'ERR_ARGUMENT' });
  await assert.rejects(workers.snapshots([], { deadline: 1 } as never), { code: 'ERR_OPTION' });
});

test('SC-02 LG-06 snapshots of a server that reportToHub names, and of threads', async (t) => {
  const reported = started(t, { args: ['report'] });
  await until('both', async () => (await reported.snapshots()).every(({ servers }) => servers.length === 1));
  await reported.stop({ deadlineMs: 20_000 });
  const threads = started(t, { kind: 'thread' });
  await until('threads', async () =>
    (await threads.snapshots()).every(({ servers }) => servers.length === 1),
  );
  const pids = (await threads.snapshots()).map(({ servers }) => servers[0]![0]!.server.pid);
  assert.deepEqual(pids, [process.pid, process.pid]);
});

test('SC-02 stop shuts the servers down in order: clients get 1001, and the workers exit with 0', async (t) => {
  const workers = started(t, {});
  const exits: WorkerExit[] = [];
  workers.on('exit', (_, exit) => void exits.push(exit));
  const port = await portOf(2);
  const peers = await Promise.all([peer(t, port), peer(t, port)]);
  const codes: number[] = [];
  for (const { client } of peers) client.connection!.on('close', ({ code }) => void codes.push(code));
  await workers.stop({ deadlineMs: 20_000 });
  assertInOrder(exits);
  await until('two closes', () => codes.length === 2);
  assert.deepEqual(codes, [1001, 1001]);
  assert.ok(workers.workers.every(({ state }) => state === 'ended'));
});

test('SC-02 a server without workerEngine that reportToHub names has its metrics merged, and is stopped in order', async (t) => {
  const workers = started(t, { args: ['report'] });
  const exits: WorkerExit[] = [];
  workers.on('exit', (_, exit) => void exits.push(exit));
  await portOf(2);
  await until('both', async () => /^hawser_connections_limit 20000$/m.test(await workers.metrics()));
  await workers.stop({ deadlineMs: 20_000 });
  assertInOrder(exits);
});

for (const kind of ['process', 'thread'] as const)
  test(`SC-02 a script that fails at its start is reported with its path, ${kind}`, async (t) => {
    const workers = started(t, {
      kind,
      count: 1,
      args: ['fail'],
      restart: { minMs: 1, maxMs: 1, stableMs: 60_000 },
    });
    const failures: Error[] = [];
    workers.on('failing', (_, error) => void failures.push(error));
    await until('the report', () => failures.length > 0);
    assert.match(failures[0]!.message, /worker 1 ended 4 times in a row .*child\.js/);
    await workers.stop({ deadlineMs: 1_000 });
  });

test('SC-02 threads talk to the hub of the main thread, and stop in order', async (t) => {
  const workers = started(t, { kind: 'thread' });
  const text = async (): Promise<string> => workers.metrics();
  let metrics = '';
  await until('two threads', async () => {
    metrics = await text();
    return /^hawser_workers 2$/m.test(metrics);
  });
  assert.ok(workers.workers.every(({ id }) => id! > 0));
  const exits: WorkerExit[] = [];
  workers.on('exit', (_, exit) => void exits.push(exit));
  await workers.stop({ deadlineMs: 20_000 });
  assert.equal(exits.length, 2);
});

test('SC-02 joinWorkers refuses a worker that has joined, and one of startWorkers', async (t) => {
  const thread = new ThreadWorker('', { eval: true });
  const ended = once(thread, 'exit');
  joinWorkers(thread);
  assert.throws(() => joinWorkers(thread), { code: 'ERR_STATE', message: /once for each worker/ });
  await ended;
  const forked = once(cluster, 'fork');
  started(t, { count: 1 });
  const [worker] = (await forked) as [ProcessWorker];
  assert.throws(() => joinWorkers(worker), { code: 'ERR_STATE', message: /not for workers of startWorkers/ });
});

/** A hub on a virtual clock, and one real worker. */
async function alone(t: TestContext, kind: 'process' | 'thread') {
  const clock = new VirtualClock();
  const hub = new Hub({ clock, random: systemRandom });
  const exits: WorkerExit[] = [];
  const launcher = kind === 'process' ? processLauncher : threadLauncher;
  const running = launcher(hub, { script: SCRIPT, args: () => [], env: {} })(
    1,
    () => undefined,
    (exit) => void exits.push(exit),
  );
  t.after(() => until('the end', () => (running.kill(), exits.length > 0)));
  await until('the worker at the hub', async () => /^hawser_workers 1$/m.test(await hub.metrics(1)));
  return { clock, running, exits };
}

test('SC-02 a worker that is stopped by SIGSTOP for more than 10 s is killed', {
  skip: noSignals,
}, async (t) => {
  const { clock, running, exits } = await alone(t, 'process');
  process.kill(running.id, 'SIGSTOP');
  for (let i = 0; i < 7; i++) clock.advance(LOOK_MS);
  await until('its end', () => exits.length > 0);
  assert.equal(exits[0]!.signal, 'SIGKILL');
  assert.match(exits[0]!.error!.message, /acknowledged nothing for 10000 ms/);
});
