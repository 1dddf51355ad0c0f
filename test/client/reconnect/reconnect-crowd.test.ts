import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from '../../../src/index.ts';
import { leakCheck, seededRandom, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { ReconnectingClient } from '../dialling.ts';

const CLIENTS = 1_000;
const LONG = { deadlineMs: 60_000 };

/** Kolmogorov-Smirnov statistic: the greatest distance of a sample's distribution from the uniform one between `from` and `to`. */
function distanceFromUniform(sample: readonly number[], from: number, to: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return Math.max(
    ...sorted.map((value, i) => {
      const expected = (value - from) / (to - from);
      return Math.max(Math.abs(expected - i / sorted.length), Math.abs(expected - (i + 1) / sorted.length));
    }),
  );
}
/** One fair sample in a thousand exceeds this statistic. The samples are seeded and always the same. */
const CRITICAL = 1.95 / Math.sqrt(CLIENTS);

test('RC-02 RC-04: 1,000 clients reconnect after a restart, spread uniformly, and no message is lost', async (t) => {
  const leaks = leakCheck();
  const received: string[] = [];
  const start = async (port: number): Promise<WebSocketServer> => {
    const server = new WebSocketServer({ backlog: CLIENTS });
    server.on('message', (_, message) => void received.push(String(message)));
    await server.listen(port, '127.0.0.1');
    return server;
  };
  let server = await start(0);
  const { port } = server.address() as { port: number };
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const planned: { attempt: number; delayMs: number }[] = [];
  let downs = 0;
  const clients = Array.from({ length: CLIENTS }, () => {
    const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { clock, random });
    client.on('retry', ({ attempt, delayMs }) => void planned.push({ attempt, delayMs }));
    client.on('down', () => void downs++);
    return client;
  });
  t.after(async () => {
    for (const client of clients) client.close();
    await Promise.all(clients.map((client) => client.closed));
    assert.equal(clock.pendingTimers, 0);
    await server.shutdown();
    await leaks.assertNothingLeft({ withinMs: 10_000 });
  });
  await waitUntil(() => server.connections.size === CLIENTS, LONG);

  await server.shutdown({ code: 1012, batchSize: CLIENTS });
  await waitUntil(() => planned.length === CLIENTS, LONG);
  assert.equal(downs, CLIENTS);
  for (const [i, client] of clients.entries()) assert.equal(client.send(String(i)), true);
  const firsts = planned.splice(0);
  assert.ok(firsts.every(({ attempt }) => attempt === 1));
  const distance = distanceFromUniform(
    firsts.map(({ delayMs }) => delayMs),
    100,
    5_000,
  );
  assert.ok(distance < CRITICAL, `${distance} is not below ${CRITICAL}`);

  // The server starts late: first attempts fail, and second attempts are spread over 100 to 2,000 ms.
  for (let now = 0; now < 5_000; now += 100) clock.advance(100);
  await waitUntil(() => planned.length === CLIENTS, LONG);
  assert.ok(planned.every(({ attempt }) => attempt === 2));
  const second = distanceFromUniform(
    planned.map(({ delayMs }) => delayMs),
    100,
    2_000,
  );
  assert.ok(second < CRITICAL, `${second} is not below ${CRITICAL}`);

  server = await start(port);
  clock.advance(2_000);
  await waitUntil(() => server.connections.size === CLIENTS, LONG);
  await waitUntil(() => received.length === CLIENTS, LONG);
  assert.deepEqual(new Set(received), new Set(clients.map((_, i) => String(i))));
  assert.equal(planned.length, CLIENTS, 'no client needed a third attempt');
});
