import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget, type ServerOptions } from '../../src/index.ts';
import { eventLoopTurns, type RawClient, VirtualClock, waitUntil } from '../../src/testing/index.ts';
import { listening, nextText } from '../server/live.ts';

type Connect = () => Promise<RawClient>;

const hooks = { thinking: false };

/** Limits before the 101: how a test reaches each, and the response to the client that exceeds it. */
const LIMITS: readonly {
  readonly limit: string;
  readonly rows: string;
  readonly options: ServerOptions;
  /** @returns The client that is over the limit. */
  readonly reach: (connect: Connect, clock: VirtualClock) => Promise<RawClient> | RawClient;
  readonly status: number;
  readonly code: string;
  readonly retryAfter?: boolean;
}[] = [
  {
    limit: 'maxHeadBytes',
    rows: 'HS-04 SE-01',
    options: { maxHeadBytes: 1_024 },
    reach: async (connect) => sending(await connect(), `GET / HTTP/1.1\r\nX: ${'x'.repeat(2_000)}`),
    status: 431,
    code: 'ERR_HEAD_TOO_BIG',
  },
  {
    limit: 'maxHeadBytes by default, 64 KiB of head',
    rows: 'HS-04 SE-01',
    options: {},
    reach: async (connect) => sending(await connect(), `GET / HTTP/1.1\r\nX: ${'x'.repeat(65_536)}`),
    status: 431,
    code: 'ERR_HEAD_TOO_BIG',
  },
  {
    limit: 'maxHeaderFields by default, 2,001 fields',
    rows: 'HS-04 SE-01',
    options: { maxHeadBytes: 65_536 },
    reach: async (connect) => sending(await connect(), `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(2_001)}\r\n`),
    status: 431,
    code: 'ERR_HEAD_TOO_BIG',
  },
  {
    limit: 'handshakeTimeoutMs, no byte received',
    rows: 'HS-21 SE-32',
    options: {},
    reach: async (connect, clock) => {
      const client = await connect();
      await waitUntil(() => clock.pendingTimers > 0);
      clock.advance(10_000);
      return client;
    },
    status: 408,
    code: 'ERR_HEAD_TIMEOUT',
  },
  {
    limit: 'handshakeTimeoutMs, one byte per second',
    rows: 'HS-21 SE-06',
    options: {},
    reach: async (connect, clock) => {
      const client = await connect();
      await waitUntil(() => clock.pendingTimers > 0);
      for (const byte of 'GET / HTTP') {
        client.send(byte);
        clock.advance(1_000);
      }
      return client;
    },
    status: 408,
    code: 'ERR_HEAD_TIMEOUT',
  },
  {
    limit: 'upgradeTimeoutMs',
    rows: 'AU-03 SE-06',
    options: {
      upgrade: () => {
        hooks.thinking = true;
        return new Promise(() => {});
      },
    },
    reach: async (connect, clock) => {
      const client = await connect();
      client.send(UPGRADE);
      await waitUntil(() => hooks.thinking);
      clock.advance(10_000);
      return client;
    },
    status: 503,
    code: 'ERR_UPGRADE_TIMEOUT',
    retryAfter: true,
  },
  {
    limit: 'maxPendingHandshakes',
    rows: 'HS-25',
    options: { maxPendingHandshakes: 2 },
    reach: async (connect) => {
      await connect();
      await connect();
      return connect();
    },
    status: 503,
    code: 'ERR_SERVER_FULL',
    retryAfter: true,
  },
  {
    limit: 'maxPendingHandshakesPerIp',
    rows: 'HS-25',
    options: { maxPendingHandshakesPerIp: 2 },
    reach: async (connect) => {
      await connect();
      await connect();
      return connect();
    },
    status: 429,
    code: 'ERR_IP_LIMIT',
    retryAfter: true,
  },
  {
    limit: 'maxConnections',
    rows: 'LM-01',
    options: { maxConnections: 1 },
    reach: second,
    status: 503,
    code: 'ERR_SERVER_FULL',
    retryAfter: true,
  },
  {
    limit: 'maxConnections, with its place held by a slow hook',
    rows: 'LM-01 HS-20',
    options: { maxConnections: 1, upgrade: () => new Promise(() => {}) },
    reach: async (connect) => {
      (await connect()).send(UPGRADE);
      return sending(await connect(), UPGRADE);
    },
    status: 503,
    code: 'ERR_SERVER_FULL',
    retryAfter: true,
  },
  {
    limit: 'maxConnectionsPerIp',
    rows: 'LM-03',
    options: { maxConnectionsPerIp: 1 },
    reach: second,
    status: 429,
    code: 'ERR_IP_LIMIT',
    retryAfter: true,
  },
  {
    limit: 'maxNewConnectionsPerMinute',
    rows: 'RL-04',
    options: { maxNewConnectionsPerMinute: 1 },
    reach: second,
    status: 429,
    code: 'ERR_RATE_LIMIT',
    retryAfter: true,
  },
  {
    limit: 'maxNewConnectionsPerMinutePerIp',
    rows: 'RL-04',
    options: { maxNewConnectionsPerMinutePerIp: 1 },
    reach: second,
    status: 429,
    code: 'ERR_RATE_LIMIT',
    retryAfter: true,
  },
];

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

