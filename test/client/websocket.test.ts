// The attributes are what is tested.
/* oxlint-disable unicorn/prefer-add-event-listener */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { type CloseEvent, WebSocket } from '../../src/client/index.ts';
import { type Connection, type MisuseError, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { selfSigned, waitUntil } from '../../src/testing/index.ts';
import { atEnd } from './live.ts';

const FRAMEWORKS = join(import.meta.dirname, '..', '..', '..', 'test', 'ws', 'frameworks');
const skip = existsSync(join(FRAMEWORKS, 'node_modules', 'undici'))
  ? false
  : 'needs undici: npm ci --ignore-scripts --prefix test/ws/frameworks';
/** The class of Node 22, which is that of undici. */
const theirs = (
  skip === false
    ? (createRequire(join(FRAMEWORKS, 'package.json'))('undici') as { WebSocket: unknown }).WebSocket
    : undefined
) as typeof WebSocket;

interface Served {
  readonly url: string;
  readonly server: WebSocketServer;
  /** The server's end of the connection that was made last. */
  readonly peer: () => Connection;
}

/** An echo server. */
async function serving(t: TestContext, options: ServerOptions = {}): Promise<Served> {
  const server = new WebSocketServer({ protocols: ['b', 'a'], ...options });
  let last: Connection | undefined;
  server.on('connection', (connection) => void (last = connection));
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  const scheme = options.tls === undefined ? 'ws' : 'wss';
  return { server, url: `${scheme}://127.0.0.1:${port}/chat?a=b`, peer: () => last! };
}

type Log = unknown[][];

/** Logs the events of a socket as an application can see them. */
function logged(socket: WebSocket): Log {
  const log: Log = [];
  socket.addEventListener('open', () => log.push(['open', socket.readyState]));
  socket.addEventListener('message', ({ data, origin }) => {
    const shown = typeof data === 'string' ? data : data.constructor.name;
    log.push(['message', socket.readyState, shown, origin === new URL(socket.url).origin]);
  });
  socket.addEventListener('error', ({ type, target }) =>
    log.push(['error', socket.readyState, type, target === socket]),
  );
  socket.addEventListener('close', ({ code, reason, wasClean }) =>
    log.push(['close', socket.readyState, code, reason, wasClean]),
  );
  return log;
}

const ended = (socket: WebSocket): Promise<unknown> => waitUntil(() => socket.readyState === 3);
const nameOf = (step: () => unknown): string => {
  try {
    step();
    return 'nothing';
  } catch (error) {
    return error instanceof DOMException ? `DOMException ${error.name}` : (error as Error).constructor.name;
  }
};

/** What an application does; the log of both classes must be equal. */
const SCRIPTS: readonly {
  readonly what: string;
  readonly run: (Class: typeof WebSocket, served: Served) => Promise<unknown>;
}[] = [
  {
    what: 'an echo of text and bytes, and a close with code and reason',
    run: async (Class, { url }) => {
      const socket = new Class(url, ['a', 'b']);
      const log = logged(socket);
      const before = [socket.readyState, socket.protocol, socket.extensions, socket.url, socket.binaryType];
      socket.onopen = () => {
        for (const data of [
          'text',
          'ä\ud800',
          '',
          new Uint8Array(3),
          new ArrayBuffer(2),
          new Blob(['blob']),
          'last',
        ])
          socket.send(data);
        socket.send(7 as unknown as string);
        socket.send(null as unknown as string);
      };
      await waitUntil(() => log.length === 10);
      socket.close(4_000, 'done');
      log.push(['closing', socket.readyState]);
      await ended(socket);
      return [before, socket.protocol, log];
    },
  },
  {
    what: 'the Close of the server, with a message before it',
    run: async (Class, { url, peer }) => {
      const socket = new Class(url);
      const log = logged(socket);
      await waitUntil(() => socket.readyState === 1);
      peer().send('last words');
      peer().close(4_001, 'by the server');
      await ended(socket);
      return log;
    },
  },
  {
    what: 'a close without a code',
    run: async (Class, { url }) => {
      const socket = new Class(url);
      const log = logged(socket);
      await waitUntil(() => socket.readyState === 1);
      socket.close();
      socket.close(1000, 'twice');
      await ended(socket);
      return log;
    },
  },
  {
    what: 'an address that nothing listens on',
    run: async (Class) => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const { port } = free.address() as { port: number };
      free.close();
      await once(free, 'close');
      const socket = new Class(`ws://127.0.0.1:${port}`);
      const log = logged(socket);
      await ended(socket);
      return log;
    },
  },
  {
    what: 'wrong arguments of the constructor',
    run: (Class, { url }) =>
      Promise.resolve([
        ...['a', '/path', 'ftp://a', `${url}#f`].map((given) => nameOf(() => new Class(given))),
        ...['', 'a b', 'a,b', ['a', 'a'], ['a', '']].map((given) => nameOf(() => new Class(url, given))),
        nameOf(() => Reflect.construct(Class, [])),
        nameOf(() => Reflect.construct(Class, [url, Symbol('s')])),
        nameOf(() => Reflect.apply(Class as unknown as () => void, undefined, [url])),
      ]),
  },
  {
    what: 'wrong arguments of close and send',
    run: async (Class, { url }) => {
      const socket = new Class(url);
      const log = [
        nameOf(() => socket.send('early')),
        nameOf(() => Reflect.apply(socket.send.bind(socket) as () => void, undefined, [])),
      ];
      await waitUntil(() => socket.readyState === 1);
      for (const code of [0, 999, 1001, 1005, 2999, 5000, 65_536, Number.NaN, '1000x'])
        log.push(nameOf(() => socket.close(code as number)));
      log.push(
        nameOf(() => socket.close(1000, 'x'.repeat(124))),
        nameOf(() => socket.close(1000, 'ä'.repeat(62))),
      );
      log.push(`${socket.readyState}`);
      socket.close(3_000.4, 'x'.repeat(123));
      await ended(socket);
      log.push(
        nameOf(() => socket.close(1)),
        nameOf(() => socket.close()),
      );
      return log;
    },
  },
  {
    what: 'constants, attributes and names',
    run: async (Class, { url }) => {
      const socket = new Class(new URL(url).href.replace('ws:', 'http:'));
      const constants = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].map((name) => [
        Object.getOwnPropertyDescriptor(Class, name),
        Object.getOwnPropertyDescriptor(Class.prototype, name),
      ]);
      const enumerable = Object.keys(Class.prototype).sort();
      const types: unknown[] = [
        Object.prototype.toString.call(socket),
        Class.name,
        socket instanceof EventTarget,
      ];
      socket.binaryType = 'nonsense' as 'blob';
      types.push(socket.binaryType);
      socket.binaryType = 'arraybuffer';
      types.push(socket.binaryType, socket.url);
      const handler = (): void => undefined;
      socket.onopen = handler;
      types.push(socket.onopen === handler);
      socket.onopen = 7 as unknown as null;
      types.push(socket.onopen, socket.onmessage);
      await waitUntil(() => socket.readyState === 1);
      const data: unknown[] = [];
      socket.onmessage = (event) => data.push(event.data);
      socket.send(new Uint8Array([1, 2, 3]).subarray(1));
      await waitUntil(() => data.length === 1);
      types.push(Buffer.from(data[0] as ArrayBuffer).toString('hex'), (data[0] as ArrayBuffer).byteLength);
      socket.close();
      await ended(socket);
      return [constants, enumerable, types];
    },
  },
];

