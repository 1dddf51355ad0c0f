import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import {
  type Connection,
  MemoryBudget,
  MisuseError,
  refuse,
  timingSafeEqualText,
  WebSocketServer,
} from '../../src/index.ts';
import { duplexPair, pair } from '../../src/testing/index.ts';
import { acceptedValues } from '../misuse.ts';

type AnyServer = { [Name in keyof WebSocketServer]: (...args: unknown[]) => unknown };

/** A server whose methods take anything. */
async function stage(t: TestContext): Promise<{ server: AnyServer; connection: Connection }> {
  const joined = await pair();
  t.after(() => joined[Symbol.asyncDispose]());
  return { server: joined.webSocketServer as unknown as AnyServer, connection: joined.server };
}

const OPTIONAL = ['undefined', '{}'];

test('GN-05 every argument of every call of a server is checked: a typed refusal, or documented as valid', async (t) => {
  const { server, connection } = await stage(t);
  const { server: socket } = duplexPair();
  const request = { rawHeaders: [], headers: {}, url: '/', method: 'GET' } as unknown as IncomingMessage;
  const head = Buffer.alloc(0);
  const rows: readonly (readonly [
    label: string,
    call: (value: unknown) => unknown,
    valid: readonly string[],
  ])[] = [
    ['broadcast(_)', (value) => server.broadcast(value), ["'x'", "''"]],
    ['broadcast(payload, _)', (value) => server.broadcast('x', value), OPTIONAL],
    ['broadcast(payload, {}, _)', (value) => server.broadcast('x', {}, value), ['undefined']],
    [
      'broadcast(payload, { binary: _ })',
      (binary) => server.broadcast('x', { binary }),
      ['undefined', 'true', 'false'],
    ],
    [
      'broadcast(payload, { compress: _ })',
      (compress) => server.broadcast('x', { compress }),
      ['undefined', 'true', 'false'],
    ],
    ['publish(_, payload)', (value) => server.publish(value, 'x'), ["'x'"]],
    ['publish(topic, _)', (value) => server.publish('t', value), ["'x'", "''"]],
    ['publish(topic, payload, _)', (value) => server.publish('t', 'x', value), OPTIONAL],
    ['publish(topic, payload, {}, _)', (value) => server.publish('t', 'x', {}, value), ['undefined']],
    ['attach(_)', (value) => server.attach(value), []],
    ['attach(server, _)', (value) => server.attach(createServer(), value), OPTIONAL],
    ['attach(server, { path: _ })', (path) => server.attach(createServer(), { path }), ['undefined']],
    ['attach(server, {}, _)', (value) => server.attach(createServer(), {}, value), ['undefined']],
    ['detach(_)', (value) => server.detach(value), []],
    ['detach(server, _)', (value) => server.detach(createServer(), value), ['undefined']],
    ['handleUpgrade(_, socket, head)', (value) => server.handleUpgrade(value, socket, head), []],
    ['handleUpgrade(request, _, head)', (value) => server.handleUpgrade(request, value, head), []],
    ['handleUpgrade(request, socket, _)', (value) => server.handleUpgrade(request, socket, value), []],
    ['reloadTls(_)', (value) => server.reloadTls(value), []],
    ['configure(_)', (value) => server.configure(value), ['{}']],
    ['configure({}, _)', (value) => server.configure({}, value), ['undefined']],
    ['address(_)', (value) => server.address(value), ['undefined']],
    ['stats(_)', (value) => server.stats(value), ['undefined']],
    ['ready(_)', (value) => server.ready(value), ['undefined']],
  ];
  for (const [label, call, valid] of rows) assert.deepEqual(await acceptedValues(label, call), valid, label);
  assert.equal(connection.state, 'open', 'no refused call did anything');
});

