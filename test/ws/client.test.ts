import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type ClientRequest, createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Client, type Door, EVENTS, hawser, listening, logEvents, real, shown, skip } from './both.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const acceptOf = (key: string): string => createHash('sha1').update(`${key}${GUID}`).digest('base64');

/** A server that answers each request with what `answer` returns for its key. */
async function answering(t: TestContext, answer: (key: string) => string | undefined): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const text = answer(/Sec-WebSocket-Key: (.*)\r/.exec(data.toString())?.[1] ?? '');
      if (text === undefined) return;
      socket.write(text, 'latin1');
      if (!text.startsWith('HTTP/1.1 101')) socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const switching = (key: string, ...fields: string[]): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...fields,
    '',
    '',
  ].join('\r\n');

/** Everything that a client emits up to its end. */
async function lifeOf(
  door: Door,
  url: string,
  protocols: string[] = [],
  options: object = {},
  act: (client: Client, log: unknown[][]) => void = () => {},
): Promise<unknown[][]> {
  const log: unknown[][] = [];
  const client = new door(url, protocols, options);
  logEvents(
    client,
    log,
    [...EVENTS, 'upgrade'].filter((name) => name !== 'upgrade'),
  );
  client.on('upgrade', ({ statusCode }) => void log.push(['upgrade', client.readyState, statusCode]));
  act(client, log);
  log.push(['constructed', client.readyState, client.url === `${url}/`, client.bufferedAmount]);
  try {
    await waitUntil(() => client.readyState === 3);
  } finally {
    client.terminate();
  }
  return log;
}

