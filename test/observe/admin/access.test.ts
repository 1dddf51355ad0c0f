import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectError } from '../../../src/index.ts';
import { Access, TOKEN_PROTOCOL } from '../../../src/observe/admin/access.ts';
import { ADMIN_PROTOCOL } from '../../../src/observe/admin/snapshot.ts';
import { RawClient } from '../../../src/testing/index.ts';
import { administered, TOKEN } from './admin-live.ts';

const BEARER = { authorization: `Bearer ${TOKEN}` };
const DATA = ['/metrics', '/stats', '/connections', '/live'];

const asProtocol = (token: string): string => TOKEN_PROTOCOL + Buffer.from(token).toString('base64url');

test('MT-03 SE-33: without the token, only health, readiness and the page answer', async (t) => {
  const { ask } = await administered(t, { token: TOKEN });
  for (const headers of [
    {},
    { authorization: TOKEN },
    { authorization: `Bearer ${TOKEN}x` },
    { authorization: `Bearer ${TOKEN.slice(1)}` },
    { authorization: `Basic ${TOKEN}` },
    { authorization: 'Bearer' },
    { cookie: `token=${TOKEN}` },
  ] as Record<string, string>[]) {
    for (const path of [...DATA, `/stats?token=${TOKEN}`, '/nowhere']) {
      const { status, headers: fields, body } = await ask(path, { headers });
      assert.equal(status, 401, `${path} ${JSON.stringify(headers)}`);
      assert.equal(fields['www-authenticate'], 'Bearer realm="hawser admin"');
      assert.doesNotMatch(body, /connections/);
    }
    for (const path of ['/healthz', '/readyz', '/'])
      assert.equal((await ask(path, { headers })).status, 200, path);
    for (const path of ['/drain', '/connections/x/close'])
      assert.equal((await ask(path, { headers, method: 'POST' })).status, 401);
  }
  for (const path of DATA.slice(0, 3)) assert.equal((await ask(path, { headers: BEARER })).status, 200);
});

test('MT-03 LG-06: a viewer needs the token, as a field or as a subprotocol', async (t) => {
  const { view } = await administered(t, { token: TOKEN });
  const statusOf = async (more: Parameters<typeof view>[0]): Promise<number> => {
    try {
      const viewer = await view(more);
      viewer.close();
      await viewer.closed;
      assert.equal(viewer.protocol, ADMIN_PROTOCOL, 'the answer does not repeat the token');
      return 101;
    } catch (error) {
      assert.ok(error instanceof ConnectError);
      return error.status ?? 0;
    }
  };
  assert.equal(await statusOf({}), 401);
  assert.equal(await statusOf({ headers: { authorization: 'Bearer wrong-wrong-wrong' } }), 401);
  assert.equal(await statusOf({ protocols: [ADMIN_PROTOCOL, asProtocol('wrong-wrong-wrong')] }), 401);
  assert.equal(await statusOf({ headers: BEARER }), 101);
  assert.equal(await statusOf({ protocols: [ADMIN_PROTOCOL, asProtocol(TOKEN)] }), 101);
  assert.equal(await statusOf({ headers: BEARER, protocols: [] }), 400, 'the subprotocol is required');
});

test('MT-03 SE-05: a foreign page gets nothing: not by its own name for this address, nor as a foreign origin', async (t) => {
  const { ask, adminPort, server } = await administered(t, { actions: true });
  const host = `127.0.0.1:${adminPort}`;
  const handshake = async (headers: Record<string, string>): Promise<number> => {
    using client = await RawClient.connect({ port: adminPort });
    return (await client.upgrade({ path: '/live', protocols: [ADMIN_PROTOCOL], headers })).status;
  };
  for (const headers of [
    { host: 'evil.example' },
    { host: `evil.example:${adminPort}` },
    { host: '127.0.0.1.evil.example' },
    { host: 'localhost.evil.example' },
    { host, origin: 'https://evil.example' },
    { host, origin: 'null' },
    { host, origin: `http://localhost:${adminPort}` },
    { host, origin: 'http://127.0.0.1' },
    { host, origin: `http://127.0.0.1:${adminPort}@evil.example` },
    { host, origin: `file://${host}` },
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' },
  ] as Record<string, string>[]) {
    for (const path of [...DATA, '/nowhere'])
      assert.equal((await ask(path, { headers })).status, 403, `${path} ${JSON.stringify(headers)}`);
    assert.equal((await ask('/drain', { headers, method: 'POST' })).status, 403);
    assert.equal((await ask('/drain', { headers, method: 'OPTIONS' })).status, 403);
    assert.equal(await handshake(headers), 403, JSON.stringify(headers));
  }
  assert.equal((await ask('/', { headers: { host: 'evil.example' } })).status, 403);
  assert.equal((await ask('/', { headers: { host, 'sec-fetch-site': 'cross-site' } })).status, 200, 'a link');
  for (const headers of [
    { host, origin: `http://${host}` },
    { host, origin: `https://${host}` },
    { host, 'sec-fetch-site': 'same-origin' },
    { host, 'sec-fetch-site': 'none' },
    { host: `localhost:${adminPort}` },
    { host: '[::1]:1' },
  ] as Record<string, string>[])
    assert.equal((await ask('/stats', { headers })).status, 200, JSON.stringify(headers));
  assert.equal(server.readiness().ready, true, 'no action ran');
});

test('MT-03: allowedHosts and host name the admin port; probes may call it anything', async (t) => {
  const access = new Access({
    port: 1,
    host: 'admin.internal',
    token: undefined,
    allowedHosts: ['ops.example'],
    actions: false,
  });
  for (const host of ['admin.internal:9090', 'OPS.example', '10.0.0.1', 'localhost'])
    assert.equal(access.judgeHost({ host }), undefined, host);
  for (const host of ['evil.example', '', 'a,b', 'ops.example, ops.example'])
    assert.equal(access.judgeHost({ host })?.status, 403, host);
  const { ask } = await administered(t, { token: TOKEN });
  for (const path of ['/healthz', '/readyz'])
    assert.equal((await ask(path, { headers: { host: 'balancer.example' } })).status, 200);
});

test('MT-03 LG-02: refused requests are logged once a second, without token and query', async (t) => {
  const lines: unknown[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (...line: unknown[]) => void lines.push(line) };
  const { ask } = await administered(t, { token: TOKEN }, { logger });
  await ask('/stats?token=secret', { headers: { authorization: 'Bearer secret-secret-secret' } });
  await ask('/stats');
  assert.equal(lines.length, 1);
  const [fields, text] = lines[0] as [Record<string, unknown>, string];
  assert.equal(text, 'admin: request refused');
  assert.deepEqual([fields['path'], fields['status'], fields['remoteAddress']], ['/stats', 401, '127.0.0.1']);
  assert.doesNotMatch(JSON.stringify(lines), /secret/);
});