test('GN-05 listen and shutdown refuse arguments that they would ignore', async () => {
  const fresh = (): AnyServer => new WebSocketServer() as unknown as AnyServer;
  const listening = async (...args: unknown[]): Promise<void> => {
    const server = fresh();
    try {
      await server.listen(...args);
    } finally {
      await server.shutdown();
    }
  };
  // The default port may be taken on the machine that runs the tests.
  const isDefault = (value: unknown): boolean =>
    value === undefined ||
    (typeof value === 'object' &&
      value !== null &&
      JSON.stringify(value) === '{}' &&
      value.constructor === Object);
  const rows: readonly (readonly [
    label: string,
    call: (value: unknown) => unknown,
    valid: readonly string[],
  ])[] = [
    ['listen(_)', (value) => isDefault(value) || listening(value), ['undefined', '0', '{}']],
    ['listen(port, _)', (value) => listening(0, value), ['undefined']],
    ['listen(port, host, _)', (value) => listening(0, '127.0.0.1', value), ['undefined']],
    ['listen({ port: _ })', (port) => port === undefined || listening({ port }), ['undefined', '0']],
    ['listen({ host: _ })', (host) => listening({ port: 0, host }), ['undefined']],
    ['listen({ backlog: _ })', (backlog) => listening({ port: 0, backlog }), ['undefined']],
    ['listen({ signal: _ })', (signal) => listening({ port: 0, signal }), ['undefined']],
    ['listen({}, _)', (value) => listening({ port: 0 }, value), ['undefined']],
    ['shutdown(_)', (value) => fresh().shutdown(value), OPTIONAL],
    ['shutdown({}, _)', (value) => fresh().shutdown({}, value), ['undefined']],
    ['shutdown({ timeoutMs: _ })', (timeoutMs) => fresh().shutdown({ timeoutMs }), ['undefined']],
    [
      'shutdown({ batchIntervalMs: _ })',
      (value) => fresh().shutdown({ batchIntervalMs: value }),
      ['undefined', '0'],
    ],
    ['shutdown({ code: _ })', (code) => fresh().shutdown({ code }), ['undefined']],
    ['shutdown({ reason: _ })', (reason) => fresh().shutdown({ reason }), ['undefined', "'x'", "''"]],
    ['shutdown({ signal: _ })', (signal) => fresh().shutdown({ signal }), ['undefined']],
  ];
  for (const [label, call, valid] of rows) assert.deepEqual(await acceptedValues(label, call), valid, label);
});

test('GN-05 listen accepts a port as a string of digits, as in environment variables', async (t) => {
  const server = new WebSocketServer();
  t.after(() => server.shutdown());
  assert.notEqual((await server.listen('0', '127.0.0.1')).port, 8080);
  const refused: readonly (readonly [args: unknown[], says: RegExp])[] = [
    [['abc'], /server\.listen: port is "abc"; it must be a whole number from 0 to 65535$/],
    [['65536'], /port is "65536"/],
    [['/run/app.sock'], /a Unix socket is listen\(\{ path: '\/run\/app\.sock' \}\)$/],
    [[{ prot: 1 }], /server\.listen has no option prot \(given as 1\); the nearest is port$/],
    [[{ port: 0, path: '/x.sock' }], /path, or port and host, not both/],
    [[{ host: 'localhost', path: '/x.sock' }], /path, or port and host, not both/],
    [[0, () => {}], /server\.listen takes no callback; await server\.listen\(port\)$/],
    [[0, '127.0.0.1', () => {}], /takes no callback/],
    [[{ port: 0 }, '127.0.0.1'], /host is an option, too: listen\(\{ port, host \}\)$/],
  ];
  for (const [args, says] of refused) {
    const other = new WebSocketServer() as unknown as AnyServer;
    await assert.rejects(other.listen(...args) as Promise<unknown>, (error: Error) => {
      assert.ok(error instanceof MisuseError);
      assert.match(error.message, says);
      return true;
    });
  }
});

