import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget } from '../../../src/index.ts';
import type { LogFields } from '../../../src/engine/logger.ts';
import { VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { listening } from '../live.ts';

const OK = { request: () => new Response('fine') };
const POST = 'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n';

/** A logger that keeps its lines. */
function keeping() {
  const lines: { readonly level: string; readonly fields: LogFields; readonly text: string }[] = [];
  const at = (level: string) => (fields: LogFields, text: string) => void lines.push({ level, fields, text });
  return {
    lines,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  };
}

for (const [what, head, status] of [
  ['a host that is listed', 'GET / HTTP/1.1\r\nHost: LOCALHOST:9\r\n', 200],
  ['another host', 'GET / HTTP/1.1\r\nHost: evil.example\r\n', 403],
  ['another host in an absolute target', 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n', 403],
  ['another host, HTTP/1.0', 'GET / HTTP/1.0\r\nHost: evil.example\r\n', 403],
  ['no host, HTTP/1.0', 'GET / HTTP/1.0\r\n', 200],
  ['no host, HTTP/1.1', 'GET / HTTP/1.1\r\n', 400],
] as const) {
  test(`OR-05 HS-14: allowedHosts and a plain request for ${what}: ${status}`, async (t) => {
    let asked = 0;
    const { connect, refusals, server } = await listening(t, {
      allowedHosts: ['localhost'],
      request: () => {
        asked++;
        return new Response('fine');
      },
    });
    const client = await connect();
    client.send(`${head}\r\n`);
    const { status: answered } = await client.nextHead();
    assert.deepEqual([answered, asked], [status, status === 200 ? 1 : 0]);
    const code = status === 403 ? 'ERR_HOST_NOT_ALLOWED' : 'ERR_HOST';
    assert.deepEqual(
      refusals.map((refusal) => [refusal.status, refusal.code]),
      status === 200 ? [] : [[status, code]],
    );
    assert.equal(server.stats().handshakes.refused, refusals.length);
  });
}

test('HS-14 RFC 9112 §3.3: HTTP/1.0 without Host means the listening address; an upgrade needs HTTP/1.1', async (t) => {
  const { connect, port, refusals } = await listening(t, { request: ({ url }) => new Response(url.href) });
  const check = await connect();
  check.send('GET /ready HTTP/1.0\r\n\r\n');
  assert.equal((await check.nextHead()).status, 200);
  assert.equal(String(await check.receivedUntilEnd()), `http://127.0.0.1:${port}/ready`);
  const upgrade = await connect();
  upgrade.send('GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  assert.equal((await upgrade.nextHead()).status, 400);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_HTTP_VERSION'],
  );
});

for (const [what, options, status] of [
  ['without a request hook', {}, 400],
  ['that the request hook answers', OK, 200],
] as const) {
  test(`LG-08 HS-14: Sec-WebSocket-Key without Upgrade ${what} is logged as a handshake that lost the field`, async (t) => {
    const { lines, logger } = keeping();
    const { connect } = await listening(t, { ...options, logger });
    const client = await connect();
    client.send('GET /ws?token=1 HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n\r\n');
    assert.equal((await client.nextHead()).status, status);
    const lost = lines.filter(({ text }) => text.includes('lost its Upgrade field'));
    assert.deepEqual(
      lost.map(({ level, fields }) => [level, fields['path'], fields['remoteAddress']]),
      [['warn', '/ws', '127.0.0.1']],
    );
    const plain = await connect();
    plain.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await plain.nextHead()).status, status);
    assert.equal(lines.filter(({ text }) => text.includes('lost its Upgrade field')).length, 1);
  });
}

test('HS-25 HS-14: an unfinished body and a pending answer hold a place of their address', async (t) => {
  let answer: () => void = () => {};
  const { connect, server, refusals } = await listening(t, {
    maxPendingHandshakesPerIp: 2,
    request: () => new Promise<Response>((resolve) => (answer = () => resolve(new Response('done')))),
  });
  const body = await connect();
  body.send(POST);
  const asking = await connect();
  asking.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitUntil(() => server.stats().handshakes.pending === 2);
  const third = await connect();
  const { status, fields } = await third.nextHead();
  assert.deepEqual([status, fields.get('x-websocket-error')], [429, 'ERR_IP_LIMIT']);
  await waitUntil(() => server.stats().handshakes.pending === 2);
  answer();
  assert.equal((await asking.nextHead()).status, 200);
  body.stream.destroy();
  await waitUntil(() => server.stats().handshakes.pending === 0);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_IP_LIMIT'],
  );
});

