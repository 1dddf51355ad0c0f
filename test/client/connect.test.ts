import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import {
  type ClientConnection,
  type ConnectOptions,
  ConnectError,
  Connection,
} from '../../src/client/index.ts';
import { MisuseError, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { localPath } from '../platform.ts';
import { accepting, atEnd, failure, scriptedServer } from './live.ts';
import { connect } from './dialling.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());

/** A Hawser echo server and a client connected to it. */
async function echo(
  t: TestContext,
  options: ServerOptions = {},
  connectOptions: ConnectOptions = {},
): Promise<{ server: WebSocketServer; port: number; client: ClientConnection }> {
  atEnd(t, () => undefined);
  const server = new WebSocketServer(options);
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  const scheme = options.tls === undefined ? 'ws' : 'wss';
  const client = await connect(`${scheme}://127.0.0.1:${port}/?a=b`, connectOptions);
  atEnd(t, () => client.terminate());
  return { server, port, client };
}

test('CC-01 CC-06 client and server exchange text and bytes in every length form and close cleanly', async (t) => {
  const { server, client } = await echo(t);
  assert.ok(client instanceof Connection);
  assert.deepEqual(
    [client.state, client.protocol, client.extensions, client.remoteAddress],
    ['open', '', '', '127.0.0.1'],
  );
  const received = client[Symbol.asyncIterator]();
  for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576]) {
    const bytes = Buffer.alloc(size, 'äb');
    const before = Buffer.from(bytes);
    client.send(bytes);
    assert.deepEqual((await received.next()).value, before, `${size} bytes`);
    assert.deepEqual(bytes, before, 'FB-06 the data of the caller is unchanged');
    client.send('é'.repeat(size / 2));
    assert.equal((await received.next()).value, 'é'.repeat(size / 2));
  }
  client.close(3_000, 'done');
  const info = await client.closed;
  assert.deepEqual(
    [info.code, info.sentCode, info.wasClean, info.initiator, info.cause],
    [3_000, 3_000, true, 'local', 'local-close'],
  );
  assert.equal((await received.next()).done, true);
  await waitUntil(() => server.connections.size === 0);
});

test('CC-06 CT-01: both sides answer pings, and the heartbeat measures the round trip', async (t) => {
  const { server, client } = await echo(t);
  const [connection] = server.connections;
  client.ping('from client');
  connection!.ping('from server');
  const [atClient, atServer] = await Promise.all([
    waitForEvent<[Buffer]>(client, 'pong'),
    waitForEvent<[Buffer]>(connection!, 'pong'),
  ]);
  assert.deepEqual([atClient[0].toString(), atServer[0].toString()], ['from client', 'from server']);
});

test('CC-03 protocols, headers, origin and URL reach the server', async (t) => {
  atEnd(t, () => undefined);
  const seen: unknown[] = [];
  const server = new WebSocketServer({
    protocols: ['v2', 'v1'],
    allowedOrigins: ['https://app.example'],
    upgrade: ({ request, origin, protocols }) => {
      seen.push([
        request.url.href,
        origin,
        [...protocols],
        request.headers['x-one'],
        request.headers['authorization'],
      ]);
    },
  });
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  await using client = await connect(new URL(`ws://me:pw@127.0.0.1:${port}/chat?a=b`), {
    protocols: ['v1', 'v2'],
    headers: new Headers({ 'X-One': '1' }),
    origin: 'https://app.example',
  });
  assert.equal(client.protocol, 'v2');
  const authorization = `Basic ${Buffer.from('me:pw').toString('base64')}`;
  assert.deepEqual(seen, [
    [`http://127.0.0.1:${port}/chat?a=b`, 'https://app.example', ['v1', 'v2'], '1', authorization],
  ]);
});

