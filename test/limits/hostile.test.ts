import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { continuation, ping, pong, RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { BUDGET_BYTES, type HostileReport } from './hostile-server.ts';

const HALF = 1_000;
const LINES = 15;
/** Number of connections at once. */
const BATCH = 50;
const SLOW = { deadlineMs: 60_000 };

/** What attackers do after TCP connects. None of them disconnects by itself. */
const ATTACKS: Readonly<Record<string, (client: RawClient) => Promise<void> | void>> = {
  'slow head': (client) => client.send('GET / HTTP/1.1\r\nHost: local'),
  'not a byte': () => {},
  'stalled reader': async (client) => {
    await client.upgrade(SLOW);
    client.pause();
    client.send(text('flood'));
  },
  'ping flood': async (client) => {
    await client.upgrade(SLOW);
    client.pause();
    const pings = Buffer.concat(Array.from({ length: 3_000 }, () => ping('0123456789')));
    client.send(pings);
  },
  'tiny fragments': async (client) => {
    await client.upgrade(SLOW);
    client.send(text('', { fin: false }));
    client.send(Buffer.concat(Array.from({ length: 1_500 }, () => continuation('x', { fin: false }))));
  },
  'half-open': async (client) => {
    await client.upgrade(SLOW);
  },
  reset: async (client) => {
    await client.upgrade(SLOW);
    client.send(text('x', { fin: false }));
    client.reset();
  },
  garbage: (client) => client.send(Buffer.alloc(1_000, 0xff)),
};

async function serverProcess(t: TestContext) {
  const child = fork(join(import.meta.dirname, 'hostile-server.js'));
  t.after(() => void child.kill('SIGKILL'));
  const next = async (): Promise<HostileReport> => ((await once(child, 'message')) as [HostileReport])[0];
  const { port } = await next();
  return {
    port: port!,
    report: (): Promise<HostileReport> => {
      child.send('report');
      return next();
    },
    stop: async (): Promise<unknown> => {
      child.send('stop');
      return (await once(child, 'exit'))[0];
    },
  };
}

/**
 * Sends its lines one after the other and checks that they come back in order; then sends one line per ping of the
 * server until it may stop.
 */
async function talk(client: RawClient, name: string, mayStop: () => boolean): Promise<void> {
  for (let line = 0; line < LINES || !mayStop(); line++) {
    const said = `${name}, line ${line}`;
    let pinged = line < LINES;
    let answered = false;
    if (pinged) client.send(text(said));
    while (!answered) {
      const { opcode, payload } = await client.nextFrame(SLOW);
      if (opcode === 9) {
        client.send(pong(payload));
        if (!pinged) client.send(text(said));
        pinged = true;
      } else {
        assert.deepEqual([opcode, payload.toString()], [1, said]);
        answered = true;
      }
    }
  }
}

test('GN-06 GN-07 SE-06 SE-14 SE-19 SE-25 SE-32 TS-08: with 1,000 hostile connections, 1,000 others are served throughout, memory stays in its budget, and nothing leaks', {
  timeout: 120_000,
}, async (t) => {
  const { port, report, stop } = await serverProcess(t);
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client[Symbol.dispose]();
  });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect({ port, ...SLOW });
    clients.push(client);
    return client;
  };
  const good: RawClient[] = [];
  let attacksOver = false;
  const talks: Promise<void>[] = [];
  const names = Object.keys(ATTACKS);
  const attacks: Promise<unknown>[] = [];
  const come = async (i: number): Promise<void> => {
    const client = await connect();
    await client.upgrade(SLOW);
    good.push(client);
    talks.push(talk(client, `client ${i}`, () => attacksOver));
    const attacker = await connect();
    attacks.push(Promise.resolve(ATTACKS[names[i % names.length]!]!(attacker)).catch(() => undefined));
  };
  for (let i = 0; i < HALF; i += BATCH)
    await Promise.all(Array.from({ length: BATCH }, (_, j) => come(i + j)));
  await Promise.all(attacks);
  let last: HostileReport = {};
  let pending = false;
  await waitUntil(
    () => {
      if (!pending) {
        pending = true;
        void report().then((next) => {
          last = next;
          pending = false;
        });
      }
      return last.stats?.connections.now === HALF && last.stats.handshakes.pending === 0;
    },
    { deadlineMs: 60_000, description: 'the attackers to be gone' },
  );
  attacksOver = true;
  await Promise.all(talks);
  await waitUntil(() => !pending);
  const during = await report();
  assert.equal(during.stats!.connections.now, HALF);
  assert.equal(during.errors, 0);
  assert.ok(during.peakUsedBytes! <= BUDGET_BYTES, `${during.peakUsedBytes} bytes`);
  const causes = Object.keys(during.stats!.closes.byCause);
  for (const cause of ['write-timeout', 'rate-limit', 'message-timeout', 'ping-timeout', 'transport-error'])
    assert.ok(causes.includes(cause), `${cause} in ${causes.join(', ')}`);
  for (const code of ['ERR_HEAD_TIMEOUT', 'ERR_HEAD_SYNTAX'])
    assert.ok((during.stats!.handshakes.refusedByCode[code] ?? 0) > 0, code);
  for (const client of good) client.stream.destroy();
  let after = during;
  // Every connection that opened must end with its close event.
  while (after.stats!.connections.closed < after.stats!.connections.opened) after = await report();
  const { connections, handshakes, topics, bytes } = after.stats!;
  assert.deepEqual(
    [connections.closing, handshakes.pending, topics, bytes.buffered, after.usedBytes],
    [0, 0, { count: 0, subscriptions: 0 }, 0, 0],
  );
  assert.equal(connections.now, 0);
  assert.equal(await stop(), 0);
});
