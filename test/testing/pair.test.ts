import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ConnectError } from '../../src/client/index.ts';
import { type Connection, WebSocketServer } from '../../src/index.ts';
import {
  eventLoopTurns,
  type Pair,
  type PairOptions,
  pair,
  seededRandom,
  VirtualClock,
  waitForEvent,
  waitUntil,
} from '../../src/testing/index.ts';

/** A pair that is disposed when the test ends. Checks that no timer is left. */
async function joined<Data = unknown>(
  t: TestContext,
  options: PairOptions<Data> = {},
): Promise<Pair<Data, unknown>> {
  const both = await pair<Data>(options);
  t.after(async () => {
    await both[Symbol.asyncDispose]();
    await eventLoopTurns(2);
    assert.equal(both.clock.pendingTimers, 0);
  });
  return both;
}
const ends = (connection: Connection) => connection.closed;

test('TK-01 CC-06: a complete handshake in memory, messages both ways, typed data on the server', async (t) => {
  const { server, client, webSocketServer } = await joined(t, {
    server: {
      protocols: ['chat'],
      upgrade: ({ request }) => ({ data: { name: request.headers['x-name'] } }),
    },
    client: { protocols: ['chat'], headers: { 'X-Name': 'Ann' } },
    path: '/room?a=b',
  });
  assert.equal(server.data.name, 'Ann');
  assert.deepEqual([server.protocol, client.protocol, client.state], ['chat', 'chat', 'open']);
  client.send('to server');
  server.send(Buffer.of(1, 2));
  assert.deepEqual(await waitForEvent(server, 'message'), ['to server', true]);
  assert.deepEqual(await waitForEvent(client, 'message'), [Buffer.of(1, 2), false]);
  assert.equal(webSocketServer.connections.size, 1);
});

test('TK-01 GN-04: the same seed gives the same bytes on the wire', async (t) => {
  const keysOf = async (seed: number): Promise<string> => {
    const both = await pair({ seed });
    t.after(() => both[Symbol.asyncDispose]());
    const seen: string[] = [];
    const offer = both.wire.client.write.bind(both.wire.client);
    both.wire.client.write = ((chunk: Buffer, ...rest: never[]) => {
      seen.push(chunk.toString('hex'));
      return offer(chunk, ...rest);
    }) as typeof both.wire.client.write;
    both.client.send('Hello');
    await waitForEvent(both.server, 'message');
    return `${both.client.id} ${both.server.id} ${seen.join()}`;
  };
  const [first, again, other] = [await keysOf(7), await keysOf(7), await keysOf(8)];
  assert.equal(first, again);
  assert.notEqual(first, other);
});

test('TK-01: several pairs can share a server of the caller', async () => {
  const clock = new VirtualClock();
  await using server = new WebSocketServer({ clock });
  await using a = await pair({ server, clock });
  await using b = await pair({ server, clock });
  server.broadcast('to all');
  assert.deepEqual(await waitForEvent(a.client, 'message'), ['to all', true]);
  assert.deepEqual(await waitForEvent(b.client, 'message'), ['to all', true]);
  await a[Symbol.asyncDispose]();
  assert.equal(server.ready(), true, 'the caller shuts the server down');
});

test('TK-01 CC-01: pair rejects if the server refuses, and leaves nothing open', async () => {
  const clock = new VirtualClock();
  await assert.rejects(
    pair({ clock, server: { upgrade: () => new Response('not you', { status: 401 }) } }),
    (error) => error instanceof ConnectError && error.status === 401 && error.body.toString() === 'not you',
  );
  await waitUntil(() => clock.pendingTimers === 0);
});

test('CC-06 TK-02: each message arrives once and in order, both ways at once, at every cut', async (t) => {
  for (const cut of [1, 3, 4_096]) {
    const { server, client, wire } = await joined(t, { wire: { highWaterMarkBytes: 1_024 } });
    wire.toServer.cutInto(cut);
    wire.toClient.cutInto(cut);
    const random = seededRandom(cut);
    const size = () => Math.floor(random.fraction() ** 4 * 600);
    const made = () => (random.fraction() < 0.5 ? 'ä'.repeat(size()) : random.bytes(size()));
    const run = async (from: Connection, to: Connection): Promise<void> => {
      const sent = Array.from({ length: 20 }, made);
      const seen: unknown[] = [];
      to.on('message', (message) => void seen.push(message));
      for (const message of sent) {
        from.send(message);
        from.ping('between');
      }
      await waitUntil(() => seen.length === sent.length, { deadlineMs: 20_000 });
      assert.deepEqual(seen, sent);
    };
    await Promise.all([run(client, server), run(server, client)]);
  }
});

