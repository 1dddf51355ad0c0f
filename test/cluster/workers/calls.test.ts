import assert from 'node:assert/strict';
import cluster, { type Address } from 'node:cluster';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { BroadcastChannel } from 'node:worker_threads';
import { ReconnectingClient } from '../../../src/client/index.ts';
import { startWorkers, type Workers } from '../../../src/cluster/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { noSignals } from '../../platform.ts';

const SCRIPT = join(import.meta.dirname, 'server-child.js');
const until = (description: string, holds: () => unknown): Promise<unknown> =>
  waitUntil(holds, { description, deadlineMs: 30_000 });

type Kind = 'process' | 'thread';

interface Machine {
  readonly workers: Workers;
  /** Ports on which workers listen, once for each worker. */
  readonly ports: readonly number[];
}

/** Two workers that listen, until the end of the test. */
async function machine(t: TestContext, kind: Kind): Promise<Machine> {
  const ports: number[] = [];
  const onListening = (_: unknown, { port }: Address): void => void ports.push(port);
  const channel = new BroadcastChannel('ports of threads');
  channel.addEventListener('message', (event) => void ports.push((event as MessageEvent).data as number));
  cluster.on('listening', onListening);
  const workers = startWorkers({ script: SCRIPT, count: 2, kind });
  t.after(async () => {
    await workers.stop({ deadlineMs: 2_000 });
    cluster.off('listening', onListening);
    channel.close();
  });
  await until('workers that listen', () => ports.length >= 2);
  return { workers, ports };
}

/** The result of a call, as JSON has it. */
interface Result {
  readonly value: unknown;
  readonly answered: readonly string[];
  readonly missing: readonly string[];
}

interface Peer {
  readonly client: ReconnectingClient;
  readonly worker: number;
  /** Node id of its server. */
  readonly node: string;
  /** Id of its connection. */
  readonly id: string;
  readonly messages: string[];
  readonly call: <Answer = Result>(call: string, ...args: readonly unknown[]) => Promise<Answer>;
}

/** A client that follows `news`, on any worker of a port. */
async function peerOn(t: TestContext, port: number): Promise<Peer> {
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, {
    protocols: ['hawser.v1'],
    maxFirstDelayMs: 100,
  });
  t.after(() => client.close());
  const messages: string[] = [];
  client.on('message', (message) => void messages.push(String(message)));
  await client.topic('news').subscribed();
  const self = (await client.request('self')) as { worker: string; node: string; id: string };
  const call = async <Answer>(name: string, ...args: readonly unknown[]): Promise<Answer> =>
    (await client.request('call', { call: name, args })) as Answer;
  return { client, ...self, worker: Number(self.worker), messages, call };
}

/** One client on each of two workers that know each other. */
async function peers(t: TestContext, { ports }: Machine): Promise<[Peer, Peer]> {
  const a = await peerOn(t, ports[0]!);
  let b = await peerOn(t, ports[1]!);
  while (b.worker === a.worker) {
    b.client.close();
    b = await peerOn(t, ports[1]!);
  }
  for (const { call } of [a, b])
    await until('two nodes', async () => (await call<readonly unknown[]>('nodes')).length === 2);
  // Clients that were on the wrong worker are gone.
  await until('two subscribers', async () => (await a.call('subscriberCount', 'news')).value === 2);
  return [a, b];
}

const LIMITS = { deadlineMs: 300 };

for (const kind of ['process', 'thread'] as const)
  test(`SC-09 SC-02 servers in workers count subscribers, disconnect, broadcast and add up their statistics, ${kind}`, async (t) => {
    const [a, b] = await peers(t, await machine(t, kind));
    const both = [a.node, b.node].sort();
    assert.equal(new Set(both).size, 2);
    for (const { call } of [a, b]) {
      const { value, answered, missing } = await call('subscriberCount', 'news');
      assert.deepEqual([value, [...answered].sort(), missing], [2, both, []]);
    }
    const sent = await a.call('broadcast', 'to all');
    assert.deepEqual(
      [sent.value, sent.answered, sent.missing],
      [{ ok: true, delivery: { sent: 1, skipped: 0, failed: 0 } }, [a.node], []],
    );
    for (const { messages } of [a, b]) await until('the broadcast', () => messages.length > 0);
    assert.deepEqual([a.messages, b.messages], [['to all'], ['to all']]);
    const stats = await b.call('stats');
    const { nodes, totals } = stats.value as {
      nodes: { id: string }[];
      totals: { connections: number; subscriptions: number };
    };
    assert.deepEqual([nodes.map(({ id }) => id).sort(), stats.missing], [both, []]);
    assert.deepEqual([totals.connections, totals.subscriptions], [2, 2]);
    const codes: number[] = [];
    b.client.connection!.on('close', ({ code }) => void codes.push(code));
    const gone = await a.call('disconnect', b.id);
    assert.deepEqual([gone.value, gone.missing], [true, []]);
    await until('the close', () => codes.length > 0);
    assert.deepEqual(codes, [1000]);
    await until('the end of the connection', async () => (await a.call('disconnect', b.id)).value === false);
  });

test('SC-09 SC-02 a worker that is stopped, then killed, is missing; afterwards its replacement is not', {
  skip: noSignals,
}, async (t) => {
  const all = await machine(t, 'process');
  const [a, b] = await peers(t, all);
  const { id } = all.workers.workers.find(({ number }) => number === b.worker)!;
  process.kill(id!, 'SIGSTOP');
  const hanging = await a.call('subscriberCount', 'news', LIMITS);
  assert.deepEqual([hanging.value, hanging.answered, hanging.missing], [1, [a.node], [b.node]]);
  const dying = a.call('stats', LIMITS);
  process.kill(id!, 'SIGKILL');
  assert.deepEqual((await dying).missing, [b.node]);
  await until('the replacement', async () => {
    const { answered, missing } = await a.call('stats');
    return answered.length === 2 && missing.length === 0 && !answered.includes(b.node);
  });
});

test('SC-09 SC-02 a thread whose event loop stands still is missing', async (t) => {
  const [a, b] = await peers(t, await machine(t, 'thread'));
  b.client.request('block').catch(() => undefined);
  await until('the block', async () => (await a.call('subscriberCount', 'news', LIMITS)).missing.length > 0);
  const hanging = await a.call('stats', LIMITS);
  assert.deepEqual([hanging.answered, hanging.missing], [[a.node], [b.node]]);
});
