import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import { listening } from '../live.ts';

const ENDPOINTS = { health: '/healthz', ready: '/readyz', metrics: '/metrics' };

interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A server with all endpoints, and a way to ask it on a socket of one's own. */
async function serving(t: TestContext, options: ServerOptions = {}) {
  const live = await listening(t, { endpoints: ENDPOINTS, ...options });
  const ask = async (head: string): Promise<Answer> => {
    const client = await live.connect();
    client.send(`${head}\r\n\r\n`);
    const { status, fields } = await client.nextHead();
    return { status, fields, body: String(await client.receivedUntilEnd()) };
  };
  return { ...live, ask, get: (path: string) => ask(`GET ${path} HTTP/1.1\r\nHost: localhost`) };
}

test('MT-03: endpoints answer health, readiness and metrics', async (t) => {
  const { get, server } = await serving(t);
  const health = await get('/healthz');
  assert.deepEqual([health.status, health.body], [200, 'ok\n']);
  const ready = await get('/readyz?verbose=1');
  assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { ready: true, reasons: [] }]);
  assert.equal(ready.fields.get('cache-control'), 'no-store');
  const metrics = await get('/metrics');
  assert.equal(metrics.status, 200);
  assert.equal(metrics.fields.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(metrics.body, /^hawser_connections_limit 10000$/m);
  assert.match(metrics.body, /hawser_messages_received_total\{kind="text"\} 0/, 'the meter is on');
  assert.equal(server.stats().handshakes.refused, 0);
});

test('MT-03: HEAD has the fields of GET and no body; other methods get 405', async (t) => {
  const { ask, get, refusals } = await serving(t);
  for (const path of Object.values(ENDPOINTS).slice(0, 2)) {
    const { fields, body } = await get(path);
    const head = await ask(`HEAD ${path} HTTP/1.1\r\nHost: localhost`);
    assert.deepEqual([head.status, head.body], [200, '']);
    assert.equal(head.fields.get('content-length'), String(body.length));
    assert.equal(head.fields.get('content-type'), fields.get('content-type'));
  }
  const post = await ask('POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0');
  assert.deepEqual([post.status, post.fields.get('allow')], [405, 'GET, HEAD']);
  assert.deepEqual(refusals, []);
});

test('MT-03 EV-12: a full server is not ready, is healthy, and answers although no place is left', async (t) => {
  const { get, join, server, refusals } = await serving(t, {
    maxConnections: 1,
    maxNewConnectionsPerMinute: 1,
  });
  const only = await join();
  const full = await get('/readyz');
  assert.deepEqual([full.status, JSON.parse(full.body)], [503, { ready: false, reasons: ['full'] }]);
  const retryAfter = Number(full.fields.get('retry-after'));
  assert.ok(retryAfter >= 5 && retryAfter <= 10, `${retryAfter}`);
  assert.equal((await get('/healthz')).status, 200);
  assert.deepEqual(server.readiness(), { ready: false, reasons: ['full'] });
  only[Symbol.dispose]();
  await waitUntil(() => server.connections.size === 0);
  assert.equal((await get('/readyz')).status, 200);
  assert.deepEqual(refusals, []);
});

test('MT-03 SD-02: a server that shuts down is not ready, and says so until it stops listening', async (t) => {
  const { get, server } = await serving(t);
  const abort = new AbortController();
  const ended = server.shutdown({ readyDelayMs: 60_000, signal: abort.signal });
  const { status, body } = await get('/readyz');
  assert.deepEqual([status, JSON.parse(body)], [503, { ready: false, reasons: ['shutting-down'] }]);
  assert.equal((await get('/healthz')).status, 200);
  abort.abort();
  await ended;
  assert.deepEqual(server.readiness(), { ready: false, reasons: ['shutting-down'] });
});

test('MT-03: endpoints come before the request hook, which gets everything else', async (t) => {
  const asked: string[] = [];
  const { get } = await serving(t, {
    endpoints: { health: '/healthz' },
    request: ({ url }) => {
      asked.push(url.pathname);
      return new Response('mine');
    },
  });
  assert.equal((await get('/healthz')).body, 'ok\n');
  assert.equal((await get('/healthz/')).body, 'mine');
  assert.equal((await get('/readyz')).body, 'mine');
  assert.deepEqual(asked, ['/healthz/', '/readyz']);
});