test('HS-14 HS-21: the body must arrive within handshakeTimeoutMs after accept', async (t) => {
  const clock = new VirtualClock();
  const { connect, refusals } = await listening(t, { clock, ...OK });
  const client = await connect();
  await waitUntil(() => clock.pendingTimers > 0);
  clock.advance(6_000);
  client.send(POST);
  for (let i = 0; i < 4; i++) {
    client.send('x');
    clock.advance(1_000);
  }
  const { status, fields } = await client.nextHead();
  assert.deepEqual([status, fields.get('x-websocket-error')], [408, 'ERR_HEAD_TIMEOUT']);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_HEAD_TIMEOUT'],
  );
  clock.advance(1_000);
});

test('HS-14 SE-07: bodies count in the memory budget and in stats(); over it the largest is refused', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 150_000 });
  const { connect, server, refusals, errors } = await listening(t, { memoryBudget, ...OK });
  const clients = [await connect(), await connect()];
  for (const client of clients) {
    client.send(POST);
    client.send(Buffer.alloc(50_000));
  }
  await waitUntil(() => memoryBudget.usedBytes >= 100_000);
  assert.equal(server.stats().bytes.buffered, memoryBudget.usedBytes);
  const third = await connect();
  third.send(POST);
  third.send(Buffer.alloc(59_000));
  clients.push(third);
  await waitUntil(() => refusals.length > 0);
  assert.deepEqual(
    refusals.map(({ status, code }) => [status, code]),
    [[503, 'ERR_SERVER_FULL']],
  );
  assert.deepEqual(
    errors.splice(0).map((error) => (error as { code?: string }).code),
    ['ERR_MEMORY_CAP'],
  );
  assert.ok(memoryBudget.usedBytes <= memoryBudget.maxBytes);
  for (const client of clients) client.stream.destroy();
  await waitUntil(() => memoryBudget.usedBytes === 0 && server.stats().handshakes.pending === 0);
  assert.equal(server.stats().bytes.buffered, 0);
});

test('HS-13 SE-07: bytes after an upgrade request count in the memory budget while the hook runs', async (t) => {
  const memoryBudget = new MemoryBudget({ maxBytes: 50_000 });
  const { connect, server, refusals, errors } = await listening(t, {
    memoryBudget,
    upgrade: () => new Promise<undefined>(() => {}),
  });
  const upgrade =
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const client = await connect();
  client.send(Buffer.concat([Buffer.from(upgrade), Buffer.alloc(1_000)]));
  await waitUntil(() => memoryBudget.usedBytes > 0);
  assert.equal(server.stats().bytes.buffered, memoryBudget.usedBytes);
  client.send(Buffer.alloc(60_000));
  assert.equal((await client.nextHead()).status, 503);
  assert.equal(errors.splice(0).length, 1);
  assert.deepEqual([refusals[0]?.code, memoryBudget.usedBytes], ['ERR_SERVER_FULL', 0]);
});

for (const [what, head, status] of [
  ['two lengths', 'Content-Length: 1\r\nContent-Length: 2', 400],
  ['chunks', 'Transfer-Encoding: chunked', 411],
  ['a long body', 'Content-Length: 65537', 413],
] as const) {
  test(`HS-14 HS-28: a plain request with ${what} is refused like a handshake: log, event and stats()`, async (t) => {
    const { lines, logger } = keeping();
    const { connect, refusals, server } = await listening(t, { ...OK, logger });
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`);
    assert.equal((await client.nextHead()).status, status);
    assert.deepEqual(
      refusals.map((refusal) => [refusal.status, refusal.code]),
      [[status, 'ERR_REQUEST_BODY']],
    );
    assert.equal(server.stats().handshakes.refusedByCode['ERR_REQUEST_BODY'], 1);
    assert.equal(lines.filter(({ fields }) => fields['code'] === 'ERR_REQUEST_BODY').length, 1);
  });
}

test('HS-14 HS-28: a request hook that exceeds upgradeTimeoutMs is reported as ERR_UPGRADE_TIMEOUT', async (t) => {
  const clock = new VirtualClock();
  const { connect, refusals, server } = await listening(t, { clock, request: () => new Promise(() => {}) });
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitUntil(() => server.stats().handshakes.pending === 1 && clock.pendingTimers > 0);
  await waitUntil(() => {
    clock.advance(1_000);
    return refusals.length > 0;
  });
  assert.equal((await client.nextHead()).status, 503);
  assert.deepEqual(
    refusals.map(({ status, code }) => [status, code]),
    [[503, 'ERR_UPGRADE_TIMEOUT']],
  );
  await waitUntil(() => {
    clock.advance(1_000);
    return clock.pendingTimers === 0;
  });
});
