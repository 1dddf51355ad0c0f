import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import type { ConnectOptions, ConnectTarget } from '../../src/client/index.ts';
import { ConnectTurns } from '../../src/client/turns.ts';
import { defaultEngine } from '../../src/engine/engine.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { VirtualClock, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { atEnd, failure, scriptedServer } from './live.ts';
import { ReconnectingClient, connect } from './dialling.ts';

const TLS = selfSigned(['localhost'], Date.now());

async function echo(t: TestContext, options: ServerOptions = {}): Promise<number> {
  atEnd(t, () => undefined);
  const server = new WebSocketServer(options);
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  atEnd(t, () => server.shutdown());
  return port;
}

/** A Duplex that wraps a socket of Node. */
function wrapped(socket: Socket): Duplex {
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk, encoding, done) => void socket.write(chunk as Buffer, encoding, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => stream.destroy());
  return stream;
}

const WAYS: Readonly<Record<string, (port: number) => Promise<Duplex> | Duplex>> = {
  'a connected socket': async (port) => {
    const socket = connectTcp(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  },
  'a socket that is still connecting': (port) => connectTcp(port, '127.0.0.1'),
  'a Duplex that is no socket': (port) => wrapped(connectTcp(port, '127.0.0.1')),
};
for (const [what, make] of Object.entries(WAYS)) {
  for (const scheme of ['ws', 'wss'] as const) {
    for (const option of ['socket', 'createConnection'] as const) {
      test(`CC-08 ${scheme} over ${what}, given as ${option}`, async (t) => {
        const port = await echo(t, scheme === 'wss' ? { tls: TLS } : {});
        const targets: ConnectTarget[] = [];
        const options: ConnectOptions =
          option === 'socket'
            ? { socket: await make(port) }
            : {
                createConnection: (target) => {
                  targets.push(target);
                  return make(port);
                },
              };
        // The host name is not resolved, but the certificate must be valid for it.
        const client = await connect(`${scheme}://localhost:4711/`, { ...options, tls: { ca: TLS.cert } });
        atEnd(t, () => client.terminate());
        for (const text of ['hello', 'x'.repeat(300_000)]) {
          client.send(text);
          assert.deepEqual(await waitForEvent(client, 'message'), [text, true]);
        }
        client.close();
        assert.equal((await client.closed).wasClean, true);
        if (option === 'createConnection') assert.deepEqual(targets, [{ host: 'localhost', port: 4711 }]);
      });
    }
  }

  test(`CC-08 over ${what} certificates are verified, and a failure destroys the stream`, async (t) => {
    const port = await echo(t, { tls: TLS });
    const socket = await make(port);
    const error = await failure('wss://other.example/', { socket, tls: { ca: TLS.cert } });
    assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'tls']);
    assert.equal((error.cause as { code?: string }).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    await waitUntil(() => socket.destroyed);
  });
}

test('CC-08 a socket of the caller gets the usual options: no Nagle, keep-alive, no timeout', async (t) => {
  const port = await echo(t);
  const socket = connectTcp(port, '127.0.0.1');
  socket.setTimeout(60_000);
  const set: unknown[] = [];
  socket.setNoDelay = (on) => (set.push(['noDelay', on]), socket);
  socket.setKeepAlive = (on) => (set.push(['keepAlive', on]), socket);
  const client = await connect('ws://localhost/', { socket });
  assert.deepEqual(set, [
    ['noDelay', true],
    ['keepAlive', true],
  ]);
  assert.equal(socket.timeout, 0);
  client.terminate();
});

test('CC-08 createConnection gets the path of a Unix socket', async () => {
  const targets: ConnectTarget[] = [];
  const error = await failure('ws+unix:/run/app.sock:/chat', {
    createConnection: (target) => {
      targets.push(target);
      throw new Error('no way there');
    },
  });
  assert.deepEqual(targets, [{ path: '/run/app.sock' }]);
  assert.match(error.message, /^the connection could not be made: createConnection failed: no way there$/);
});

