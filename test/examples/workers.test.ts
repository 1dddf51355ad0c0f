import assert from 'node:assert/strict';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { ReconnectingClient } from '../../src/client/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { noSignals } from '../platform.ts';
import { type Running, startExample } from './run-example.ts';

/** Ports that two workers have printed. */
async function portsOf({ output }: Running): Promise<number[]> {
  const ports = (): number[] =>
    [...output().matchAll(/^ws:\/\/127\.0\.0\.1:(\d+)/gm)].map(([, port]) => Number(port));
  await waitUntil(() => ports().length >= 2, { deadlineMs: 30_000, description: 'two ports' });
  return ports();
}

interface Guest {
  readonly client: ReconnectingClient;
  readonly got: string[];
  readonly worker: unknown;
}

async function guest(t: TestContext, port: number): Promise<Guest> {
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, {
    protocols: ['hawser.v1'],
    maxFirstDelayMs: 100,
  });
  t.after(() => client.close());
  const room = client.topic('room:1');
  const got: string[] = [];
  room.on('message', (message) => void got.push(String(message)));
  await room.subscribed();
  return { client, got, worker: await client.request('worker') };
}

test('EX-01 SC-02 workers/processes: clients on two workers share a room, and SIGTERM ends all processes with exit code 0', async (t) => {
  const example = startExample(t, 'workers/processes.ts');
  const [port] = await portsOf(example);
  const guests = await Promise.all([1, 2, 3, 4].map(() => guest(t, port!)));
  const speaker = guests[0]!;
  const listener = guests.find(({ worker }) => worker !== speaker.worker) ?? assert.fail('one worker');
  await speaker.client.topic('room:1').publish('one');
  await waitUntil(() => listener.got.length === 1, { description: 'the first message' });
  if (noSignals !== false) return;
  process.kill(example.child.pid!, 'SIGTERM');
  assert.deepEqual(await example.exit, [0, null]);
});

test('EX-01 SC-02 workers/threads: each thread has a port, and they share a room', async (t) => {
  const example = startExample(t, 'workers/threads.ts');
  const [one, two] = await portsOf(example);
  assert.notEqual(one, two);
  const guests = [await guest(t, one!), await guest(t, two!)] as const;
  await guests[0].client.topic('room:1').publish('one');
  await waitUntil(() => guests[1].got.length === 1, { description: 'the message' });
  assert.deepEqual(guests[1].got, ['one']);
  if (noSignals !== false) return;
  process.kill(example.child.pid!, 'SIGTERM');
  assert.deepEqual(await example.exit, [0, null]);
});