test('CC-06 HB-01: pings of both sides keep an idle pair open for hours', async (t) => {
  const { server, client, pass } = await joined(t);
  await pass(6 * 3_600_000, 10_000);
  assert.deepEqual([server.state, client.state], ['open', 'open']);
  assert.ok(client.rttMs !== undefined && server.rttMs !== undefined);
});

test('CC-06 HB-04: a client detects a server that has vanished, and the reverse', async (t) => {
  for (const role of ['client', 'server'] as const) {
    const both = await joined(
      t,
      role === 'client'
        ? { server: { heartbeat: false, idleTimeoutMs: false } }
        : { client: { heartbeat: false, idleTimeoutMs: false } },
    );
    both.wire[role === 'client' ? 'toClient' : 'toServer'].lose();
    await both.pass(60_000, 1_000);
    const { code, cause, sentCode } = await ends(both[role]);
    assert.deepEqual([code, cause, sentCode], [1006, 'ping-timeout', 1001], role);
  }
});

for (const who of ['client', 'server', 'both'] as const) {
  test(`CC-06 CL-10: closed by ${who}, both sides report the same, and the server ends TCP first`, async (t) => {
    const both = await joined(t);
    const order: string[] = [];
    both.wire.client.on('end', () => order.push('server ended'));
    both.wire.server.on('end', () => order.push('client ended'));
    if (who !== 'server') both.client.close(4_000, 'bye');
    if (who !== 'client') both.server.close(4_000, 'bye');
    const infos = await Promise.all([ends(both.client), ends(both.server)]);
    for (const { code, wasClean, sentCode } of infos) {
      assert.deepEqual([code, wasClean, sentCode], [4_000, true, 4_000]);
    }
    assert.equal(order[0], 'server ended');
  });
}

test('CL-06 CC-06: a client waits for the server to end TCP, and no longer than closeTimeoutMs', async (t) => {
  const both = await joined(t);
  let isOver = false;
  void both.client.closed.then(() => {
    isOver = true;
  });
  both.client.close();
  // The server answers the Close, but never ends its half of TCP.
  both.wire.server.end = (() => both.wire.server) as typeof both.wire.server.end;
  await both.pass(4_900);
  assert.deepEqual([both.client.state, isOver], ['closing', false]);
  await both.pass(200);
  assert.equal(isOver, true);
  assert.deepEqual([both.client.closeInfo?.code, both.client.closeInfo?.wasClean], [1000, true]);
  both.wire.server.destroy();
});

test('CL-08 CC-06: a reset, and a server that ends TCP without a Close', async (t) => {
  const reset = await joined(t);
  reset.wire.reset();
  const { code, cause } = await ends(reset.client);
  assert.deepEqual([code, cause], [1006, 'transport-error']);
  const left = await joined(t);
  left.wire.toClient.end();
  const info = await ends(left.client);
  assert.deepEqual([info.code, info.cause, info.wasClean], [1006, 'transport-end', false]);
  assert.equal((await ends(left.server)).code, 1006);
});

test('BP-01 BP-09 CC-06: a slow client puts back-pressure on the server, and gets all messages', async (t) => {
  const { server, client } = await joined(t, {
    server: { writeTimeoutMs: 1_000_000 },
    client: { receiveAheadBytes: 1_000 },
  });
  client.pause();
  let sent = 0;
  const message = 'x'.repeat(10_000);
  while (server.send(message)) sent++;
  assert.ok(sent < 40, `${sent} messages`);
  await eventLoopTurns(20);
  assert.ok(server.bufferedBytes > 100_000, `${server.bufferedBytes} bytes are buffered`);
  let seen = 0;
  client.on('message', () => void seen++);
  client.resume();
  await waitUntil(() => seen === sent + 1);
});