test('GN-05 a refused call says what to write instead', async (t) => {
  const { server, connection } = await stage(t);
  const http = createServer();
  const rows: readonly (readonly [call: () => unknown, says: RegExp])[] = [
    [
      () => server.broadcast('x', { exept: connection }),
      /server\.broadcast has no option exept .*; the nearest is except$/,
    ],
    [() => server.broadcast('x', { were: () => false }), /; the nearest is where$/],
    [
      () => server.broadcast('x', { room: 'a' }),
      /publish\(topic, payload\) reaches the subscribers of a topic$/,
    ],
    [() => server.broadcast('x', () => {}), /takes no callback; connection\.drained\(\) says when/],
    [() => server.broadcast({ a: 1 }), /not Object; send JSON\.stringify\(value\)$/],
    [() => server.broadcast(5), /not number; send String\(value\)$/],
    [() => server.broadcast(Promise.resolve('x')), /not Promise; await it first$/],
    [() => server.broadcast(new Blob(['x'])), /not Blob; send await value\.arrayBuffer\(\)$/],
    [() => server.publish('t', 'x', { filter: () => true }), /it is called where$/],
    [
      () => server.attach(http, '/x'),
      /server\.attach: options is "\/x"; it must be an object: attach\(server, \{ path: "\/x" \}\)$/,
    ],
    [() => server.attach(http, { paht: '/x' }), /the nearest is path$/],
    [
      () => server.attach(Object.assign(() => {}, { on() {}, listen() {} })),
      /server\.attach\(createServer\(app\)\)$/,
    ],
    [
      () => server.attach(Object.assign(new EventEmitter(), { callback() {} })),
      /server\.attach\(createServer\(app\.callback\(\)\)\)$/,
    ],
    [() => server.attach({ server: http, register() {} }), /server\.attach\(app\.server\)$/],
    [() => server.attach({ getHttpServer: () => http }), /server\.attach\(app\.getHttpServer\(\)\)$/],
    [
      () => server.shutdown({ timeoutMS: 5 }),
      /server\.shutdown has no option timeoutMS .*; the nearest is timeoutMs$/,
    ],
    [() => server.shutdown(() => {}), /server\.shutdown takes no callback; await server\.shutdown\(\)$/],
    [() => server.reloadTls({ minVersion: 'TLSv1.3' }), /server\.reloadTls has no option minVersion/],
  ];
  for (const [call, says] of rows) {
    assert.throws(call, (error: Error) => {
      assert.ok(error instanceof MisuseError);
      assert.match(error.message, says);
      return true;
    });
  }
  assert.equal(http.listenerCount('upgrade'), 0);
  const { server: socket } = duplexPair();
  const request = { rawHeaders: [] } as unknown as IncomingMessage;
  assert.throws(
    () => server.handleUpgrade(request, socket, Buffer.alloc(0), () => {}),
    /server\.handleUpgrade takes no callback; await server\.handleUpgrade\(request, socket, head\)/,
  );
});

test('GN-05 the recipients of a broadcast are a connection, an id, or a list; one invalid member refuses the whole call', async (t) => {
  const { server, connection } = await stage(t);
  const sent = (options: object): unknown => (server.broadcast('x', options) as { sent: number }).sent;
  const { id } = connection;
  for (const to of [
    connection,
    id,
    [connection],
    [id],
    new Set([id]),
    (server as unknown as WebSocketServer).connections,
  ])
    assert.equal(sent({ to }), 1);
  assert.equal(sent({ to: 'unknown' }), 0);
  for (const except of [connection, id, [connection], [id], new Set(['other', id])])
    assert.equal(sent({ except }), 0);
  const before = connection.messagesSent;
  for (const [options, says] of [
    [{ to: [connection, 5] }, /^to\[1\] is 5; it must be a connection or an id$/],
    [{ to: [connection, undefined] }, /^to\[1\] is undefined/],
    [{ to: [[connection]] }, /^to\[0\] is an array/],
    [{ except: [{ id }] }, /^except\[0\] is an object/],
    [
      { to: (async function* () {})() },
      /^to is an object; it must be a connection, an id, or a list of them$/,
    ],
  ] as const) {
    assert.throws(
      () => server.broadcast('x', options),
      (error: Error) => {
        assert.ok(error instanceof MisuseError);
        assert.match(error.message, says);
        return true;
      },
    );
  }
  assert.equal(connection.messagesSent, before);
});