const EXTENSIONS = 'Sec-WebSocket-Extensions: ';
const ANSWERS: readonly {
  what: string;
  answer: (key: string) => string | undefined;
  protocols?: string[];
  options?: object;
  act?: (client: Client, log: unknown[][]) => void;
}[] = [
  { what: '404', answer: () => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n' },
  { what: 'no HTTP', answer: () => 'nonsense\r\n\r\n' },
  { what: 'a wrong accept value', answer: () => switching('another') },
  {
    what: 'another upgrade',
    answer: (key) => switching(key).replace('Upgrade: websocket', 'Upgrade: other'),
  },
  { what: 'a protocol that was not asked for', answer: (key) => switching(key, 'Sec-WebSocket-Protocol: a') },
  {
    what: 'another protocol',
    answer: (key) => switching(key, 'Sec-WebSocket-Protocol: b'),
    protocols: ['a'],
  },
  { what: 'no protocol', answer: (key) => switching(key), protocols: ['a'] },
  {
    what: 'an extension that was not asked for',
    answer: (key) => switching(key, `${EXTENSIONS}permessage-deflate`),
    options: { perMessageDeflate: false },
  },
  { what: 'another extension', answer: (key) => switching(key, `${EXTENSIONS}other`) },
  { what: 'malformed extensions', answer: (key) => switching(key, `${EXTENSIONS};;`) },
  {
    what: 'a wrong parameter',
    answer: (key) => switching(key, `${EXTENSIONS}permessage-deflate; server_max_window_bits=99`),
  },
  {
    what: 'a redirect that is not followed',
    answer: () => 'HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n',
  },
  {
    what: 'a redirect for ever',
    answer: () => 'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    options: { followRedirects: true, maxRedirects: 2 },
  },
  {
    what: 'a redirect for ever, with another true value',
    answer: () => 'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    options: { followRedirects: 1, maxRedirects: 2 },
  },
  {
    what: 'a redirect to nowhere',
    answer: () =>
      'HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    options: { followRedirects: true },
  },
  { what: 'silence', answer: () => undefined, options: { handshakeTimeout: 20 } },
  { what: 'close at once', answer: () => undefined, act: (client) => client.close() },
  { what: 'terminate at once', answer: () => undefined, act: (client) => client.terminate() },
  {
    what: 'close and terminate at once',
    answer: () => undefined,
    act: (client) => {
      client.close();
      client.terminate();
      client.terminate();
    },
  },
  {
    what: '404, and terminate in error',
    answer: () => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
    act: (client) => client.on('error', () => client.terminate()),
  },
  {
    what: 'terminate in upgrade',
    answer: (key) => switching(key),
    act: (client) => client.on('upgrade', () => client.terminate()),
  },
  {
    what: 'calls while connecting',
    answer: () => undefined,
    act: (client, log) => {
      for (const call of ['send', 'ping', 'pong'] as const) {
        try {
          client[call]('x');
        } catch (error) {
          log.push([call, shown(error)]);
        }
      }
      client.pause();
      client.resume();
      log.push(['paused', client.isPaused, client.protocol, client.extensions, client.binaryType]);
      client.close();
      client.send('late');
      log.push(['unsent', client.bufferedAmount]);
    },
  },
  {
    what: 'a 101 with a Close right behind it',
    answer: (key) => `${switching(key)}\x88\x02\x0f\xa0`,
    options: { closeTimeout: 100 },
  },
  {
    what: 'a 101 with a wrong frame right behind it',
    answer: (key) => `${switching(key)}\x83\x00`,
    options: { closeTimeout: 100 },
  },
];

for (const { what, answer, protocols, options, act } of ANSWERS) {
  test(`CD-01: a client that gets ${what} emits what ws emits`, { skip }, async (t) => {
    const url = await answering(t, answer);
    const expected = await lifeOf(real, url, protocols, options, act);
    assert.deepEqual(await lifeOf(hawser, url, protocols, options, act), expected);
  });
}

test('CD-01: a client refuses the same arguments as ws, with the same errors', { skip }, () => {
  const failing = (door: Door, ...args: unknown[]): string => {
    try {
      new (door as unknown as new (...args: unknown[]) => Client)(...args).on('error', () => {}).terminate();
      return 'accepted';
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  };
  for (const args of [
    ['nonsense'],
    ['ftp://localhost'],
    ['ws://localhost#fragment'],
    ['ws+unix:'],
    ['ws://localhost', ['a', 'a']],
    ['ws://localhost', 'a b'],
    ['ws://localhost', null],
    ['ws://localhost', [], { protocolVersion: 12 }],
    ['ws://127.0.0.1:1', [], undefined],
    ['http://127.0.0.1:1', { protocols: 'a' }],
  ]) {
    assert.equal(failing(hawser, ...args), failing(real, ...args), JSON.stringify(args));
  }
});

test('CD-01: a client sends the same request as ws', { skip }, async (t) => {
  const heads: string[][] = [];
  const http = createServer();
  http.on('upgrade', ({ url, rawHeaders }: IncomingMessage, socket) => {
    heads.push([
      url!,
      ...rawHeaders.map((value, at) => (rawHeaders[at - 1] === 'Sec-WebSocket-Key' ? '' : value)),
    ]);
    socket.destroy();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => http.close());
  const { port } = http.address() as AddressInfo;
  const agent = new Agent();
  for (const [address, protocols, options] of [
    [`ws://127.0.0.1:${port}/a?b`, [], {}],
    [
      `ws://user:p%20w@127.0.0.1:${port}`,
      ['a', 'b'],
      { headers: { Cookie: 'x=y' }, origin: 'https://a.example' },
    ],
    [`http://127.0.0.1:${port}`, [], { protocolVersion: 8, origin: 'https://a.example', agent }],
    [
      `ws://127.0.0.1:${port}`,
      [],
      {
        perMessageDeflate: {
          serverNoContextTakeover: true,
          clientMaxWindowBits: 10,
          serverMaxWindowBits: 11,
        },
      },
    ],
    [`ws://127.0.0.1:${port}`, [], { perMessageDeflate: { clientMaxWindowBits: false } }],
    ...[undefined, null, 0, '', 1, 'yes'].map((perMessageDeflate) => [
      `ws://127.0.0.1:${port}`,
      [],
      { perMessageDeflate },
    ]),
    [`ws://127.0.0.1:${port}`, [], { perMessageDeflate: false, host: 'other', path: '/other', port: 1 }],
  ] as [string, string[], object][]) {
    for (const door of [real, hawser]) {
      const client = new door(address, [...protocols], options);
      client.on('error', () => {});
      await waitUntil(() => client.readyState === 3);
    }
    const [expected, actual] = heads.splice(0);
    assert.deepEqual(actual, expected);
  }
});

test('CD-01: redirects keep credentials for the first origin only, and are reported', async (t) => {
  const seen: (string | undefined)[][] = [];
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  server.on('connection', (socket, { headers, url: path }) => {
    seen.push([path, headers.authorization, headers.cookie]);
    socket.close();
  });
  const http = createServer();
  http.on('upgrade', ({ headers, url: path }: IncomingMessage, socket) => {
    seen.push([path, headers.authorization, headers.cookie]);
    const location = path === '/' ? '/second' : `${url}/third`;
    socket.end(
      `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => http.close());
  const { port } = http.address() as AddressInfo;
  const options = { followRedirects: true, headers: { cookie: 'secret' } };
  const client = new hawser(`ws://me:pw@127.0.0.1:${port}`, options);
  await once(client, 'close');
  const basic = `Basic ${Buffer.from('me:pw').toString('base64')}`;
  assert.deepEqual(seen, [
    ['/', basic, 'secret'],
    ['/second', basic, 'secret'],
    ['/third', undefined, undefined],
  ]);
});

test('CD-01: unexpected-response gets the request and the response, and replaces the error', async (t) => {
  const url = await answering(t, () => 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
  const client = new hawser(url);
  const errors: Error[] = [];
  client.on('error', (error) => errors.push(error));
  const [request, response] = (await once(client, 'unexpected-response')) as [
    { destroy(): void },
    IncomingMessage,
  ];
  assert.equal(response.statusCode, 401);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  assert.equal(body, 'no');
  request.destroy();
  client.terminate();
  await waitUntil(() => client.readyState === 3);
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['WebSocket was closed before the connection was established'],
  );
});

test('CD-01: finishRequest ends the request, and an own createConnection makes the socket', async (t) => {
  const { server, url } = await listening(hawser);
  t.after(() => server.close());
  const names: unknown[] = [];
  server.on('connection', (socket, { headers }) => {
    names.push(headers['x-added']);
    socket.close();
  });
  const finishRequest = (request: ClientRequest): void => {
    request.setHeader('X-Added', 'yes');
    setImmediate(() => request.end());
  };
  const client = new hawser(url, { finishRequest });
  await once(client, 'close');
  assert.deepEqual(names, ['yes']);
});