function sending(client: RawClient, bytes: string): RawClient {
  client.send(bytes);
  return client;
}

async function second(connect: Connect): Promise<RawClient> {
  const first = await connect();
  assert.equal((await first.upgrade()).status, 101);
  return sending(await connect(), UPGRADE);
}

for (const { limit, rows, options, reach, status, code, retryAfter = false } of LIMITS) {
  test(`${rows} HS-22 HS-23 HS-24 HS-28: ${limit}: ${status} ${code}, reported once, and all resources are freed after`, async (t) => {
    const clock = new VirtualClock();
    const memoryBudget = new MemoryBudget({ maxBytes: 1_000_000 });
    const { server, connect, refusals } = await listening(t, { clock, memoryBudget, ...options });
    const clients: RawClient[] = [];
    const over = await reach(async () => {
      const client = await connect();
      clients.push(client);
      return client;
    }, clock);
    const { status: answered, fields } = await over.nextHead();
    assert.equal(answered, status);
    assert.equal(fields.get('x-websocket-error'), code);
    assert.equal(fields.get('connection'), 'close');
    assert.match(fields.get('retry-after') ?? '', retryAfter ? /^([5-9]|10)$/ : /^$/);
    await over.receivedUntilEnd();
    const mine = refusals.filter((refusal) => refusal.code === code);
    assert.deepEqual(
      mine.map(({ status: told, remoteAddress }) => [told, remoteAddress]),
      [[status, '127.0.0.1']],
    );
    assert.equal(server.stats().handshakes.refusedByCode[code], 1);
    for (const client of clients) client[Symbol.dispose]();
    await waitUntil(() => server.connections.size === 0 && server.stats().handshakes.pending === 0);
    // HS-24: after a second the server destroys the socket of a client that stays connected.
    await waitUntil(() => {
      clock.advance(1_000);
      return clock.pendingTimers === 0;
    });
    assert.deepEqual([memoryBudget.usedBytes, server.stats().bytes.buffered], [0, 0]);
    if (!limit.startsWith('maxNew') && options.upgrade === undefined) {
      // The place is free again.
      const next = await connect();
      assert.equal((await next.upgrade()).status, 101);
      next[Symbol.dispose]();
    }
  });
}

test('HS-24: bytes of a refused client are discarded, and its socket is destroyed after a second', async (t) => {
  const clock = new VirtualClock();
  const { server, connect } = await listening(t, { clock });
  const client = await connect();
  client.send('nonsense\r\n\r\n');
  assert.equal((await client.nextHead()).status, 400);
  for (let i = 0; i < 20; i++) client.send(Buffer.alloc(65_536));
  assert.equal(server.stats().handshakes.pending, 0);
  await waitUntil(() => clock.pendingTimers > 0);
  clock.advance(1_000);
  await client.waitForClose().catch(() => undefined);
  await waitUntil(() => clock.pendingTimers === 0);
});