for (const { what, run } of SCRIPTS) {
  test(`CC-09: WebSocket does what that of Node 22 does: ${what}`, { skip }, async (t) => {
    const served = await serving(t);
    const expected = await run(theirs, served);
    assert.deepEqual(await run(WebSocket, served), expected);
  });
}

test('CC-09: close before the handshake is done ends in error and close, and frees the socket', async (t) => {
  const { url, server } = await serving(t);
  const socket = new WebSocket(url);
  const log = logged(socket);
  const errors: unknown[] = [];
  socket.onerror = ({ error, message }) => errors.push((error as MisuseError).code, message);
  socket.close(1000, 'changed my mind');
  assert.equal(socket.readyState, WebSocket.CLOSING);
  assert.deepEqual(log, []);
  await ended(socket);
  assert.deepEqual(log, [
    ['error', 3, 'error', true],
    ['close', 3, 1006, '', false],
  ]);
  assert.equal(errors[0], 'ERR_STATE');
  assert.match(String(errors[1]), /close was called before/);
  assert.equal(server.connections.size, 0);
});

test('CC-09: a reason without a code is sent with 1000, and no arguments send a Close without a body', async (t) => {
  const { url, server } = await serving(t);
  for (const [reason, code] of [
    ['why', 1000],
    [undefined, 1005],
  ] as const) {
    const socket = new WebSocket(url);
    await waitUntil(() => socket.readyState === 1);
    const closed = once(server, 'close') as Promise<[unknown, { code: number; reason: string }]>;
    socket.close(undefined, reason);
    await ended(socket);
    const [, info] = await closed;
    assert.deepEqual([info.code, info.reason], [code, reason ?? '']);
  }
});

