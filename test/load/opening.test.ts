import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { renderUpgrade } from '../../src/protocol/handshake/answer.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { bench, PATIENT, QUICK, rawServer, serverOf, SHORT } from './stage.ts';

const IMPATIENT = ['--json', '--duration', '600', '--timeout-ms', '200'];

test('CM-08: --ramp-ms spreads the opening of connections', async (t) => {
  const { url } = await serverOf(t, 'echo');
  const { code, report } = await bench([url, ...QUICK, '-c', '10', '--ramp-ms', '100']);
  assert.equal(code, 0);
  assert.equal(report.connections, 10);
  assert.equal(report.openingMs?.count, 10);
});

test('CM-08: handshake does not exceed --rate', async (t) => {
  const { url, server } = await serverOf(t, 'silent');
  const startMs = performance.now();
  const { code, report } = await bench([url, ...QUICK, '-m', 'handshake', '-c', '4', '--rate', '100']);
  const tookMs = performance.now() - startMs;
  assert.equal(code, 0);
  assert.ok(report.messages > 0);
  assert.ok(server.stats().connections.opened <= tookMs / 10 + 1);
});

for (const mode of ['echo', 'handshake'] as const) {
  test(`CM-08: ${mode}: a server that never answers the handshake fails the run`, async (t) => {
    const hole = await rawServer(t, () => undefined);
    const { code, io } = await bench([hole, ...IMPATIENT, '-m', mode, '-c', '2']);
    assert.equal(code, 1);
    assert.match(io.errLines.join(), /not open after 200 ms|has not answered for 200 ms/);
  });
}

test('CM-08: handshake: a server that refuses every client causes exit 1 and one sentence', async (t) => {
  const url = await rawServer(t, (socket) => {
    socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
  });
  const { code, io } = await bench([url, ...QUICK, '-m', 'handshake', '-c', '2']);
  assert.equal(code, 1);
  assert.match(io.errLines.join(), /^hawser: no connection was opened: [^\n]*status 503/);
});

test('CM-08: the answer to the handshake may come in pieces', async (t) => {
  const url = await rawServer(t, (socket, key) => {
    const head = Buffer.from(renderUpgrade({ key, protocol: '', extensions: '' }), 'latin1');
    socket.write(head.subarray(0, 40));
    setImmediate(() => socket.write(head.subarray(40)));
  });
  const { code, report } = await bench([url, ...QUICK, '-m', 'handshake', '-c', '2']);
  assert.deepEqual([code, report.failures], [0, {}]);
  assert.ok(report.messages > 0);
});

test('CM-08: TLS sends the server name and verifies it', async (t) => {
  const { url } = await serverOf(t, 'echo', { tls: selfSigned(['localhost'], Date.now()) });
  const named = url.replace('127.0.0.1', 'localhost');
  const { code, report } = await bench([named, ...QUICK, '-c', '2', '--insecure']);
  assert.equal(code, 0);
  assert.ok(report.messages > 0);
});

test('CM-08: pings are answered during an exchange of messages', async (t) => {
  const { url, server } = await serverOf(t, 'echo', {
    pingIntervalMs: 20,
    pongTimeoutMs: 10,
    maxMissedPongs: 100,
  });
  const pongs = new Set<string>();
  server.on('connection', (connection) => connection.on('pong', () => void pongs.add(connection.id)));
  const io = fakeIo();
  const run = bench([url, ...SHORT.slice(0, 1), '--duration', '600', '-c', '2', '--warm-up-ms', '0'], io);
  await waitUntil(() => pongs.size === 2, PATIENT);
  io.interrupt();
  const { code, report } = await run;
  assert.deepEqual([code, report.failures], [130, {}]);
});

test('CM-08: credentials of the URL are sent in the handshake', async (t) => {
  const seen: (string | undefined)[] = [];
  const { url } = await serverOf(t, 'echo', {
    upgrade: ({ request }) => {
      seen.push(request.headers['authorization']);
      return {};
    },
  });
  const { code } = await bench([url.replace('//', '//me:secret@'), ...QUICK, '-c', '1']);
  assert.equal(code, 0);
  assert.deepEqual(seen, [`Basic ${Buffer.from('me:secret').toString('base64')}`]);
});

test('CM-08: Ctrl-C before the run begins', async (t) => {
  const { url } = await serverOf(t, 'echo');
  const io = fakeIo();
  io.interrupt();
  assert.equal((await bench([url, ...SHORT], io)).code, 130);
});