test('MT-03: without endpoints these paths are refused as any other', async (t) => {
  const { get, refusals } = await serving(t, { endpoints: {} });
  assert.equal((await get('/healthz')).status, 400);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_NO_UPGRADE'],
  );
});

test('MT-03 OR-05: endpoints accept the hosts of allowedHosts, and addresses, which probes send', async (t) => {
  const { ask, refusals } = await serving(t, { allowedHosts: ['app.example'] });
  for (const [host, status] of [
    ['app.example', 200],
    ['10.1.2.3:8080', 200],
    ['[::1]:8080', 200],
    ['evil.example', 403],
    ['10.1.2.3.evil.example', 403],
    ['a b', 400],
  ] as const)
    for (const path of ['/healthz', '/metrics'])
      assert.equal((await ask(`GET ${path} HTTP/1.1\r\nHost: ${host}`)).status, status, `${host} ${path}`);
  assert.equal((await ask('GET /readyz HTTP/1.0')).status, 200, 'HTTP/1.0 without Host');
  // A head that is not valid HTTP is refused as any other; a host that is not allowed is not counted.
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_HOST', 'ERR_HOST'],
  );
});

test('MT-03 HS-13: the limits of the request head apply to endpoints', async (t) => {
  const { ask, refusals } = await serving(t, { maxHeadBytes: 200 });
  const long = await ask(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(300)}`);
  assert.equal(long.status, 431);
  assert.equal(refusals.length, 1);
});

test('MT-03: a handshake for the path of an endpoint is a handshake', async (t) => {
  const { connect } = await serving(t);
  const client = await connect();
  assert.equal((await client.upgrade({ path: '/healthz' })).status, 101);
});

test('CF-01 endpoints and admin: the error for a wrong member has its full name, and never shows a token', () => {
  const refusal = (options: unknown): string => {
    try {
      return new WebSocketServer(options as ServerOptions).ready() ? 'ready' : 'accepted';
    } catch (error) {
      return (error as Error).message;
    }
  };
  for (const [options, says] of [
    [{ endpoints: { health: 'healthz' } }, /^endpoints\.health is "healthz"; it must be a path/],
    [{ endpoints: { health: true } }, /^endpoints\.health is true/],
    [
      { endpoints: { health: '/a', ready: '/a' } },
      /^endpoints\.ready is "\/a"; .*different from endpoints\.health/,
    ],
    [{ endpoints: { helth: '/a' } }, /no option endpoints\.helth .*nearest is endpoints\.health$/],
    [{ admin: {} }, /^admin\.port is undefined/],
    [{ admin: { port: 70_000 } }, /^admin\.port is 70000; .* from 0 to 65535/],
    [
      { admin: { port: 1, host: '0.0.0.0' } },
      /^admin\.host is "0\.0\.0\.0"; .*loopback.*unless admin\.token is set/,
    ],
    [{ admin: { port: 1, host: '127.0.0.1.evil.example' } }, /^admin\.host is/],
    [{ admin: { port: 1, host: '' } }, /^admin\.host is ""/],
    [{ admin: { port: 1, token: 'tooshort' } }, /^admin\.token must be a string of 16 to 256/],
    [{ admin: { port: 1, allowedHosts: ['a:80'] } }, /^admin\.allowedHosts\[0\] is "a:80"/],
    [{ admin: { port: 1, actions: 'yes' } }, /^admin\.actions is "yes"; it must be true or false/],
    [{ admin: { port: 1, tokn: 'x' } }, /no option admin\.tokn .*nearest is admin\.token$/],
  ] as const)
    assert.match(refusal(options), says);
  assert.doesNotMatch(refusal({ admin: { port: 1, token: 'tooshort' } }), /tooshort/);
  assert.equal(refusal({ admin: { port: 1, host: '0.0.0.0', token: 'x'.repeat(16) } }), 'accepted');
  assert.equal(refusal({ admin: { port: 0, host: '::1' } }), 'accepted');
});