for (const [what, head, status] of [
  ['64 KiB and a byte', 'Content-Length: 65537', 413],
  ['chunks', 'Transfer-Encoding: chunked', 411],
  ['two lengths', 'Content-Length: 1\r\nContent-Length: 2', 400],
] as const) {
  test(`HS-14: a request body of ${what}: ${status}, and the hook is not called`, async (t) => {
    let asked = 0;
    const { connect } = await listening(t, {
      request: () => {
        asked++;
        return new Response('');
      },
    });
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`);
    assert.equal((await client.nextHead()).status, status);
    assert.equal(asked, 0);
  });
}

test('HS-14: a body of exactly 64 KiB arrives whole', async (t) => {
  const { port } = await listening(t, {
    request: ({ body }) => new Response(`${body.length}`),
  });
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: Buffer.alloc(65_536) });
  assert.deepEqual([answer.status, await answer.text()], [200, '65536']);
});

test('HS-14 HS-23: a request hook that exceeds its time: 503 with Retry-After', async (t) => {
  const clock = new VirtualClock();
  let asked = false;
  const { connect } = await listening(t, {
    clock,
    request: () => {
      asked = true;
      return new Promise<Response>(() => {});
    },
  });
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await waitUntil(() => asked);
  clock.advance(10_000);
  const { status, fields } = await client.nextHead();
  assert.equal(status, 503);
  assert.match(fields.get('retry-after') ?? '', /^([5-9]|10)$/);
  clock.advance(1_000);
});

test('HS-13 SE-08: bytes after the request are buffered during a slow hook, then delivered once, in order; at most 64 KiB are read', async (t) => {
  let decide: () => void = () => {};
  const { server, connect } = await listening(t, {
    upgrade: () =>
      new Promise<undefined>((resolve) => {
        decide = () => resolve(undefined);
      }),
  });
  const got: string[] = [];
  server.on('message', (connection, message) => {
    got.push(String(message));
    connection.send('got it');
  });
  const client = await connect();
  const key = [1, 2, 3, 4];
  const masked = (message: string): Buffer => {
    const payload = Buffer.from(message).map((byte, i) => byte ^ key[i & 3]!);
    return Buffer.concat([Buffer.of(0x81, 0xfe, payload.length >> 8, payload.length & 255, ...key), payload]);
  };
  const messages = Array.from({ length: 12_000 }, (_, i) => `${i} ${'x'.repeat(1_000)}`);
  client.send(Buffer.concat([Buffer.from(UPGRADE), ...messages.map(masked)]));
  await waitUntil(() => server.stats().handshakes.pending === 1);
  await eventLoopTurns(200);
  assert.ok(client.stream.writableLength > 0, 'back-pressure reaches the client');
  assert.equal(got.length, 0);
  decide();
  assert.equal((await client.nextHead()).status, 101);
  await waitUntil(() => got.length === messages.length);
  assert.deepEqual(got, messages);
  assert.equal(await nextText(client), 'got it');
});

test('AU-03 SE-07: a client that disconnects during the hook: the signal aborts, no connection is reported, counts return', async (t) => {
  const signals: AbortSignal[] = [];
  const decides: (() => void)[] = [];
  let connections = 0;
  const { server, connect, refusals } = await listening(t, {
    maxConnections: 1,
    upgrade: ({ signal }) => {
      signals.push(signal);
      return new Promise<undefined>((resolve) => void decides.push(() => resolve(undefined)));
    },
  });
  server.on('connection', () => void connections++);
  for (let i = 0; i < 3; i++) {
    const client = sending(await connect(), UPGRADE);
    await waitUntil(() => signals.length === i + 1);
    assert.equal(server.stats().handshakes.pending, 1);
    if (i === 0) client.stream.destroy();
    else if (i === 1) client.end();
    else client.reset();
    await waitUntil(() => signals[i]!.aborted);
    decides[i]!();
    await waitUntil(() => server.stats().handshakes.pending === 0);
  }
  assert.deepEqual([connections, refusals.length, server.connections.size], [0, 0, 0]);
});
