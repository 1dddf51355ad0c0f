import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { ReconnectState } from '../../../src/index.ts';
import { leakCheck, VirtualClock, waitForEvent, waitUntil } from '../../../src/testing/index.ts';
import { type Boat, boat, harbour } from './reconnecting.ts';
import { ReconnectingClient } from '../dialling.ts';

/** A server that accepts connections and never answers. */
async function silent(t: TestContext): Promise<{ readonly url: string; readonly sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => sockets.push(socket.on('error', () => {}).resume()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/`, sockets };
}

interface Phase {
  readonly name: string;
  readonly state: ReconnectState;
  /** Brings a client into the phase. */
  readonly reach: (t: TestContext, signal: AbortSignal) => Promise<Boat>;
}

const PHASES: readonly Phase[] = [
  {
    name: 'asking',
    state: 'connecting',
    reach: async (t, signal) => {
      let asked = false;
      const url = (): Promise<string> => {
        asked = true;
        return new Promise(() => {});
      };
      const made = boat(t, url, { signal });
      await waitUntil(() => asked);
      return made;
    },
  },
  {
    name: 'dialling',
    state: 'connecting',
    reach: async (t, signal) => {
      const { url, sockets } = await silent(t);
      const made = boat(t, url, { signal });
      await waitUntil(() => sockets.length === 1);
      return made;
    },
  },
  {
    name: 'open',
    state: 'open',
    reach: async (t, signal) => {
      const made = boat(t, (await harbour(t)).url, { signal });
      await made.next('open');
      return made;
    },
  },
  {
    name: 'waiting',
    state: 'waiting',
    reach: async (t, signal) => {
      const made = boat(t, 'ws://127.0.0.1:1/', { signal });
      await made.next('retry');
      return made;
    },
  },
  {
    name: 'ending',
    state: 'ending',
    reach: async (t, signal) => {
      const port = await harbour(t);
      const made = boat(t, port.url, { signal });
      const connection = await made.next('open');
      connection.close(1012); // the server's answer has not arrived yet
      return made;
    },
  },
];

for (const { name, state, reach } of PHASES) {
  for (const how of ['close', 'abort'] as const) {
    test(`RC-01: ${how} while ${name}: the client closes and leaves nothing open`, async (t) => {
      const leaks = leakCheck();
      const controller = new AbortController();
      const { client, clock, names } = await reach(t, controller.signal);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
      assert.equal(client.state, state);
      if (how === 'close') client.close();
      else controller.abort();
      const { why } = await client.closed;
      assert.equal(why, how);
      assert.equal(clock.pendingTimers, 0);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
      assert.equal(names().at(-1), 'close');
      assert.ok(!names().includes('giveUp'));
      client.close();
      controller.abort();
      t.after(() => leaks.assertNothingLeft({ withinMs: 5_000 }));
    });
  }
}

test('RC-01: close() does the closing handshake, with code and reason', async (t) => {
  const port = await harbour(t);
  const { client, next } = boat(t, port.url);
  await next('open');
  const [connection] = port.server().connections;
  assert.throws(() => client.close(1004), { code: 'ERR_ARGUMENT' });
  client.close(4001, 'enough');
  const { code, reason, wasClean } = await connection!.closed;
  assert.deepEqual([code, reason, wasClean], [4001, 'enough', true]);
  const { why, close } = await client.closed;
  assert.deepEqual([why, close?.sentCode, close?.wasClean], ['close', 4001, true]);
});

test('RC-01: an abort ends a closing handshake at once', async (t) => {
  const port = await harbour(t);
  const controller = new AbortController();
  const { client, next } = boat(t, port.url, { signal: controller.signal });
  await next('open');
  const [connection] = port.server().connections;
  connection?.pause();
  client.close();
  controller.abort();
  assert.equal((await client.closed).close?.wasClean, false);
});

test('RC-01: a client that is closed in the turn of its construction makes no attempt', async () => {
  const clock = new VirtualClock();
  const url = (): never => assert.fail('the URL must not be requested');
  const client = new ReconnectingClient(url, { clock });
  client.close();
  assert.deepEqual([await client.closed, clock.pendingTimers], [{ why: 'close' }, 0]);
});

test('RC-01: with an aborted signal the client makes no attempt', async () => {
  const clock = new VirtualClock();
  const client = new ReconnectingClient('ws://127.0.0.1:1/', { clock, signal: AbortSignal.abort() });
  assert.equal((await client.closed).why, 'abort');
  assert.equal(clock.pendingTimers, 0);
});

test('RC-01: listeners of open, down and retry may close the client', async (t) => {
  const port = await harbour(t);
  for (const name of ['open', 'down', 'retry'] as const) {
    const { client, next } = boat(t, port.url);
    client.on(name, () => client.close());
    await next('open');
    if (name !== 'open') for (const connection of port.server().connections) connection.close(1012);
    assert.equal((await client.closed).why, 'close', name);
  }
});

test('SD-06: await using closes the client', async (t) => {
  const port = await harbour(t);
  const { client, next } = boat(t, port.url);
  await next('open');
  await client[Symbol.asyncDispose]();
  assert.equal(client.state, 'closed');
});

test('RC-01: a client that waits for its next attempt keeps the process alive until it ends', async () => {
  const entry = join(import.meta.dirname, '..', '..', '..', 'src', 'client', 'index.js');
  const program = `
    import { ReconnectingClient } from ${JSON.stringify(pathToFileURL(entry).href)};
    const client = new ReconnectingClient('ws://127.0.0.1:1/', { baseDelayMs: 1, maxAttempts: 2 });
    client.on('close', ({ why }) => console.log(why, client.attempts));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  assert.deepEqual(await waitForEvent(child, 'close', { deadlineMs: 30_000 }), [0, null]);
  assert.equal(printed, 'attempts 2\n');
});
