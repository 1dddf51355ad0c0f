import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../src/index.ts';
import { renderUpgrade } from '../../src/protocol/handshake/answer.ts';
import { binary, leakCheck, text, waitUntil } from '../../src/testing/index.ts';
import { atEnd } from '../client/live.ts';
import { tunnelProxy } from '../client/proxy-server.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { bench, connectionsOf, PATIENT, QUICK, rawServer, serverOf, SHORT, upgraded } from './stage.ts';

for (const flags of [
  [],
  ['--binary', '--size', '65536'],
  ['--multibyte', '--size', '1000', '--pipeline', '16'],
  ['--size', '0', '--connections', '3'],
  ['--pipeline', '300', '--size', '20', '--connections', '2'],
]) {
  test(`CM-08: echo ${flags.join(' ')}: the answers are counted, and the count fits the server's`, async (t) => {
    const { url, server } = await serverOf(t, 'echo');
    const { code, report, io } = await bench([url, ...QUICK, ...flags]);
    assert.equal(code, 0, io.errLines.join());
    assert.equal(
      report.connections,
      flags.includes('--connections') ? Number(flags[flags.indexOf('--connections') + 1]) : 50,
    );
    assert.ok(report.messages > 0);
    assert.equal(report.latencyMs?.count, report.messages);
    assert.equal(report.openingMs?.count, report.connections);
    assert.deepEqual(report.failures, {});
    await waitUntil(() => server.stats().connections.now === 0, PATIENT);
    assert.ok(server.stats().messages.received >= report.messages);
  });
}

test('CM-08: --rate is not exceeded', async (t) => {
  const { url, server } = await serverOf(t, 'echo');
  const startMs = performance.now();
  const { code, report } = await bench([url, ...QUICK, '--rate', '200']);
  const tookMs = performance.now() - startMs;
  assert.equal(code, 0);
  assert.ok(report.messages > 0);
  assert.equal(report['plannedRate'], 200);
  const { received } = server.stats().messages;
  assert.ok(received <= tookMs / 5 + 1, `${received} in ${tookMs} ms`);
});

test('CM-08: fan-out counts deliveries, and the time until the last recipient of each turn', async (t) => {
  const { url } = await serverOf(t, 'relay');
  const { code, report, io } = await bench([url, ...QUICK, '-m', 'fan-out', '-c', '20', '--publishes', '4']);
  assert.equal(code, 0, io.errLines.join());
  assert.equal(report.connections, 20);
  const turns = report.lastRecipientMs?.count ?? 0;
  assert.ok(turns > 0);
  assert.ok(Math.abs(report.messages - turns * 80) <= 80, `${report.messages} in ${turns} turns`);
});

for (const [flags, what] of [
  [[], 'each aborted at once'],
  [['--keep', '10'], 'ten kept open'],
] as const) {
  test(`CM-08: handshake counts connections, ${what}`, async (t) => {
    const { url, server } = await serverOf(t, 'silent');
    const { code, report } = await bench([url, ...QUICK, '-m', 'handshake', '-c', '4', ...flags]);
    assert.equal(code, 0);
    assert.ok(report.messages > 0);
    const { opened, peak } = server.stats().connections;
    assert.ok(opened >= report.messages);
    if (flags.length > 0) assert.ok(peak >= Math.min(10, report.messages), String(peak));
    await waitUntil(() => server.stats().connections.now === 0, PATIENT);
  });
}

test('CM-08: idle reports the memory of the server process per connection', async (t) => {
  const { url, server } = await serverOf(t, 'echo');
  const pid = String(process.pid);
  const { code, report } = await bench([
    url,
    ...SHORT,
    '-m',
    'idle',
    '-c',
    '30',
    '--traffic',
    '3',
    '--pid',
    pid,
  ]);
  assert.equal(code, 0);
  assert.equal(report.connections, 30);
  assert.equal(typeof report.server?.['rssBytesPerConnection'], 'number');
  assert.equal(typeof report.server?.['rssBytesPerConnectionAfterTraffic'], 'number');
  assert.equal(server.stats().messages.received, 90);
});