test('CC-09: bufferedAmount counts payload bytes until the kernel has them, and for ever after the end', async (t) => {
  const { url, peer } = await serving(t);
  const socket = new WebSocket(url);
  await waitUntil(() => socket.readyState === 1);
  assert.equal(socket.bufferedAmount, 0);
  socket.send('häh');
  socket.send(new Uint8Array(5));
  socket.send(new Blob(['blob']));
  assert.equal(socket.bufferedAmount, 4 + 5 + 4);
  await waitUntil(() => socket.bufferedAmount === 0);
  peer().pause();
  // More than the kernel takes.
  socket.send(new Uint8Array(900_000));
  for (let i = 0; i < 20; i++) socket.send(new Uint8Array(500_000));
  await waitUntil(() => peer().messagesReceived > 0);
  assert.ok(socket.bufferedAmount > 0);
  peer().terminate();
  await ended(socket);
  const left = socket.bufferedAmount;
  assert.ok(left > 0);
  socket.send('abc');
  socket.send(new Blob(['abcd']));
  assert.equal(socket.bufferedAmount, left + 7);
});

test('CC-09: messages that an overflow policy drops do not stay in bufferedAmount', async (t) => {
  const { url, peer } = await serving(t);
  const socket = new WebSocket(url, [], {
    onOverflow: 'drop-newest',
    maxBufferedBytes: 400_000,
    highWaterMarkBytes: 10_000,
  });
  await waitUntil(() => socket.readyState === 1);
  peer().pause();
  for (let i = 0; i < 200; i++) socket.send(new Uint8Array(100_000));
  assert.ok(socket.bufferedAmount < 10_000_000);
  peer().resume();
  await waitUntil(() => socket.bufferedAmount === 0);
  socket.close();
  await ended(socket);
});

test('CC-09: a blob keeps its place among messages and the Close', async (t) => {
  const { url } = await serving(t);
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  await waitUntil(() => socket.readyState === 1);
  const seen: string[] = [];
  socket.onmessage = ({ data }) =>
    seen.push(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer).toString());
  for (const part of ['one', new Blob(['two']), new Blob(['three']), 'four']) socket.send(part);
  await waitUntil(() => seen.length === 4);
  assert.deepEqual(seen, ['one', 'two', 'three', 'four']);
  socket.send(new Blob(['five']));
  socket.send('six');
  const closed = once(socket, 'close');
  socket.close(4_000);
  assert.equal(socket.readyState, 2);
  const [event] = (await closed) as [CloseEvent];
  assert.deepEqual([event.code, event.wasClean, seen.length], [4_000, true, 4]);
});

test('CC-09: a blob that cannot be read ends the connection with an error', async (t) => {
  const { url } = await serving(t);
  const socket = new WebSocket(url);
  await waitUntil(() => socket.readyState === 1);
  const log = logged(socket);
  const failing = new Blob(['x']);
  Object.defineProperty(failing, 'arrayBuffer', { value: () => Promise.reject(new Error('disk')) });
  const errors: string[] = [];
  socket.onerror = ({ message }) => errors.push(message);
  socket.send(failing);
  socket.send('never');
  await ended(socket);
  assert.deepEqual([errors, log.map(([name]) => name)], [['disk'], ['error', 'close']]);
});

