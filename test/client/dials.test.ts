import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { isIP, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { connect, type ConnectOptions, MisuseError } from '../../src/client/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { OpenConnections } from '../../src/connection/open-connections.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { HandleDial } from '../../src/sockets/handle-dial.ts';
import { HandleTransport } from '../../src/sockets/handle-transport.ts';
import { close, seededRandom, selfSigned, text, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { accepting, atEnd, scriptedServer } from './live.ts';

// Clients that connect through a handle without a socket, whatever the transport of this run is.
assert.ok(await defaultEngine.part(SocketChecks).checkDials());

/** Records the dials of a test. */
function dials(t: TestContext, started: () => void = () => undefined) {
  const start: (this: HandleDial) => void = Reflect.get(HandleDial.prototype, 'start');
  const { mock } = t.mock.method(HandleDial.prototype, 'start', function (this: HandleDial) {
    started();
    start.call(this);
  });
  return mock;
}

/** The port of a server that echoes until the end of the test. */
async function echoPort(t: TestContext, options: ServerOptions = {}, host = '127.0.0.1'): Promise<number> {
  const server = new WebSocketServer(options);
  server.on('message', (connection, message) => void connection.send(message));
  atEnd(t, () => server.shutdown({ timeoutMs: 1_000 }));
  return (await server.listen(0, host)).port;
}

/** Resolves every name to `addresses`. */
const lookupOf =
  (...addresses: string[]): NonNullable<ConnectOptions['lookup']> =>
  (_, __, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    );

test('CC-05 a client hands its turn on as soon as the 101 is checked, before its connection is made', async (t) => {
  const seen: string[] = [];
  dials(t, () => void seen.push('dial'));
  const write: (this: HandleTransport, chunks: readonly Uint8Array[]) => void = Reflect.get(
    HandleTransport.prototype,
    'write',
  );
  t.mock.method(HandleTransport.prototype, 'write', function (this: HandleTransport, chunks: Uint8Array[]) {
    seen.push('request');
    write.call(this, chunks);
  });
  const server = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  t.after(defaultEngine.part(OpenConnections).watch(() => void seen.push('made')));
  const opened = await Promise.all(
    [1, 2, 3].map(async () => {
      const client = await connect(server.url);
      seen.push('resolved');
      return client;
    }),
  );
  // The next request is sent before the connection is made, because TCP on the loopback interface is connected at once.
  assert.deepEqual(seen.slice(0, 6), ['dial', 'request', 'dial', 'request', 'made', 'resolved']);
  assert.equal(seen.filter((each) => each === 'resolved').length, 3);
  for (const client of opened) client.terminate();
});

test('BP-13 CL-12 frames behind the 101 wait while the next client connects, also if the server ends or resets TCP', async (t) => {
  const unmasked = { mask: false } as const;
  const made = dials(t);
  const ends = ['close', 'end', 'reset'] as const;
  const server = await scriptedServer(t, (socket, request) => {
    const own = /^GET \/(\d+)/.exec(request)![1]!;
    const end = ends[Number(own) % 3];
    socket.write(Buffer.concat([Buffer.from(accepting(request)), text(`one ${own}`, unmasked)]));
    socket.write(text(`two ${own}`, unmasked));
    if (end === 'close') socket.write(close(1000, '', unmasked), () => socket.end());
    else if (end === 'end') socket.end();
    else socket.write('', () => setImmediate(() => socket.resetAndDestroy()));
  });
  const seen = await Promise.all(
    Array.from({ length: 9 }, async (_, own) => {
      const client = await connect(`${server.url}${own}`);
      const messages: unknown[] = [];
      client.on('message', (message) => void messages.push(message));
      const { code } = await client.closed;
      return [messages, code];
    }),
  );
  for (const [own, [messages, code]] of seen.entries()) {
    if (ends[own % 3] !== 'reset') assert.deepEqual(messages, [`one ${own}`, `two ${own}`]);
    assert.equal(code, ends[own % 3] === 'close' ? 1000 : 1006);
  }
  assert.equal(made.callCount(), 9);
});

test('a connection that cannot be made rejects its connect and closes its handle, in its turn or later', async (t) => {
  const server = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  const random = {
    ...seededRandom(1),
    uuid: () => {
      throw new MisuseError('ERR_STATE', 'no entropy');
    },
  };
  const options = { random } as ConnectOptions;
  const results = await Promise.allSettled([connect(server.url, options), connect(server.url, options)]);
  for (const result of results) {
    assert.ok(result.status === 'rejected');
    assert.match(String(result.reason), /no entropy/);
  }
});

test('CC-05 a client whose 101 is invalid, or who never connects, hands its turn on, too', async (t) => {
  const made = dials(t);
  const server = await scriptedServer(t, (socket, request) =>
    socket.write(
      request.startsWith('GET /good')
        ? accepting(request)
        : accepting(request).replace(/Accept: ./, 'Accept: !'),
    ),
  );
  const results = await Promise.allSettled([
    connect(`${server.url}bad`),
    connect(`${server.url}good`),
    connect(`${server.url}bad`),
    connect(`${server.url}good`),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(made.callCount(), 4);
  for (const result of results) if (result.status === 'fulfilled') result.value.terminate();
});

test('CC-05 a client that is aborted closes its handle before the next one connects', async (t) => {
  const seen: string[] = [];
  dials(t, () => void seen.push('dial'));
  const own: (this: HandleTransport) => void = Reflect.get(HandleTransport.prototype, 'destroy');
  t.mock.method(HandleTransport.prototype, 'destroy', function (this: HandleTransport) {
    if (!this.destroyed) seen.push('close');
    own.call(this);
  });
  const server = await scriptedServer(t, () => undefined);
  const controllers = [1, 2].map(() => new AbortController());
  const connecting = controllers.map(({ signal }) => connect(server.url, { signal }));
  for (const [at, controller] of controllers.entries()) {
    await waitUntil(() => server.requests.length === at + 1);
    controller.abort(new Error('aborted'));
    await assert.rejects(connecting[at]!, /aborted/);
  }
  assert.deepEqual(seen, ['dial', 'close', 'dial', 'close']);
});

test('a queue of connects that all fail inside the call rejects each of them, and fills no stack', async (t) => {
  atEnd(t, () => undefined);
  const made = dials(t);
  // The kernel refuses a TCP connection to the broadcast address at once.
  const lookup = lookupOf('255.255.255.255');
  const results = await Promise.allSettled(
    Array.from({ length: 5_000 }, () => connect('ws://broadcast.test/', { lookup })),
  );
  assert.equal(made.callCount(), 5_000);
  for (const result of results) {
    assert.ok(result.status === 'rejected');
    const { code, phase, cause } = result.reason as { code: string; phase: string; cause: object };
    assert.deepEqual([code, phase], ['ERR_CONNECT', 'tcp']);
    const { syscall, address, port } = cause as { syscall: string; address: string; port: number };
    assert.deepEqual([syscall, address, port], ['connect', '255.255.255.255', 80]);
  }
});

test('a connect that waits for its turn, for TCP or for the 101 can be aborted, and leaves no handle open', async (t) => {
  const server = await scriptedServer(t, () => undefined);
  dials(t);
  const controllers = [1, 2, 3].map(() => new AbortController());
  const connecting = controllers.map(({ signal }) => connect(server.url, { signal }));
  await waitUntil(() => server.requests.length === 1);
  for (const at of [2, 0, 1]) {
    controllers[at]!.abort(new Error(`aborted ${at}`));
    await assert.rejects(connecting[at]!, new RegExp(`aborted ${at}`));
  }
  assert.equal(defaultEngine.part(ConnectTurns).size, 0);
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
for (const [listens, dialled, shown, skip] of [
  ['127.0.0.1', '127.0.0.1', '127.0.0.1', false],
  ['127.0.0.1', '0.0.0.0', '127.0.0.1', process.platform === 'win32'],
  ['127.0.0.1', '::ffff:127.0.0.1', '127.0.0.1', !hasIpv6],
  ['::1', '0:0:0:0:0:0:0:1', '::1', !hasIpv6],
] as const) {
  test(`a client that dials ${dialled} has the peer ${shown}`, { skip }, async (t) => {
    atEnd(t, () => undefined);
    const made = dials(t);
    const port = await echoPort(t, {}, listens);
    const client = await connect(`ws://name.test:${port}/`, { lookup: lookupOf(dialled) });
    assert.equal(made.callCount(), 1);
    assert.deepEqual([client.remoteAddress, client.remotePort], [shown, port]);
    client.close();
    assert.ok((await client.closed).wasClean);
  });
}

test('several addresses, TLS and transport: stream are left to the sockets of Node', async (t) => {
  atEnd(t, () => undefined);
  const made = dials(t);
  const port = await echoPort(t);
  const tls = selfSigned(['name.test'], Date.now());
  const securePort = await echoPort(t, { tls });
  const lookup = lookupOf('127.0.0.1');
  for (const [url, options] of [
    [`ws://name.test:${port}/`, { lookup: lookupOf('127.0.0.1', '127.0.0.2') }],
    [`ws://name.test:${port}/`, { lookup, transport: 'stream' }],
    [`wss://name.test:${securePort}/`, { lookup, tls: { ca: tls.cert } }],
  ] as const) {
    const client = await connect(url, options);
    client.close();
    assert.ok((await client.closed).wasClean);
  }
  assert.equal(made.callCount(), 0);
});

test('a program that replaces or observes Node’s sockets sees every client', async (t) => {
  atEnd(t, () => undefined);
  const made = dials(t);
  const port = await echoPort(t);
  const trip = async (to: number): Promise<void> => {
    const client = await connect(`ws://127.0.0.1:${to}/`);
    client.close();
    assert.ok((await client.closed).wasClean);
  };
  const own: (this: Socket, options: { port: number; host: string }) => Socket = Reflect.get(
    Socket.prototype,
    'connect',
  );
  const { mock } = t.mock.method(Socket.prototype, 'connect', function (this: Socket) {
    return own.call(this, { port, host: '127.0.0.1' });
  });
  await trip(1);
  assert.equal(mock.callCount(), 1);
  mock.restore();

  let seen = 0;
  const observe = (): void => void seen++;
  subscribe('net.client.socket', observe);
  await trip(port);
  unsubscribe('net.client.socket', observe);
  assert.deepEqual([seen, made.callCount()], [1, 0]);

  await trip(port);
  assert.equal(made.callCount(), 1);
});

test('many clients at once: each gets its own bytes, whatever the order and the size', async (t) => {
  atEnd(t, () => undefined);
  const made = dials(t);
  const port = await echoPort(t);
  const random = seededRandom(31);
  const own = Array.from({ length: 24 }, (_, i) => {
    const bytes = random.bytes([40, 700, 5_000, 300_000][i % 4]!);
    bytes.fill(i + 1, 0, 20);
    return bytes;
  });
  await Promise.all(
    own.map(async (bytes, i) => {
      const client = await connect(`ws://127.0.0.1:${port}/`, { serializeConnects: i % 2 === 0 });
      for (let round = 0; round < 3; round++) {
        client.send(bytes);
        const [message] = await waitForEvent(client, 'message');
        assert.ok(bytes.equals(message as Buffer), `client ${i}, round ${round}`);
      }
      client.close();
      assert.ok((await client.closed).wasClean);
    }),
  );
  assert.equal(made.callCount(), own.length);
});

test('messages arrive in the async context of the connect, not in that of the client before', async (t) => {
  atEnd(t, () => undefined);
  const storage = new AsyncLocalStorage<number>();
  const port = await echoPort(t);
  const contexts = await Promise.all(
    [1, 2, 3].map((id) =>
      storage.run(id, async () => {
        const client = await connect(`ws://127.0.0.1:${port}/`);
        const context = new Promise((resolve) => {
          client.on('message', () => resolve(storage.getStore()));
        });
        client.send('hello');
        const got = await context;
        client.terminate();
        return got;
      }),
    ),
  );
  assert.deepEqual(contexts, [1, 2, 3]);
});

test('a random source that throws rejects the connect, and leaves no deadline and no listener', async (t) => {
  atEnd(t, () => undefined);
  const controller = new AbortController();
  const fault = new MisuseError('ERR_STATE', 'no entropy');
  const random = {
    ...seededRandom(1),
    bytes: () => {
      throw fault;
    },
  };
  const options = { random, signal: controller.signal } as ConnectOptions;
  await assert.rejects(connect('ws://127.0.0.1:1/', options), fault);
  assert.equal(defaultEngine.part(ConnectTurns).size, 0);
});
