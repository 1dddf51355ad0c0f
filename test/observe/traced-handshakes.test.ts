import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { CHANNELS, type HandshakeMessage } from '../../src/observe/index.ts';
import { refuse, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { duplexPair, eventLoopTurns, RawClient, VirtualClock, waitUntil } from '../../src/testing/index.ts';
import { live, listening, upgradeRequest } from '../server/live.ts';
import { bindStore, type Published, recordTrace } from './recorder.ts';

/** Parts in order, and the result of the last one. */
const summary = (published: readonly Published[]) => ({
  parts: published.map(([part]) => part),
  result: published.at(-1)?.[1]['result'],
});

test('LG-03: a handshake without a hook has start and end; the payload has request, address, result and connection', async (t) => {
  const published = recordTrace(t, CHANNELS.handshake);
  const { join } = live(t);
  const { connection } = await join({ 'X-Request-Id': 'r-1' });
  assert.deepEqual(
    published.map(([part]) => part),
    ['start', 'end'],
  );
  const [[, first], [, last]] = published as [Published, Published];
  const request = first['request'] as HandshakeMessage['request'];
  assert.deepEqual(
    [request?.method, request?.target, request?.headers['x-request-id'], first['remoteAddress']],
    ['GET', '/', 'r-1', '127.0.0.1'],
  );
  assert.equal('result' in first, false);
  assert.deepEqual(
    { ...last, request: undefined },
    {
      request: undefined,
      remoteAddress: '127.0.0.1',
      result: { status: 101 },
      connection,
    },
  );
});

test('LG-03: with an async hook asyncStart and asyncEnd follow; hook and connection listener run in the store, also after await', async (t) => {
  const published = recordTrace(t, CHANNELS.handshake);
  const store = bindStore<HandshakeMessage>(t, CHANNELS.handshake);
  const seen: [string, string | undefined][] = [];
  const note = (where: string) => seen.push([where, store.getStore()?.request?.headers['x-name']]);
  const { join, server } = live(t, {
    upgrade: async () => {
      note('hook');
      await eventLoopTurns(1);
      note('after await');
    },
  });
  server.on('connection', (connection) => {
    note('connection');
    connection.on('close', () => note('close'));
  });
  const [one, two] = await Promise.all([join({ 'X-Name': 'one' }), join({ 'X-Name': 'two' })]);
  assert.deepEqual(
    seen.map(String).sort(),
    ['after await', 'connection', 'hook'].flatMap((where) => [`${where},one`, `${where},two`]),
  );
  assert.equal(store.getStore(), undefined);
  assert.deepEqual(
    published.map(([part]) => part),
    ['start', 'end', 'start', 'end', 'asyncStart', 'asyncEnd', 'asyncStart', 'asyncEnd'],
  );
  const [, ended] = published.at(-1)!;
  assert.ok(ended['connection'] === one.connection || ended['connection'] === two.connection);
});

const failure = new Error('of the application');
const SYNC = ['start', 'end'];
const LATE = ['start', 'end', 'asyncStart', 'asyncEnd'];

/** What refuses, options of the server, fields of the request, the parts of the trace, and status and code. */
const REFUSALS: readonly (readonly [
  what: string,
  options: ServerOptions,
  headers: Readonly<Record<string, string>>,
  parts: readonly string[],
  status: number,
  code: string,
])[] = [
  ['the version', {}, { 'Sec-WebSocket-Version': '12' }, SYNC, 426, 'ERR_VERSION'],
  ['the key', {}, { 'Sec-WebSocket-Key': 'short' }, SYNC, 400, 'ERR_KEY'],
  ['the path', { path: '/other' }, {}, SYNC, 404, 'ERR_PATH'],
  ['the origin', {}, { Origin: 'https://evil.example' }, SYNC, 403, 'ERR_ORIGIN'],
  ['a full server', { maxPendingHandshakes: 1, maxConnections: 1 }, {}, SYNC, 503, 'ERR_SERVER_FULL'],
  ['false of the hook', { upgrade: () => false }, {}, LATE, 403, 'HTTP_403'],
  ['a refusal of an async hook', { upgrade: async () => refuse(401) }, {}, LATE, 401, 'HTTP_401'],
];

for (const [what, options, headers, parts, status, code] of REFUSALS) {
  test(`LG-03: a handshake refused by ${what} publishes its status and code`, async (t) => {
    const { server, join, refusals } = live(t, options);
    if (code === 'ERR_SERVER_FULL') await join();
    const published = recordTrace(t, CHANNELS.handshake);
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const connection = await server.handleUpgrade(upgradeRequest(headers), wire.server, Buffer.alloc(0));
    assert.equal(connection, undefined);
    assert.equal((await raw.nextHead()).status, status);
    raw.end();
    assert.deepEqual(summary(published), { parts, result: { status, code } });
    assert.equal(published[0]?.[1]['result'], undefined);
    assert.deepEqual(
      refusals.map((refusal) => refusal.code),
      [code],
    );
    await eventLoopTurns(4);
  });
}

test('LG-03: a throwing hook is published as error, before the result is settled', async (t) => {
  const published = recordTrace(t, CHANNELS.handshake);
  const clock = new VirtualClock();
  const server = new WebSocketServer({
    clock,
    upgrade: () => {
      throw failure;
    },
  });
  server.on('error', () => {});
  const wire = duplexPair();
  const raw = RawClient.over(wire.client);
  await server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
  assert.deepEqual(
    published.map(([part, { error, result }]) => [part, error, result]),
    [
      ['start', undefined, undefined],
      ['error', failure, { status: 500, code: 'ERR_UPGRADE_HOOK' }],
      ['end', failure, { status: 500, code: 'ERR_UPGRADE_HOOK' }],
    ],
  );
  raw.end();
  await server.shutdown();
});

test('LG-03: a request that cannot be read is published without request; a client that leaves, without result', async (t) => {
  const published = recordTrace(t, CHANNELS.handshake);
  let asked = (): void => {};
  const hookCalled = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { connect, refusals } = await listening(t, {
    upgrade: ({ signal }) => {
      asked();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
    },
  });
  const broken = await connect();
  broken.send(Buffer.from('no HTTP\r\n\r\n'));
  assert.equal((await broken.nextHead()).status, 400);
  assert.deepEqual(
    published.map(([part, { request, remoteAddress, result }]) => [part, request, remoteAddress, result]),
    [
      ['start', undefined, '127.0.0.1', undefined],
      ['end', undefined, '127.0.0.1', { status: 400, code: 'ERR_HEAD_SYNTAX' }],
    ],
  );
  published.length = 0;
  const leaving = await connect();
  leaving.send(
    Buffer.from(
      'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    ),
  );
  await hookCalled;
  leaving.end();
  await waitUntil(() => published.length === 4);
  assert.deepEqual(summary(published), { parts: LATE, result: undefined });
  assert.equal(refusals.length, 1);
});

test('LG-03: a handshake of an attached server has the request of Node', async (t) => {
  const published = recordTrace(t, CHANNELS.handshake);
  const { join } = live(t);
  await join();
  const request = published[0]?.[1]['request'] as { readonly incomingMessage?: IncomingMessage } | undefined;
  assert.equal(request?.incomingMessage?.method, 'GET');
});
