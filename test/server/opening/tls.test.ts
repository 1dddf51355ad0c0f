import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { MisuseError, type TlsOptions, WebSocketServer } from '../../../src/index.ts';
import { RawClient, text, waitUntil } from '../../../src/testing/index.ts';
import { listening, nextText } from '../live.ts';

const NOW_MS = Date.now();
const OURS = selfSigned(['localhost', '127.0.0.1'], NOW_MS);
const RENEWED = selfSigned(['localhost', '127.0.0.1'], NOW_MS);
const CLIENT = selfSigned(['client.example'], NOW_MS);

/** Connects over TLS, trusting the given certificates only. */
async function secure(port: number, options: ConnectionOptions = { ca: OURS.cert }): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  return socket;
}

test('TL-01 TL-02: wss on a port of its own: secure, HTTP/1.1 inside, bytes both ways', async (t) => {
  const seen: unknown[] = [];
  const { server, port } = await listening(t, {
    tls: OURS,
    upgrade: ({ secure: isSecure, request }) => void seen.push([isSecure, request.url.protocol]),
  });
  server.on('message', (connection, message) => void connection.send(message));
  const socket = await secure(port, { ca: OURS.cert, ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(socket.alpnProtocol, 'http/1.1');
  const client = RawClient.over(socket);
  assert.equal(
    (await client.upgrade({ headers: { Host: 'localhost', Origin: 'https://localhost' } })).status,
    101,
  );
  client.send(text('x'.repeat(200_000)));
  assert.equal((await nextText(client)).length, 200_000);
  assert.deepEqual(seen, [[true, 'https:']]);
  const [connection] = server.connections;
  assert.equal(connection?.remoteAddress, '127.0.0.1');
  client[Symbol.dispose]();
});

test('TL-02 OR-02: a page of the same name without TLS is another origin', async (t) => {
  const { port } = await listening(t, { tls: OURS });
  const client = RawClient.over(await secure(port));
  assert.equal(
    (await client.upgrade({ headers: { Host: 'localhost', Origin: 'http://localhost' } })).status,
    403,
  );
  client[Symbol.dispose]();
});

test('TL-02: TLS that fails counts as refused, and nothing crashes: no TLS, an old version, another protocol', async (t) => {
  const { server, port, refusals } = await listening(t, { tls: OURS });
  const plain = connectTcp(port, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.resume();
  plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(plain, 'close');
  const wrong: readonly ConnectionOptions[] = [
    { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { ALPNProtocols: ['h2'] },
  ];
  for (const options of wrong) await assert.rejects(secure(port, { ca: OURS.cert, ...options }));
  await waitUntil(() => refusals.length === 3);
  assert.deepEqual(
    refusals.map(({ status, code, remoteAddress }) => [status, code, remoteAddress]),
    Array.from({ length: 3 }, () => [0, 'ERR_TLS', '127.0.0.1']),
  );
  await waitUntil(() => server.stats().handshakes.pending === 0);
  const client = RawClient.over(await secure(port));
  assert.equal((await client.upgrade()).status, 101);
  client[Symbol.dispose]();
});

test('HS-21 HS-25: a TLS handshake counts as pending and has the same deadline', async (t) => {
  const { server, port, refusals } = await listening(t, {
    tls: OURS,
    handshakeTimeoutMs: 200,
    maxPendingHandshakes: 2,
  });
  const sockets = [1, 2, 3].map(() => connectTcp(port, '127.0.0.1'));
  const gone = sockets.map((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    return once(socket, 'close');
  });
  await Promise.all(gone);
  await waitUntil(() => server.stats().handshakes.pending === 0);
  assert.deepEqual(refusals.map(({ code }) => code).sort(), ['ERR_SERVER_FULL', 'ERR_TLS', 'ERR_TLS']);
});

test('HS-21: clients that disconnect and reconnect from the same port are counted once each', async (t) => {
  const { server, port, refusals } = await listening(t, { tls: OURS });
  const dial = async (localPort?: number): Promise<Socket> => {
    const socket = connectTcp({
      port,
      host: '127.0.0.1',
      // With an address the system chooses a port that is free for binding again, whatever is in TIME_WAIT.
      localAddress: '127.0.0.1',
      ...(localPort === undefined ? {} : { localPort }),
    });
    await once(
      socket.on('error', () => undefined),
      'connect',
    );
    return socket;
  };
  let socket = await dial();
  const again = new Set<Socket>();
  for (let i = 0; i < 10; i++) {
    await waitUntil(() => server.stats().handshakes.pending === 1);
    const { localPort } = socket;
    socket.resetAndDestroy();
    // Before the server has heard of it. Another process may have got the port meanwhile.
    socket = await dial(localPort).catch(() => dial());
    if (socket.localPort === localPort) again.add(socket);
    await waitUntil(() => refusals.length === i + 1);
  }
  const secured = connectTls({ socket, ca: OURS.cert, servername: 'localhost' });
  await once(secured, 'secureConnect');
  await waitUntil(() => server.stats().handshakes.pending === 1);
  secured.destroy();
  await waitUntil(() => server.stats().handshakes.pending === 0);
  assert.deepEqual(new Set(refusals.map(({ code }) => code)), new Set(['ERR_TLS']));
  assert.ok(again.size > 0);
});

test('SD-01: a shutdown does not wait for TLS handshakes', async () => {
  const server = new WebSocketServer({ tls: OURS });
  const { port } = await server.listen(0, '127.0.0.1');
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  const gone = once(socket, 'close');
  await waitUntil(() => server.stats().handshakes.pending === 1);
  const { forced } = await server.shutdown();
  assert.equal(forced, 0);
  await gone;
});

test('TL-03: reloadTls: new handshakes get the new certificate, connections stay open, an invalid one changes nothing', async (t) => {
  const { server, port } = await listening(t, { tls: OURS });
  server.on('message', (connection, message) => void connection.send(message));
  const before = RawClient.over(await secure(port));
  await before.upgrade();
  server.reloadTls(RENEWED);
  await assert.rejects(secure(port), 'the old one is no longer presented');
  const after = RawClient.over(await secure(port, { ca: RENEWED.cert }));
  assert.equal((await after.upgrade()).status, 101);
  for (const broken of [{ cert: 'no certificate' }, { key: OURS.key }, { key: '' }]) {
    assert.throws(
      () => server.reloadTls(broken),
      (error) => error instanceof MisuseError && error.code === 'ERR_OPTION',
    );
  }
  const still = RawClient.over(await secure(port, { ca: RENEWED.cert }));
  assert.equal((await still.upgrade()).status, 101);
  before.send(text('still here'));
  assert.equal(await nextText(before), 'still here');
  for (const client of [before, after, still]) client[Symbol.dispose]();
  assert.throws(() => new WebSocketServer().reloadTls(OURS), { code: 'ERR_STATE' });
});

test('TL-02: the hook gets the requested client certificate', async (t) => {
  const seen: unknown[] = [];
  const { port } = await listening(t, {
    tls: { ...OURS, requestCert: true, rejectUnauthorized: false, ca: CLIENT.cert },
    upgrade: ({ clientCertificate }) => {
      seen.push([clientCertificate?.certificate.subject, clientCertificate?.authorized]);
    },
  });
  for (const credentials of [CLIENT, RENEWED, {}]) {
    const client = RawClient.over(await secure(port, { ca: OURS.cert, ...credentials }));
    assert.equal((await client.upgrade()).status, 101);
    client[Symbol.dispose]();
  }
  assert.deepEqual(seen, [
    ['CN=hawser client.example', true],
    ['CN=hawser localhost', false],
    [undefined, undefined],
  ]);
});

test('TL-01: attached to an https server', async (t) => {
  const https = createServer(OURS, (_, response) => response.end('plain'));
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  const { port } = https.address() as AddressInfo;
  const seen: unknown[] = [];
  const server = new WebSocketServer({ upgrade: ({ secure: isSecure }) => void seen.push(isSecure) }).attach(
    https,
  );
  t.after(async () => {
    await server.shutdown();
    https.closeAllConnections();
    https.close();
  });
  const client = RawClient.over(await secure(port));
  assert.equal(
    (await client.upgrade({ headers: { Host: 'localhost', Origin: 'https://localhost' } })).status,
    101,
  );
  assert.deepEqual(seen, [true]);
  client[Symbol.dispose]();
});

const WRONG: readonly (readonly [options: unknown, says: string])[] = [
  [{}, 'has no certificate'],
  [{ cert: OURS.cert }, 'has a cert, but no key'],
  [{ cert: OURS.cert, key: RENEWED.key }, 'does not fit together'],
  [{ cert: 'x', key: 'y' }, 'does not fit together'],
  [{ ...OURS, ALPNProtocols: ['h2'] }, 'tls.ALPNProtocols cannot be set'],
  [{ ...OURS, handshakeTimeout: 1 }, 'tls.handshakeTimeout cannot be set'],
  [{ ...OURS, minVersion: 'TLSv9' }, 'does not fit together'],
];
for (const [options, says] of WRONG) {
  test(`TL-01 CF-01: tls that ${says}`, () => {
    assert.throws(
      () => new WebSocketServer({ tls: options as TlsOptions }),
      (error) => error instanceof MisuseError && error.code === 'ERR_OPTION' && error.message.includes(says),
    );
  });
}
