import assert from 'node:assert/strict';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { connect, ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, pair, waitUntil } from '../../src/testing/index.ts';

interface HawserWarning extends Error {
  readonly code: string;
  readonly detail: string;
}

/** Collects the library's warnings from now on. Each test file has its own process. */
function warnings(t: TestContext): HawserWarning[] {
  const all: HawserWarning[] = [];
  const collect = (warning: Error): void => {
    if (warning.name === 'HawserWarning') all.push(warning as HawserWarning);
  };
  process.on('warning', collect);
  t.after(() => process.off('warning', collect));
  return all;
}
const bug = (): never => {
  throw new Error('a bug of the application');
};
/** Looks like a promise, but throws when its `then` is read. */
const thenable = new Proxy({}, { get: () => bug });
const silent = { debug() {}, info() {}, warn() {}, error() {} };

test('GN-17 without logger and error listener, a failing server listener causes one warning with the stack', async (t) => {
  const shown = warnings(t);
  for (const failing of [bug, async () => bug(), () => thenable]) {
    shown.length = 0;
    const joined = await pair();
    const { webSocketServer: server, server: connection, client } = joined;
    server.on('message', failing);
    connection.on('stateChange', failing);
    client.send('x');
    assert.equal((await client.closed).code, 1011);
    await joined[Symbol.asyncDispose]();
    await eventLoopTurns(2);
    assert.deepEqual(
      shown.map(({ code, message }) => [code, message]),
      [
        ['HAWSER_HANDLER', "a listener of 'message' failed"],
        ['HAWSER_HANDLER', "a listener of 'stateChange' failed"],
      ],
      'each kind once, however often it happens',
    );
    assert.match(shown[0]!.detail, /^Error: a bug of the application\n +at .*warnings\.test/);
    assert.match(shown[0]!.detail, /set the option logger, or listen to the event 'error'/);
    assert.match(shown[0]!.detail, /node --disable-warning=HAWSER_HANDLER$/);
  }
});

test('GN-17 with a logger or an error listener, failures cause no warning', async (t) => {
  const shown = warnings(t);
  const seen: unknown[] = [];
  for (const logger of [silent, undefined]) {
    const joined = await pair({ server: logger === undefined ? {} : { logger } });
    if (logger === undefined) joined.webSocketServer.on('error', (error) => seen.push(error.cause));
    joined.webSocketServer.on('message', bug);
    joined.client.send('x');
    await joined.client.closed;
    await joined[Symbol.asyncDispose]();
  }
  await eventLoopTurns(2);
  assert.deepEqual(shown, []);
  assert.match(String(seen[0]), /a bug of the application/);
});

test('GN-17 each failing hook, predicate and error listener causes one warning', async (t) => {
  const shown = warnings(t);
  const server = new WebSocketServer({ upgrade: bug, request: bug });
  const { url, http } = await served(t, server);
  await assert.rejects(connect(url));
  await assert.rejects(connect(url));
  assert.equal((await fetch(http)).status, 500);
  const other = new WebSocketServer();
  const place = await served(t, other);
  const connection = await connect(place.url);
  other.broadcast('x', { where: bug });
  other.on('error', bug);
  other.broadcast('x', { where: bug });
  connection.terminate();
  await eventLoopTurns(2);
  assert.deepEqual(
    shown.map(({ message }) => message),
    [
      'the upgrade hook, or a function given as path, allowedOrigins or exemptAddresses, failed',
      'the request hook failed',
      'a where predicate failed',
      "a listener of 'error' failed",
    ],
  );
});

test('GN-17 failing listeners of clients cause warnings, too', async (t) => {
  const shown = warnings(t);
  const server = new WebSocketServer();
  server.on('connection', (connection) => void connection.send('hello'));
  const { url } = await served(t, server);
  const connection = await connect(url);
  connection.on('message', async () => bug());
  await connection.closed;
  const client = new ReconnectingClient(url);
  client.on('message', bug);
  client.on('open', bug);
  await waitUntil(() => shown.length >= 3);
  client.close();
  await client.closed;
  const lost = new ReconnectingClient(bug, { shouldReconnect: bug });
  await waitUntil(() => shown.length >= 5);
  lost.close();
  await lost.closed;
  assert.deepEqual(
    shown.map(({ message }) => message),
    [
      "a listener of 'message' failed",
      "a listener of 'open' failed",
      "a listener of 'message' failed",
      'a function given as url, protocols, headers or token failed',
      'shouldReconnect failed',
    ],
  );
});

