import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { type Client, type Door, hawser, listening, real, type Server, shown, skip } from './both.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const request = (
  fields: Readonly<Record<string, string | undefined>> = {},
  line = 'GET / HTTP/1.1',
): string =>
  `${line}\r\n${Object.entries({
    Host: 'a',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...fields,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

/** Sends a request; resolves with the whole response head, and the body of a refusal. */
async function answerTo(url: string, text: string): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.on('error', () => {});
  socket.write(text);
  try {
    await waitUntil(
      () => socket.destroyed || (answer.startsWith('HTTP/1.1 101') && answer.includes('\r\n\r\n')),
    );
  } finally {
    socket.destroy();
  }
  return answer;
}

function stop(t: TestContext, server: Server, http?: HttpServer): void {
  t.after(async () => {
    for (const client of server.clients ?? []) client.terminate();
    server.close();
    http?.close();
    http?.closeAllConnections();
  });
}

const DEFLATE = 'permessage-deflate';
const offering = (value: string) => request({ 'Sec-WebSocket-Extensions': value });

const HANDSHAKES: readonly { what: string; text: string; options?: object }[] = [
  { what: 'a good request', text: request() },
  { what: 'version 8', text: request({ 'Sec-WebSocket-Version': '8' }) },
  { what: 'version 12', text: request({ 'Sec-WebSocket-Version': '12' }) },
  { what: 'no version', text: request({ 'Sec-WebSocket-Version': undefined }) },
  { what: 'no key', text: request({ 'Sec-WebSocket-Key': undefined }) },
  { what: 'a short key', text: request({ 'Sec-WebSocket-Key': 'abc' }) },
  { what: 'another upgrade', text: request({ Upgrade: 'h2c' }) },
  { what: 'POST', text: request({ 'Content-Length': '0' }, 'POST / HTTP/1.1') },
  { what: 'another path', text: request(), options: { path: '/other' } },
  { what: 'the path with a query', text: request({}, 'GET /ws?a=b HTTP/1.1'), options: { path: '/ws' } },
  { what: 'protocols', text: request({ 'Sec-WebSocket-Protocol': 'one, two' }) },
  { what: 'a repeated protocol', text: request({ 'Sec-WebSocket-Protocol': 'one,one' }) },
  { what: 'an empty protocol', text: request({ 'Sec-WebSocket-Protocol': 'one,,two' }) },
  {
    what: 'handleProtocols',
    text: request({ 'Sec-WebSocket-Protocol': 'one, two' }),
    options: { handleProtocols: (protocols: Set<string>) => [...protocols][1] },
  },
  {
    what: 'handleProtocols with characters whose last bytes are CR and LF',
    text: request({ 'Sec-WebSocket-Protocol': 'one' }),
    options: { handleProtocols: () => 'a\u010d\u010aX-Injected: 1' },
  },
  {
    what: 'handleProtocols that returns false',
    text: request({ 'Sec-WebSocket-Protocol': 'one' }),
    options: { handleProtocols: () => false },
  },
  { what: 'verifyClient false', text: request(), options: { verifyClient: () => false } },
  {
    what: 'verifyClient later, with a body and a field',
    text: request({ Origin: 'https://a.example' }),
    options: {
      verifyClient: (info: { origin: string }, done: (...args: unknown[]) => void) =>
        void setImmediate(() => done(false, 403, `not ${info.origin}`, { 'X-Why': 'because' })),
    },
  },
  {
    what: 'verifyClient later, true',
    text: request(),
    options: {
      verifyClient: (_: unknown, done: (ok: boolean) => void) => void setImmediate(() => done(true)),
    },
  },
  { what: 'an offer without the option', text: offering(DEFLATE) },
  ...[
    DEFLATE,
    `${DEFLATE}; client_max_window_bits`,
    `${DEFLATE}; client_max_window_bits=10; server_max_window_bits=11`,
    `${DEFLATE}; server_no_context_takeover; client_no_context_takeover`,
    `${DEFLATE}; server_max_window_bits=7`,
    `${DEFLATE}; unknown`,
    `${DEFLATE}; server_max_window_bits=9; server_max_window_bits=9`,
    'other; a=b',
    'bad;;',
  ].flatMap((value) =>
    [
      true,
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      { serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
      { serverMaxWindowBits: false, clientMaxWindowBits: false, serverNoContextTakeover: false },
    ].map((perMessageDeflate) => ({
      what: `the offer '${value}' with ${JSON.stringify(perMessageDeflate)}`,
      text: offering(value),
      options: { perMessageDeflate },
    })),
  ),
];

test('CD-01: handshakes get the same answers as from ws, to the byte', { skip }, async (t) => {
  for (const { what, text, options } of HANDSHAKES) {
    const [expected, actual] = await Promise.all(
      [real, hawser].map(async (door) => {
        const { server, url } = await listening(door, options);
        stop(t, server);
        return answerTo(url, text);
      }),
    );
    assert.equal(actual, expected, what);
  }
});

test('CD-01: a plain request gets 426, as from ws', { skip }, async (t) => {
  for (const door of [real, hawser]) {
    const { server, url } = await listening(door);
    stop(t, server);
    const response = await fetch(url.replace('ws:', 'http:'));
    assert.deepEqual([response.status, await response.text()], [426, 'Upgrade Required']);
  }
});

/** What happens to a server without its own port, in order. */
async function withoutServer(t: TestContext, door: Door): Promise<unknown[]> {
  const log: unknown[] = [];
  const server = new door.WebSocketServer({ noServer: true });
  const http = createServer();
  stop(t, server, http);
  http.on('upgrade', (incoming: IncomingMessage, socket, head) => {
    const addHeader = (headers: string[], request: IncomingMessage): void => {
      log.push(['headers', headers.length, request === incoming]);
      headers.push('X-Added: yes');
    };
    server.on('headers', addHeader);
    server.handleUpgrade(incoming, socket, head, (client, same) => {
      log.push(['callback', same === incoming, client.readyState, server.clients.size]);
      client.on('message', (data) => client.send(data));
      client.on('close', () => log.push(['closed', server.clients.size]));
      server.emit('connection', client, incoming);
    });
    log.push('returned');
    server.off('headers', addHeader);
    try {
      server.handleUpgrade(incoming, socket, head, () => log.push('twice'));
    } catch (error) {
      log.push(shown(error));
    }
  });
  server.on('connection', (client: Client) => log.push(['connection', client.protocol, client.url]));
  http.listen(0, '127.0.0.1');
  await waitForEvent(http, 'listening');
  assert.throws(() => server.address(), { message: 'The server is operating in "noServer" mode' });
  const { port } = http.address() as AddressInfo;
  // A frame right behind the request is delivered to listeners that the callback adds.
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.write(Buffer.concat([Buffer.from(request()), Buffer.of(0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69)]));
  await waitUntil(() => answer.endsWith('\x82\x02hi'));
  log.push(answer);
  await new Promise<void>((resolve) => {
    server.close(() => {
      log.push(['server closed', server.clients.size]);
      resolve();
    });
    log.push(['still open', server.clients.size]);
    socket.destroy();
  });
  server.close((error) => log.push(shown(error)));
  await waitUntil(() => log.length === 10);
  return log;
}

test('CD-01: noServer calls back at once, takes headers from listeners, and waits for its clients to close', {
  skip,
}, async (t) => {
  const expected = await withoutServer(t, real);
  assert.deepEqual(await withoutServer(t, hawser), expected);
});

test('CD-01: options of a server are read at each handshake', async (t) => {
  const { server, url } = await listening(hawser);
  stop(t, server);
  const offer = request({ 'Sec-WebSocket-Protocol': 'one, two', 'Sec-WebSocket-Extensions': DEFLATE });
  assert.match(await answerTo(url, offer), /Protocol: one\r\n\r\n$/);
  server.options.handleProtocols = () => 'two';
  server.options.perMessageDeflate = { serverNoContextTakeover: true };
  assert.match(
    await answerTo(url, offer),
    /two\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context/,
  );
});

test('CD-01: own classes, shouldHandle, wsClientError and clientTracking', async (t) => {
  class OwnSocket extends hawser {
    name = 'own';
  }
  class OwnServer extends hawser.WebSocketServer<typeof OwnSocket> {
    override shouldHandle({ url }: IncomingMessage): boolean {
      return url === '/mine';
    }
  }
  const http = createServer();
  const server = new OwnServer({ server: http, clientTracking: false, WebSocket: OwnSocket });
  stop(t, server, http);
  assert.equal(server.clients, undefined);
  const names: string[] = [];
  server.on('connection', (socket) => {
    names.push(socket.name);
    socket.close();
  });
  server.on('wsClientError', (error, socket) => socket.end(`HTTP/1.1 418 ${error.message}\r\n\r\n`));
  let listens = 0;
  server.on('listening', () => listens++);
  http.listen(0, '127.0.0.1');
  await waitForEvent(http, 'listening');
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  assert.match(await answerTo(url, request({}, 'GET /mine HTTP/1.1')), /^HTTP\/1.1 101/);
  assert.match(await answerTo(url, request()), /^HTTP\/1.1 400 Bad Request/);
  assert.equal(
    await answerTo(url, request({ Upgrade: 'other' })),
    'HTTP/1.1 418 Invalid Upgrade header\r\n\r\n',
  );
  assert.deepEqual([names, listens], [['own'], 1]);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.equal(http.listenerCount('upgrade'), 0);
  assert.equal(http.listening, true);
});

test('CD-01: a server takes exactly one of port, server and noServer', () => {
  for (const options of [{}, { port: 0, noServer: true }, { server: createServer(), noServer: true }]) {
    assert.throws(() => new hawser.WebSocketServer(options), {
      name: 'TypeError',
      message: 'One and only one of the "port", "server", or "noServer" options must be specified',
    });
  }
});

test('CD-01: a subclass can come before completeUpgrade, which has the arguments of ws', async (t) => {
  const seen: unknown[] = [];
  class Own extends hawser.WebSocketServer {
    override completeUpgrade(...args: Parameters<Server['completeUpgrade']>): void {
      const [extensions, key, protocols] = args;
      seen.push(Object.keys(extensions), key.length, [...protocols]);
      super.completeUpgrade(...args);
    }
  }
  const server = new Own({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  await once(server, 'listening');
  t.after(() => server.close());
  const client = new hawser(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, ['a', 'b']);
  await once(client, 'open');
  assert.deepEqual([seen, client.protocol], [[['permessage-deflate'], 24, ['a', 'b']], 'a']);
  client.close();
  await once(client, 'close');
});