const OF_THIS_PROCESS = ['--pid', String(process.pid)];
for (const [title, args] of [
  ['handshake', ['--warm-up-ms', '10']],
  ['handshake --keep 10', ['--warm-up-ms', '10', '--keep', '10']],
  ['idle', OF_THIS_PROCESS],
  ['idle --traffic 3', [...OF_THIS_PROCESS, '--traffic', '3', '--size', '5']],
] as const) {
  test(`CM-08: greetings of the server are ignored: ${title}`, async (t) => {
    const { url, server } = await serverOf(t, 'echo');
    server.on('connection', (connection) => {
      connection.send('welcome');
      connection.send(Buffer.alloc(100_000));
    });
    const [mode = ''] = title.split(' ');
    const { code, report, io } = await bench([url, ...SHORT, '-m', mode, '-c', '4', ...args]);
    assert.equal(code, 0, io.errLines.join());
    assert.deepEqual(report.failures, {});
    if (mode === 'handshake') assert.ok(report.messages > 0);
    else assert.equal(report.connections, 4);
  });
}

test('CM-08: TLS needs a trusted certificate', async (t) => {
  const credentials = selfSigned(['127.0.0.1'], Date.now());
  const { url } = await serverOf(t, 'echo', { tls: credentials });
  const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, credentials.cert);
  const trusted = await bench([url, ...QUICK, '-c', '3', '--ca', ca]);
  assert.equal(trusted.code, 0, trusted.io.errLines.join());
  assert.ok(trusted.report.messages > 0);
  const strange = await bench([url, ...QUICK, '-c', '3']);
  assert.equal(strange.code, 1);
  assert.match(strange.io.errLines.join(), /no connection was opened: .*SELF_SIGNED/);
  const insecure = await bench([url, ...QUICK, '-c', '3', '--insecure']);
  assert.equal(insecure.code, 0);
  assert.match(insecure.io.errLines[0] ?? '', /warning: --insecure/);
});

test('CM-03: headers, origin, credentials and subprotocols reach the server', async (t) => {
  const seen: (string | undefined)[] = [];
  const { url } = await serverOf(t, 'echo', {
    protocols: ['v2'],
    allowedOrigins: ['https://app.example'],
    upgrade: ({ request }) => {
      seen.push(request.headers['x-tenant'], request.headers['authorization']);
      return {};
    },
  });
  const flags = ['-H', 'X-Tenant: a', '--origin', 'https://app.example', '--auth', 'u:p', '--protocol', 'v2'];
  const { code, io } = await bench([url, ...QUICK, '-c', '1', ...flags]);
  assert.equal(code, 0, io.errLines.join());
  assert.deepEqual(seen, ['a', `Basic ${Buffer.from('u:p').toString('base64')}`]);
});

/** Above the largest process id of Linux. */
const NOBODY = '4194305';
for (const [what, args, sentence] of [
  ['--pid of a process that does not exist', ['--pid', NOBODY], `there are no figures of process ${NOBODY}`],
  ['idle, with such a --pid', ['-m', 'idle', '--pid', NOBODY], `there are no figures of process ${NOBODY}`],
  [
    'a fan-out without a delivery, although no answer is late',
    ['-m', 'fan-out'],
    'no message came back; does it send each message to all other connections?',
  ],
] as const) {
  test(`CM-08: ${what} causes exit 1 and one sentence`, async (t) => {
    const { url } = await serverOf(t, 'echo');
    const { code, io } = await bench([url, ...SHORT, '-c', '2', ...args]);
    assert.equal(code, 1);
    assert.ok(io.errLines.at(-1)?.includes(sentence), io.errLines.join());
  });
}

test('CM-08: a missed threshold prints one sentence and exits with 3', async (t) => {
  const { url } = await serverOf(t, 'echo');
  const missed = await bench([url, ...QUICK, '-c', '2', '--min-rate', '1000000000']);
  assert.equal(missed.code, 3);
  assert.match(missed.io.errLines.join(), /the rate is [\d,]+ per second; --min-rate demands 1,000,000,000/);
  const met = await bench([url, ...QUICK, '-c', '2', '--min-rate', '1', '--max-p99-ms', '100000']);
  assert.equal(met.code, 0);
});