test('GN-17 the first refused origin causes a warning that names the option to set', async (t) => {
  const shown = warnings(t);
  const server = new WebSocketServer();
  const { url } = await served(t, server);
  for (let i = 0; i < 2; i++)
    await assert.rejects(connect(url, { origin: 'http://localhost:3000' }), { status: 403 });
  await eventLoopTurns(2);
  assert.equal(shown.length, 1);
  const { code, message, detail } = shown[0]!;
  assert.equal(code, 'HAWSER_ORIGIN');
  assert.match(
    message,
    /^a handshake was refused with 403: the origin differs from that of the request and is not in allowedOrigins; origin http:\/\/localhost:3000, host /,
  );
  assert.match(detail, /new WebSocketServer\(\{ allowedOrigins: \['http:\/\/localhost:3000'\] \}\)/);

  const heard: unknown[] = [];
  const other = new WebSocketServer();
  other.on('refused', ({ code }) => heard.push(code));
  const place = await served(t, other);
  await assert.rejects(connect(place.url, { origin: 'http://localhost:3000' }), { status: 403 });
  await eventLoopTurns(2);
  assert.deepEqual([heard, shown.length], [['ERR_ORIGIN'], 1]);
});

test('GN-05 a listener of an unknown event causes one warning that suggests the right name', async (t) => {
  const shown = warnings(t);
  const joined = await pair();
  t.after(() => joined[Symbol.asyncDispose]());
  const on = (emitter: object, name: string | symbol): unknown =>
    (emitter as NodeJS.EventEmitter).on(name, () => {});
  const { webSocketServer: server, server: connection, client } = joined;
  const names: readonly (readonly [object, string | symbol])[] = [
    [server, 'conection'],
    [server, 'conection'],
    [server, 'disconnect'],
    [server, 'upgrade'],
    [connection, 'open'],
    [connection, 'mesage'],
    [client, 'data'],
    [connection, 'entirely of the application'],
    [connection, Symbol('own')],
    [connection, 'newListener'],
    [connection, 'message'],
  ];
  for (const [emitter, name] of names) on(emitter, name);
  const reconnecting = new ReconnectingClient('ws://127.0.0.1:1/', { signal: AbortSignal.abort() });
  on(reconnecting, 'reconnect');
  await reconnecting.closed;
  await eventLoopTurns(2);
  assert.deepEqual(
    shown.map(({ message }) => message),
    [
      `there is no event "conection" of a server; the nearest is 'connection'`,
      `there is no event "disconnect" of a server; listen to 'close', which is about one connection`,
      `there is no event "upgrade" of a server; it is an option: new WebSocketServer({ upgrade })`,
      `there is no event "open" of a connection; a connection is open when you get it`,
      `there is no event "mesage" of a connection; the nearest is 'message'`,
      `there is no event "data" of a connection; listen to 'message'`,
      `there is no event "entirely of the application" of a connection`,
      `there is no event "reconnect" of a reconnecting client; listen to 'open'`,
    ],
  );
  let own = 0;
  (connection as unknown as NodeJS.EventEmitter).on('entirely of the application', () => own++);
  (connection as unknown as NodeJS.EventEmitter).emit('entirely of the application');
  assert.equal(own, 1, 'events that the application emits itself work');
});

test('GN-05 assigning a handler property warns and names the fix; the property stays ordinary', async (t) => {
  const shown = warnings(t);
  const joined = await pair();
  t.after(() => joined[Symbol.asyncDispose]());
  const client = new ReconnectingClient('ws://127.0.0.1:1/', { signal: AbortSignal.abort() });
  const objects = { server: joined.webSocketServer, connection: joined.server, client } as unknown as Record<
    string,
    Record<string, unknown>
  >;
  for (const [of, object] of Object.entries(objects)) {
    const before = Object.keys(object);
    for (const name of ['onopen', 'onmessage', 'onclose', 'onerror']) {
      shown.length = 0;
      assert.equal(object[name], undefined);
      object[name] = null;
      object[name] = bug;
      assert.equal(object[name], bug);
      delete object[name];
      object[name] = bug;
      await eventLoopTurns(2);
      assert.deepEqual(
        shown.map(({ code }) => code),
        ['HAWSER_EVENT'],
        `${of}.${name}`,
      );
      assert.match(shown[0]!.message, new RegExp(`^${of}\\.${name} is never called; write `));
      delete object[name];
    }
    assert.deepEqual(Object.keys(object), before, 'none of them is there unless it was assigned');
  }
  joined.client.send('x');
  joined.client.close();
  assert.equal((await joined.client.closed).code, 1000, 'the library never calls them');
});

async function served(t: TestContext, server: WebSocketServer): Promise<{ url: string; http: string }> {
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  return { url: `ws://127.0.0.1:${port}/`, http: `http://127.0.0.1:${port}/` };
}