test('CC-09: handlers run in the place where they were set, and a listener that throws is uncaught', async (t) => {
  const { url } = await serving(t);
  const thrown: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error));
  atEnd(t, () => process.setUncaughtExceptionCaptureCallback(null));
  const socket = new WebSocket(url);
  const seen: unknown[] = [];
  socket.onopen = () => seen.push('replaced');
  socket.addEventListener('open', () => {
    seen.push('listener');
    throw new Error('of the application');
  });
  socket.onopen = function (this: WebSocket, event: Event) {
    seen.push('handler', this === socket, event.target === socket);
  };
  const gone = (): void => void seen.push('gone');
  socket.addEventListener('open', gone);
  socket.removeEventListener('open', gone);
  socket.onmessage = gone;
  socket.onmessage = null;
  socket.addEventListener('message', ({ data }) => seen.push(data), { once: true });
  await waitUntil(() => socket.readyState === 1 && thrown.length === 1);
  socket.send('still open');
  await waitUntil(() => seen.length === 5);
  assert.deepEqual(seen, ['handler', true, true, 'listener', 'still open']);
  socket.close();
  await ended(socket);
});

test('CC-09: options of connect are the second or third argument, and are checked at once', async (t) => {
  const tls = selfSigned(['127.0.0.1'], Date.now());
  const headers: (string | readonly string[] | undefined)[] = [];
  const { url } = await serving(t, {
    tls: { cert: tls.cert, key: tls.key },
    upgrade: ({ request }) => {
      headers.push(request.headers['x-token']);
      return undefined;
    },
  });
  const options = { headers: { 'X-Token': 'secret' }, tls: { ca: tls.cert } };
  for (const make of [
    () => new WebSocket(url, 'a', options),
    () => new WebSocket(url, undefined, { ...options, protocols: 'a' }),
    () => new WebSocket(url, { ...options, protocols: ['a'] }),
  ]) {
    const socket = make();
    await waitUntil(() => socket.readyState === 1);
    assert.equal(socket.protocol, 'a');
    socket.close();
    await ended(socket);
  }
  assert.deepEqual(headers, ['secret', 'secret', 'secret']);
  for (const [given, code] of [
    [[url, { dispatcher: 1 }], 'ERR_OPTION'],
    [[url, 'a', { maxMessageBytes: -1 }], 'ERR_OPTION'],
    [[url, 'a', 'b'], 'ERR_ARGUMENT'],
    [[url, {}, {}], 'ERR_ARGUMENT'],
  ] as const)
    assert.throws(
      () => Reflect.construct(WebSocket, given),
      (error: MisuseError) => error.code === code,
    );
  const controller = new AbortController();
  const socket = new WebSocket(url, { ...options, signal: controller.signal });
  const log = logged(socket);
  controller.abort();
  await ended(socket);
  assert.deepEqual(
    log.map(([name]) => name),
    ['error', 'close'],
  );
});

test('CC-09: a connection that breaks ends in error and close 1006, and a fault of the server in error', async (t) => {
  const { url, peer, server } = await serving(t);
  const socket = new WebSocket(url, { maxMessageBytes: 10 });
  const errors: string[] = [];
  const log = logged(socket);
  socket.onerror = ({ error }) => errors.push((error as { code: string }).code);
  await waitUntil(() => socket.readyState === 1);
  peer().send('more than ten bytes');
  await ended(socket);
  assert.deepEqual([errors, log.at(-1)![2]], [['ERR_MESSAGE_TOO_BIG'], 1006]);
  const cut = new WebSocket(url);
  const cutLog = logged(cut);
  await waitUntil(() => server.connections.size === 1 && cut.readyState === 1);
  peer().terminate();
  await ended(cut);
  assert.deepEqual(
    cutLog.map(([name, , code]) => [name, code]),
    [
      ['open', undefined],
      ['error', 'error'],
      ['close', 1006],
    ],
  );
});

test('CC-09: a server that chooses none of the offered subprotocols is a failure, and open is not fired', async (t) => {
  const { url, server } = await serving(t);
  const socket = new WebSocket(url, ['x', 'y']);
  const log = logged(socket);
  await ended(socket);
  await waitUntil(() => server.connections.size === 0);
  assert.deepEqual(log, [
    ['error', 3, 'error', true],
    ['close', 3, 1006, '', false],
  ]);
});
