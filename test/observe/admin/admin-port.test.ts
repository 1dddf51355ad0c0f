import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { MisuseError, WebSocketServer } from '../../../src/index.ts';
import { leakCheck, selfSigned, text, waitUntil } from '../../../src/testing/index.ts';
import type { AdminConnection, AdminTable } from '../../../src/observe/admin/snapshot.ts';
import { live } from '../../server/live.ts';
import { TRANSPORT } from '../../server/transport.ts';
import { administered } from './admin-live.ts';

const isState = (error: unknown): boolean => error instanceof MisuseError && error.code === 'ERR_STATE';

test('MT-03: the admin port answers health, readiness, metrics, stats and connections', async (t) => {
  const { ask, join, server } = await administered(t);
  await join({ protocols: [] });
  assert.deepEqual((await ask('/healthz')).body, 'ok\n');
  assert.deepEqual(JSON.parse((await ask('/readyz')).body), { ready: true, reasons: [] });
  const metrics = await ask('/metrics');
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(metrics.body, /^hawser_connections\{state="open"\} 1$/m);
  const stats = JSON.parse((await ask('/stats')).body) as ReturnType<typeof server.stats>;
  assert.equal(stats.connections.now, 1);
  const table = JSON.parse((await ask('/connections')).body) as AdminTable;
  const [row] = table.rows;
  assert.deepEqual(table.view, { sort: 'buffered', limit: 50, filter: '' });
  assert.deepEqual(
    [table.matching, table.rows.length, row?.id, row?.state, row?.remoteAddress],
    [1, 1, [...server.connections][0]!.id, 'open', '127.0.0.1'],
  );
  const head = await ask('/stats', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body], [200, '']);
  assert.equal((await ask('/stats', { method: 'PUT' })).status, 405);
  assert.equal((await ask('/nowhere')).status, 404);
  assert.equal((await ask('/live')).status, 426);
  assert.equal((await ask('//x')).status, 404);
  for (const { headers } of [metrics, head]) {
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('MT-03: /connections sorts, limits and filters, and refuses what it does not know', async (t) => {
  const { ask, join, server } = await administered(t);
  server.on('connection', (connection) => {
    const at = server.connections.size;
    for (let i = 0; i < at; i++) connection.subscribe(`topic-${at}-${i}`);
  });
  for (let i = 0; i < 5; i++) await join();
  const rows = async (query: string): Promise<readonly AdminConnection[]> =>
    (JSON.parse((await ask(`/connections?${query}`)).body) as AdminTable).rows;
  assert.deepEqual(
    (await rows('sort=topics&limit=2')).map(({ topics }) => topics),
    [5, 4],
  );
  assert.deepEqual(
    (await rows('sort=topics&filter=TOPIC-3-')).map(({ topics }) => topics),
    [3],
  );
  const [one] = await rows('sort=age');
  assert.deepEqual(
    (await rows(`filter=${one!.id}`)).map(({ id }) => id),
    [one!.id],
  );
  assert.deepEqual(await rows('filter=nobody'), []);
  for (const query of [
    'sort=name',
    'limit=0',
    'limit=501',
    'limit=x',
    'order=asc',
    'sort=in&sort=out',
    `filter=${'x'.repeat(201)}`,
  ]) {
    const { status, body } = await ask(`/connections?${query}`);
    assert.equal(status, 400, query);
    assert.match(body, /^[A-Z].*\.\n$/);
  }
});

test('MT-03 SD-05: shutdown closes the admin port last: until then it tells why the server is not ready', async (t) => {
  const { ask, watch, join, server } = await administered(t);
  const stuck = await join();
  const { viewer, when } = await watch();
  const going = server.shutdown({ timeoutMs: 60_000 });
  await waitUntil(() => server.address() === null);
  const { status, body } = await ask('/readyz');
  assert.deepEqual([status, JSON.parse(body)], [503, { ready: false, reasons: ['shutting-down'] }]);
  const seen = await when(({ readiness }) => !readiness.ready);
  assert.equal(seen.events.at(-1)?.kind, 'shutting-down');
  stuck[Symbol.dispose]();
  await going;
  assert.equal((await viewer.closed).code, 1001);
  await assert.rejects(ask('/healthz'), { code: 'ECONNREFUSED' });
  await assert.rejects(server.listenAdmin(), isState);
});

test('MT-03: a viewer sees the last event of a shutdown before it is closed', async (t) => {
  const { watch, server } = await administered(t);
  const { snapshots, when, viewer } = await watch();
  await when(() => true);
  await server.shutdown();
  await viewer.closed;
  assert.deepEqual(snapshots.at(-1)!.readiness.reasons, ['shutting-down']);
});

test('MT-03: an admin port that is in use rejects listen with a sentence, and leaves nothing open', async (t) => {
  const leaks = leakCheck();
  const taken = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const server = new WebSocketServer({ ...TRANSPORT, admin: { port } });
  await assert.rejects(server.listen(0, '127.0.0.1'), {
    code: 'EADDRINUSE',
    message: new RegExp(`^the admin port cannot listen on 127\\.0\\.0\\.1 port ${port}: `),
  });
  assert.equal(server.address(), null);
  await new Promise((resolve) => taken.close(resolve));
  await server.listen(0, '127.0.0.1');
  assert.equal((await server.listenAdmin()).port, port, 'it can try again');
  await server.shutdown();
  t.after(() => leaks.assertNothingLeft());
});

test('MT-03: a main port that is in use closes the admin port again', async () => {
  const leaks = leakCheck();
  const taken = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const server = new WebSocketServer({ ...TRANSPORT, admin: { port: 0 } });
  await assert.rejects(server.listen((taken.address() as { port: number }).port, '127.0.0.1'), {
    code: 'EADDRINUSE',
  });
  await new Promise((resolve) => taken.close(resolve));
  await leaks.assertNothingLeft();
  await server.shutdown();
});

test('MT-03: attach opens the admin port, and a failure is an error event', async (t) => {
  const leaks = leakCheck();
  t.after(() => leaks.assertNothingLeft());
  const http = createServer();
  const server = new WebSocketServer({ admin: { port: 0 } });
  server.attach(http);
  const { port } = await server.listenAdmin();
  assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  const other = new WebSocketServer({ admin: { port } });
  const errors: Error[] = [];
  other.on('error', (error) => void errors.push(error));
  other.attach(http);
  await waitUntil(() => errors.length === 1);
  assert.match(errors[0]!.message, /^the admin port cannot listen/);
  await Promise.all([server.shutdown(), other.shutdown()]);
});

test('MT-03: handleUpgrade opens the admin port', async (t) => {
  const { server, join } = live(t, { admin: { port: 0 } });
  await join();
  const { port } = await server.listenAdmin();
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
});

test('MT-03: shutdown while the admin port opens leaves nothing open', async () => {
  const leaks = leakCheck();
  const server = new WebSocketServer({ ...TRANSPORT, admin: { port: 0 } });
  const listening = server.listen(0, '127.0.0.1');
  const refused = assert.rejects(listening, isState);
  await server.shutdown();
  await refused;
  await leaks.assertNothingLeft();
});

test('MT-03: without the option admin, listenAdmin is misuse', async () => {
  const server = new WebSocketServer(TRANSPORT);
  await assert.rejects(server.listenAdmin(), isState);
  await server.shutdown();
});

test('MT-03: a server with TLS has a plain admin port', async (t) => {
  const { ask, server } = await administered(t, {}, { tls: selfSigned(['localhost']) });
  assert.deepEqual((await ask('/healthz')).body, 'ok\n');
  assert.equal(server.ready(), true);
});

test('MT-03 ER-05: whatever an application throws, the admin port shows it as text', async (t) => {
  const { watch, join, server, errors } = await administered(t);
  const nasty = Object.defineProperty(new Error('x'), 'message', {
    get() {
      throw new Error('a getter');
    },
  });
  const thrown: unknown[] = [
    nasty,
    'text\u001b[31m\n',
    Object.create(null),
    undefined,
    new Error('<b>bold</b>'),
  ];
  server.on('message', (_, at) => {
    throw thrown[Number(at)];
  });
  for (let i = 0; i < thrown.length; i++) {
    using client = await join();
    client.send(text(String(i)));
    await client.nextFrame();
  }
  const { events } = await (await watch()).when(() => true);
  const texts = events.filter(({ kind }) => kind === 'handler-failed').map((event) => event.text);
  assert.deepEqual(texts.toSorted(), [
    'a handler failed · <b>bold</b>',
    'a handler failed · an error that cannot be shown',
    'a handler failed · an error that cannot be shown',
    'a handler failed · text\\u{1b}[31m\\u{a}',
    'a handler failed · undefined',
  ]);
  errors.length = 0;
});