test('CM-08: Ctrl-C closes the connections, prints the measurements so far, and exits with 130', async (t) => {
  const { url, server } = await serverOf(t, 'echo');
  const io = fakeIo();
  const run = runCommandLine(
    ['bench', url, '--warm-up-ms', '0', '--duration', '600', '-c', '5'],
    io,
    '0.0.0',
  );
  await waitUntil(() => server.stats().messages.received > 100, PATIENT);
  io.interrupt();
  assert.equal(await run, 130);
  assert.match(io.outLines.join('\n'), /interrupted: the figures end at the interrupt/);
  assert.match(io.outLines.join('\n'), /\([\d,]+ in total\)/);
});

test('CM-08: Ctrl-C while connecting exits with 130', async (t) => {
  const hole = await rawServer(t, () => undefined);
  const io = fakeIo();
  const run = runCommandLine(['bench', hole, '-c', '2'], io, '0.0.0');
  await waitUntil(() => connectionsOf.get(hole)!.size > 0, PATIENT);
  io.interrupt();
  assert.equal(await run, 130);
});

/** Servers that cannot be measured, and the error for each. */
const BAD: readonly (readonly [what: string, answer: (socket: Socket, key: string) => void, says: RegExp])[] =
  [
    [
      'refuses with 403',
      (socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'),
      /no connection was opened: the server did not accept the handshake: status 403 .*, 2 times/,
    ],
    ['does not speak HTTP', (socket) => socket.end('220 mail.example\r\n\r\n'), /not well-formed HTTP/],
    [
      'sends the accept value of another key',
      (socket) => upgraded(socket, 'AAAAAAAAAAAAAAAAAAAAAA=='),
      /its Sec-WebSocket-Accept does not belong to our key/,
    ],
    ['closes without an answer', (socket) => socket.end(), /the server ended the connection/],
    [
      'sends other messages back',
      (socket, key) => {
        upgraded(socket, key);
        socket.on('data', () => socket.write(text('no', { mask: false })));
      },
      /an answer differs from the message that was sent/,
    ],
    [
      'sends the bytes back, still masked',
      (socket, key) => {
        upgraded(socket, key);
        socket.on('data', (chunk) => socket.write(chunk));
      },
      /the server sent an invalid frame: .*mask/i,
    ],
    [
      'answers a text message with a binary one',
      (socket, key) => {
        upgraded(socket, key);
        socket.on('data', () => socket.write(binary('no', { mask: false })));
      },
      /a text message came back as binary/,
    ],
    [
      'closes every connection',
      (socket, key) => {
        upgraded(socket, key);
        socket.once('data', () => socket.end(Buffer.of(0x88, 2, 0x03, 0xf0)));
      },
      /all connections were lost: the server closed with 1008, 2 times/,
    ],
  ];
for (const [what, answer, says] of BAD) {
  test(`CM-08: a server that ${what} causes exit 1 and one sentence`, async (t) => {
    const url = await rawServer(t, answer);
    const { code, io } = await bench([url, ...SHORT, '-c', '2', '--warm-up-ms', '60000']);
    assert.equal(code, 1);
    assert.equal(io.errLines.length, 1, io.errLines.join());
    assert.match(io.errLines[0] ?? '', says);
    assert.deepEqual(io.outLines, []);
  });
}

test('CM-08: a server that does not answer causes exit 1, and the error asks for an echo server', async (t) => {
  const { url } = await serverOf(t, 'silent');
  const { code, io } = await bench([url, '--timeout-ms', '2000', '--duration', '600']);
  assert.equal(code, 1);
  assert.match(io.errLines.join(), /the server has not answered for 2000 ms; is it an echo server\?/);
});

for (const mode of ['echo', 'fan-out'] as const) {
  const behaviour = mode === 'echo' ? 'echo' : 'relay';
  const flags = [...QUICK, '-m', mode, '-c', '4', '-s', '3000', '--compress'];
  test(`CM-08: ${mode} of compressed messages`, async (t) => {
    const { url } = await serverOf(t, behaviour, { perMessageDeflate: { thresholdBytes: 16 } });
    const { code, report, io } = await bench([url, ...flags]);
    assert.equal(code, 0, io.errLines.join());
    assert.ok(report.messages > 0);
    assert.equal(report['compress'], true);
  });
  test(`CM-08: ${mode} of compressed messages with a server that does not compress prints one sentence`, async (t) => {
    const { url } = await serverOf(t, behaviour);
    const { code, io } = await bench([url, ...flags]);
    assert.equal(code, 1);
    assert.match(io.errLines.join(), /did not agree to permessage-deflate/);
  });
}

test('CM-08: a server with context takeover causes one sentence: its answers cannot be compared', async (t) => {
  const url = await rawServer(t, (socket, key) => {
    socket.write(renderUpgrade({ key, protocol: '', extensions: 'permessage-deflate' }), 'latin1');
  });
  const { code, io } = await bench([url, ...QUICK, '--compress']);
  assert.equal(code, 1);
  assert.match(io.errLines.join(), /uses context takeover .* without --compress/);
});

for (const mode of ['echo', 'handshake'] as const) {
  test(`CM-03 CM-08: ${mode} through a proxy, with TLS inside`, async (t) => {
    const credentials = selfSigned(['localhost'], Date.now());
    const proxy = await tunnelProxy(t);
    const server = new WebSocketServer({ tls: credentials });
    server.on('message', (connection, message) => void connection.send(message));
    const { port } = await server.listen(0, '127.0.0.1');
    atEnd(t, () => server.shutdown());
    const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, credentials.cert);
    const flags = ['-m', mode, '-c', '3', '--proxy', proxy.url, '--ca', ca];
    const { code, report, io } = await bench([`wss://localhost:${port}/`, ...QUICK, ...flags]);
    assert.equal(code, 0, io.errLines.join());
    assert.ok(report.messages > 0);
    assert.ok(proxy.heads.length >= 3);
  });
}