test('CC-02 TL-01: wss accepts a certificate of tls.ca, and refuses it without tls.ca', async (t) => {
  const { server, port, client } = await echo(t, { tls: TLS }, { tls: { ca: TLS.cert } });
  client.send('over TLS');
  assert.deepEqual(await waitForEvent(client, 'message'), ['over TLS', true]);
  const error = await failure(`wss://127.0.0.1:${port}`);
  assert.ok(error instanceof ConnectError);
  assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'tls']);
  assert.match(String((error.cause as { code?: string }).code), /SELF_SIGNED|UNABLE_TO_VERIFY/);
  await using lenient = await connect(`https://127.0.0.1:${port}`, { tls: { rejectUnauthorized: false } });
  assert.equal(lenient.state, 'open');
  await using named = await connect(`wss://localhost:${port}`, {
    tls: { ca: TLS.cert },
    lookup: (_, _options, done) => done(null, '127.0.0.1', 4),
  });
  assert.equal(named.remoteAddress, '127.0.0.1');
  await waitUntil(() => server.connections.size === 3);
});

test('SE-34 TL-02: a certificate for another name, and TLS below 1.2, are refused', async (t) => {
  const { port } = await echo(t, { tls: TLS }, { tls: { ca: TLS.cert } });
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => done(null, '127.0.0.1', 4);
  const other = await failure(`wss://other.example:${port}`, { tls: { ca: TLS.cert }, lookup });
  assert.deepEqual([other.code, other.phase], ['ERR_CONNECT', 'tls']);
  assert.equal((other.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  const old = await scriptedServer(t, () => undefined, {
    ...TLS,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const outdated = await failure(old.url, { tls: { ca: TLS.cert } });
  assert.deepEqual([outdated.code, outdated.phase], ['ERR_CONNECT', 'tls']);
});

test('CC-02 ws+unix: a Unix socket or a named pipe, with path and query', async (t) => {
  atEnd(t, () => undefined);
  const path = localPath('a:b');
  const targets: string[] = [];
  const server = new WebSocketServer({ upgrade: ({ request }) => void targets.push(request.url.href) });
  await server.listen({ path });
  atEnd(t, () => server.shutdown());
  await using client = await connect(`ws+unix:${path.replace(':', '%3A')}:/chat?x=1`);
  assert.equal(client.remoteAddress, '');
  assert.deepEqual(targets, ['http://localhost/chat?x=1']);
  const missing = await failure(`ws+unix:${localPath('none')}`);
  assert.deepEqual([missing.code, missing.phase], ['ERR_CONNECT', 'tcp']);
  assert.equal((missing.cause as { code?: string }).code, 'ENOENT');
});

test('BP-13: frames in the packet of the 101 are buffered until the first listener is attached', async (t) => {
  atEnd(t, () => undefined);
  const { url } = await scriptedServer(t, (socket, request) => {
    const frames = Buffer.from('810568656c6c6f8900820101', 'hex');
    socket.write(Buffer.concat([Buffer.from(accepting(request), 'latin1'), frames]));
    socket.write(Buffer.from('8103656e64880203e8', 'hex'));
  });
  const client = await connect(url);
  const pings: string[] = [];
  client.on('ping', (payload) => void pings.push(payload.toString()));
  await waitUntil(() => client.state !== 'open');
  const seen: unknown[] = [];
  client.on('message', (message) => void seen.push(message));
  assert.deepEqual(seen, ['hello', Buffer.of(1), 'end']);
  assert.deepEqual(pings, [''], 'a listener attached at once receives the ping that came with the 101');
  client.terminate();
  assert.equal((await client.closed).code, 1000);
});

test('CC-01 response has the fields of the 101 with two cookies kept apart; it is undefined on a server', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) => {
    const fields = 'Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nX-Node: eu-1\r\n x\r\n';
    socket.write(`HTTP/1.1 103 Early Hints\r\nX-Node: none\r\n\r\n${accepting(request, fields)}`);
  });
  const client = await connect(url);
  const { response } = client;
  assert.deepEqual([response?.status, response?.statusText], [101, 'Switching Protocols']);
  assert.deepEqual(response?.headers.getSetCookie(), ['a=1; Path=/', 'b=2']);
  assert.equal(response.headers.get('x-node'), 'eu-1 x');
  assert.equal(client.response?.headers, response.headers, 'the same object each time');
  client.terminate();
  await client.closed;
  assert.equal(client.response, response);
  const { server } = await echo(t);
  assert.deepEqual(
    [...server.connections].map((connection) => connection.response),
    [undefined],
  );
});

test('EV-05 a client connection has no topics', async (t) => {
  const { client } = await echo(t);
  for (const call of [
    () => client.subscribe('a'),
    () => client.unsubscribe('a'),
    () => client.publish('a', 'b'),
  ]) {
    assert.throws(call, (error) => error instanceof MisuseError && error.code === 'ERR_STATE');
  }
  assert.equal(client.topics.size, 0);
});

test('ER-05: a failing message listener closes the connection with 1011 and emits `error`; no rejection is unhandled', async (t) => {
  const { client } = await echo(t);
  const errors: { code: string; cause?: unknown }[] = [];
  client.on('error', (error) => void errors.push(error));
  client.on('message', async () => {
    throw new Error('mine');
  });
  client.send('x');
  const { sentCode, cause } = await client.closed;
  assert.deepEqual([sentCode, cause], [1011, 'handler-error']);
  assert.deepEqual(
    errors.map(({ code, cause: original }) => [code, (original as Error).message]),
    [['ERR_HANDLER', 'mine']],
  );
});

test('ER-05: a failure of another listener emits `error` and the connection continues; a failing `error` listener emits no further error', async (t) => {
  const { client } = await echo(t);
  const errors: string[] = [];
  client.on('pong', () => {
    throw new Error('pong');
  });
  client.on('error', (error) => {
    errors.push(error.code);
    throw new Error('in the listener for errors');
  });
  client.ping();
  await waitUntil(() => errors.length === 1);
  client.send('still here');
  assert.deepEqual(await waitForEvent(client, 'message'), ['still here', true]);
  assert.deepEqual(errors, ['ERR_HANDLER']);
});

test('SD-06: `await using` closes the connection on both sides at the end of the block', async (t) => {
  const { server, client } = await echo(t);
  const [connection] = server.connections;
  const ends = Promise.all([client.closed, connection!.closed]);
  {
    await using scoped = client;
    assert.equal(scoped.state, 'open');
  }
  assert.deepEqual(
    (await ends).map(({ code, wasClean }) => [code, wasClean]),
    [
      [1000, true],
      [1000, true],
    ],
  );
});

test('§4.1: each connection has its own key, and the client sends nothing between request and response', async (t) => {
  const server = await scriptedServer(t, (socket, request) => {
    setImmediate(() => {
      assert.equal(socket.bytesRead, request.length);
      socket.write(accepting(request));
    });
  });
  for (let i = 0; i < 2; i++) {
    const client = await connect(server.url);
    client.terminate();
  }
  const keys = server.requests.map((request) => /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)![1]!);
  assert.equal(new Set(keys).size, 2);
  for (const key of keys) assert.equal(Buffer.from(key, 'base64').length, 16);
});

test('§4.1: TLS sends the server name (SNI) unless the host is an IP address', async (t) => {
  const server = await scriptedServer(t, (socket, request) => void socket.write(accepting(request)), TLS);
  const lookup: ConnectOptions['lookup'] = (_, _options, done) => done(null, '127.0.0.1', 4);
  for (const url of [server.url, server.url.replace('127.0.0.1', 'localhost')]) {
    const client = await connect(url, { tls: { ca: TLS.cert }, lookup });
    client.terminate();
  }
  assert.deepEqual(
    server.sockets.map(
      (socket) => (socket as TLSSocket & { servername: string | false }).servername || undefined,
    ),
    [undefined, 'localhost'],
  );
});