const FAILURES: Readonly<Record<string, readonly [options: () => ConnectOptions, says: RegExp]>> = {
  'a stream that was destroyed': [
    () => ({ socket: wrapped(connectTcp(1, '127.0.0.1')).destroy() }),
    /the stream of socket cannot be used: it is closed$/,
  ],
  'a socket to a closed port': [
    () => ({ socket: connectTcp(1, '127.0.0.1') }),
    /the stream of socket cannot be used: connect ECONNREFUSED/,
  ],
  'a socket that closes before it is connected': [
    () => {
      const socket = connectTcp({ port: 1, host: 'name.example', lookup: () => undefined });
      setImmediate(() => socket.destroy());
      return { socket };
    },
    /the stream of socket cannot be used: it closed before it was connected$/,
  ],
  'createConnection rejects': [
    () => ({ createConnection: () => Promise.reject(new Error('SOCKS says no')) }),
    /createConnection failed: SOCKS says no$/,
  ],
  'createConnection throws no Error': [
    () => ({
      createConnection: () => {
        throw 'no'; // oxlint-disable-line no-throw-literal
      },
    }),
    /createConnection failed: no$/,
  ],
};
for (const [what, [options, says]] of Object.entries(FAILURES)) {
  test(`CC-08 ${what}: ERR_CONNECT, and nothing is left open`, async (t) => {
    atEnd(t, () => undefined);
    const error = await failure('ws://localhost/', options());
    assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'tcp']);
    assert.match(error.message, says);
  });
}

for (const given of [undefined, 7, {}, Promise.resolve(null)]) {
  test(`CC-08 createConnection that returns ${JSON.stringify(given) ?? 'nothing'} is misuse`, async (t) => {
    atEnd(t, () => undefined);
    await assert.rejects(connect('ws://localhost/', { createConnection: () => given as unknown as Duplex }), {
      name: 'MisuseError',
      code: 'ERR_OPTION',
      message: /^createConnection gave \w+; it must give a connected Duplex/,
    });
  });
}

test('CC-08 CC-03 after the timeout the signal of createConnection is aborted and a late stream is destroyed', async (t) => {
  const port = await echo(t);
  const clock = new VirtualClock();
  let give: ((stream: Duplex) => void) | undefined;
  let aborted: AbortSignal | undefined;
  const failed = failure('ws://localhost/', {
    clock,
    createConnection: (_, { signal }) => {
      aborted = signal;
      return new Promise((resolve) => {
        give = resolve;
      });
    },
  });
  assert.equal(aborted?.aborted, false);
  clock.advance(10_050);
  const error = await failed;
  assert.deepEqual([error.code, error.phase, aborted.aborted], ['ERR_CONNECT_TIMEOUT', 'tcp', true]);
  const late = connectTcp(port, '127.0.0.1');
  give!(late);
  await waitUntil(() => late.destroyed);
});

test('CC-08 CC-03 signal: an abort destroys the given socket, also if it came before connect()', async (t) => {
  const deaf = await scriptedServer(t, () => undefined);
  for (const before of [true, false]) {
    const abort = new AbortController();
    const socket = connectTcp(deaf.port, '127.0.0.1');
    const connecting = connect('ws://localhost/', { socket, signal: abort.signal });
    const rejected = assert.rejects(connecting, { name: 'AbortError' });
    if (!before) await waitUntil(() => deaf.requests.length === 1);
    abort.abort();
    await rejected;
    assert.equal(socket.destroyed, true);
  }
  const socket = connectTcp(deaf.port, '127.0.0.1');
  await assert.rejects(connect('ws://localhost/', { socket, signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  assert.equal(socket.destroyed, true);
  const other = connectTcp(deaf.port, '127.0.0.1');
  await assert.rejects(connect('ftp://localhost/', { socket: other }), { code: 'ERR_URL' });
  assert.equal(other.destroyed, true);
});

test('§4.1 CC-05 createConnection is called for one connection at a time per host name; a given socket does not wait', async (t) => {
  const deaf = await scriptedServer(t, () => undefined);
  const abort = new AbortController();
  const { signal } = abort;
  let calls = 0;
  const createConnection = (): Duplex => {
    calls++;
    return connectTcp(deaf.port, '127.0.0.1');
  };
  const all = [1, 2].map(() => assert.rejects(connect('ws://a.example/', { createConnection, signal })));
  const socket = connectTcp(deaf.port, '127.0.0.1');
  all.push(assert.rejects(connect('ws://a.example/', { socket, signal })));
  await waitUntil(() => deaf.requests.length === 2);
  assert.deepEqual([calls, defaultEngine.part(ConnectTurns).size], [1, 2]);
  abort.abort();
  await Promise.all(all);
});

test('CC-08 RC-01 a reconnecting client calls createConnection for each attempt', async (t) => {
  const port = await echo(t);
  let calls = 0;
  const client = new ReconnectingClient('ws://a.example/', {
    createConnection: () => {
      calls++;
      if (calls === 2) throw new Error('the tunnel is down');
      return connectTcp(port, '127.0.0.1');
    },
    baseDelayMs: 1,
    maxDelayMs: 1,
    maxFirstDelayMs: 1,
  });
  atEnd(t, async () => {
    client.close();
    await client.closed;
  });
  let opened = 0;
  client.on('open', () => void opened++);
  await waitUntil(() => opened === 1);
  client.connection!.terminate();
  await waitUntil(() => opened === 2);
  assert.equal(calls, 3);
});