test('CM-03 CM-08: a proxy that refuses or does not answer causes one sentence', async (t) => {
  const refusing = await tunnelProxy(t, {
    answer: (socket) => void socket.end('HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno'),
  });
  const refused = await bench(['ws://localhost:1/', ...QUICK, '-c', '2', '--proxy', refusing.url]);
  assert.equal(refused.code, 1);
  assert.match(refused.io.errLines.join(), /the proxy did not open a tunnel: status 403/);
  const hanging = await tunnelProxy(t, { answer: () => undefined });
  const flags = ['--timeout-ms', '100', '--duration-ms', '50', '-c', '2', '--proxy', hanging.url];
  const late = await bench(['ws://localhost:1/', ...flags]);
  assert.equal(late.code, 1);
  assert.match(late.io.errLines.join(), /no connection was opened/);
});

test('CM-08: over a Unix socket', async (t) => {
  const leaks = leakCheck();
  const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-'));
  const server = new WebSocketServer();
  server.on('message', (connection, message) => void connection.send(message));
  await server.listen({ path: join(folder, 'socket') });
  t.after(async () => {
    await server.shutdown();
    rmSync(folder, { recursive: true });
    await leaks.assertNothingLeft({ withinMs: 20_000 });
  });
  const { code, report, io } = await bench([`ws+unix:${join(folder, 'socket')}:/`, ...QUICK, '-c', '4']);
  assert.equal(code, 0, io.errLines.join());
  assert.ok(report.messages > 0);
});

test('CM-08: a host name that does not exist causes exit 1 and one sentence', async () => {
  const { code, io } = await bench(['ws://hawser.invalid/', ...QUICK, '--yes']);
  assert.equal(code, 1);
  assert.match(
    io.errLines.join(),
    /^hawser: no connection was opened: the host name of hawser\.invalid does not exist/,
  );
});

test('CM-08: failed connections next to open ones are counted and cause exit 1', async (t) => {
  const { url } = await serverOf(t, 'echo', { maxConnections: 3 });
  const { code, report } = await bench([url, ...QUICK, '-c', '5']);
  assert.equal(code, 1);
  assert.equal(report.connections, 3);
  assert.deepEqual(Object.values(report.failures), [2]);
  assert.match(Object.keys(report.failures).join(), /did not accept the handshake: status 503/);
});