test('GN-05 the tables of connections and topics refuse invalid ids and topics', async (t) => {
  const { server, connection } = await stage(t);
  const { connections, topics } = server as unknown as WebSocketServer;
  const rows = {
    'connections.get': (value: unknown) => connections.get(value as string),
    'connections.has': (value: unknown) => connections.has(value as string),
    'topics.subscriberCount': (value: unknown) => topics.subscriberCount(value as string),
    'topics.subscribers': (value: unknown) => topics.subscribers(value as string),
  };
  for (const [label, call] of Object.entries(rows))
    assert.deepEqual(await acceptedValues(label, call), ["'x'", "''"]);
  assert.throws(
    () => connections.has(connection as unknown as string),
    /it must be the id of a connection: connection\.id$/,
  );
});

test('GN-05 the arguments of exported functions and listeners are checked in the same way', async () => {
  type Loose = (...args: unknown[]) => unknown;
  const [refusal, same] = [refuse, timingSafeEqualText] as unknown as [Loose, Loose];
  const Server = WebSocketServer as unknown as new (...args: unknown[]) => AnyServer;
  const Budget = MemoryBudget as unknown as new (...args: unknown[]) => MemoryBudget;
  const server = new Server();
  const rows: readonly (readonly [
    label: string,
    call: (value: unknown) => unknown,
    valid: readonly string[],
  ])[] = [
    ['refuse(_)', (value) => refusal(value), []],
    ['refuse(401, _)', (value) => refusal(401, value), OPTIONAL],
    [
      'refuse(401, { headers: _ })',
      (headers) => refusal(401, { headers }),
      ['undefined', '{}', '{ unknownName }', '[]', 'Map'],
    ],
    ['refuse(401, { body: _ })', (body) => refusal(401, { body }), ['undefined', "'x'", "''"]],
    ['refuse(401, {}, _)', (value) => refusal(401, {}, value), ['undefined']],
    ['timingSafeEqualText(_, text)', (value) => same(value, 'x'), ["'x'", "''"]],
    ['timingSafeEqualText(text, _)', (value) => same('x', value), ["'x'", "''"]],
    ['new MemoryBudget(_)', (value) => new Budget(value), OPTIONAL],
    ['new MemoryBudget({ maxBytes: _ })', (maxBytes) => new Budget({ maxBytes }), ['undefined']],
    ['new WebSocketServer(_)', (value) => new Server(value), OPTIONAL],
    ['new WebSocketServer({}, _)', (value) => new Server({}, value), ['undefined']],
    ['on(name, _)', (value) => server.on('message', value), ['function']],
    ['once(name, _)', (value) => server.once('message', value), ['function']],
    ['off(name, _)', (value) => server.off('message', value), ['function']],
    [
      'on(_, listener)',
      (value) => value === 'x' || value === '' || server.on(value, () => {}),
      ["'x'", "''", 'symbol'],
    ],
  ];
  for (const [label, call, valid] of rows) assert.deepEqual(await acceptedValues(label, call), valid, label);
  assert.throws(() => refusal(401, 'go away'), /refuse\(status, \{ body: "go away" \}\)$/);
  assert.throws(
    () => new Server({}, () => {}),
    /^MisuseError: new WebSocketServer takes no callback; listen to the event 'listening'$/,
  );
  assert.throws(
    () => new Budget({ maxByte: 5 }),
    /new MemoryBudget has no option maxByte; its option is maxBytes$/,
  );
});
