import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../src/index.ts';
import { echoServer } from './echo-server.ts';
import { curl, fileOf, mojolicious, nodeClient, python } from './peers.ts';

const run = promisify(execFile);
const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].map((size) => [size, true, true]);

for (const scheme of ['ws', 'wss'] as const) {
  test(`TS-06: Python's websockets over ${scheme}: lengths, fragments, pings, close by either side`, {
    skip: python.skip,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const authority = join(folder, 'ca.pem');
    const tls = selfSigned(['127.0.0.1'], Date.now());
    writeFileSync(authority, tls.cert);
    const echo = await echoServer(t, { protocols: ['v2'], ...(scheme === 'wss' ? { tls } : {}) });
    const url = echo.url.replace('ws:', `${scheme}:`);
    const args = [fileOf('python_client.py'), url, ...(scheme === 'wss' ? [authority] : [])];
    const { stdout } = await run(python.peer!, args, { timeout: 90_000 });
    const { version, ...seen } = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(typeof version, 'string');
    assert.deepEqual(seen, {
      subprotocol: 'v2',
      sizes: SIZES,
      fragmented: 'fragmented',
      pong: true,
      after: 'after the ping',
      closed: [4001, ''],
      closedByServer: [4002, 'server'],
    });
    const [first, second] = [await echo.nextClose(), await echo.nextClose()];
    assert.deepEqual(
      [first.code, first.reason, first.wasClean, first.cause],
      [4001, 'bye', true, 'peer-close'],
    );
    assert.deepEqual([second.code, second.wasClean, second.cause], [4002, true, 'local-close']);
  });
}

test("TS-06: Node's built-in client: lengths, close by either side", { skip: nodeClient.skip }, async (t) => {
  const echo = await echoServer(t, { protocols: ['v2'] });
  const args = [...nodeClient.peer!, '--no-warnings', fileOf('node-client.mjs'), echo.url];
  const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout), {
    protocol: 'v2',
    sizes: SIZES,
    closed: [4001, '', true],
    closedByServer: [4002, 'server', true],
  });
  const { code, reason, wasClean } = await echo.nextClose();
  assert.deepEqual([code, reason, wasClean], [4001, 'bye', true]);
});

for (const [scheme, deflate] of [
  ['ws', false],
  ['wss', false],
  ['ws', true],
] as const) {
  test(`TS-06: Mojolicious over ${scheme}, compressed ${deflate}: lengths, fragments, close by either side`, {
    skip: mojolicious.skip,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const authority = join(folder, 'ca.pem');
    const tls = selfSigned(['127.0.0.1'], Date.now());
    writeFileSync(authority, tls.cert);
    const echo = await echoServer(t, {
      protocols: ['v2'],
      perMessageDeflate: deflate && { contextTakeover: true },
      ...(scheme === 'wss' ? { tls } : {}),
    });
    let pongs = 0;
    echo.server.on('connection', (connection) => void connection.on('pong', () => pongs++));
    const url = echo.url.replace('ws:', `${scheme}:`);
    const args = [fileOf('mojo_client.pl'), url, scheme === 'wss' ? authority : '', deflate ? '1' : ''];
    const { stdout } = await run(mojolicious.peer!, args, { timeout: 90_000 });
    assert.deepEqual(JSON.parse(stdout), {
      subprotocol: 'v2',
      compressed: deflate,
      sizes: deflate ? SIZES.slice(2) : SIZES,
      after: 'after the ping',
      fragmented: 'fragmented',
      closed: [4001, 'bye'],
      closedByServer: [4002, 'server'],
    });
    assert.equal(pongs, 1);
    const { code, reason, cause } = await echo.nextClose();
    assert.deepEqual([code, reason, cause], [4001, 'bye', 'peer-close']);
  });
}

test('RFC 9110 §7.8: curl --http2 gets normal responses from an HTTP server with an attached WebSocket server', {
  skip: curl.skip,
}, async (t) => {
  const web = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => void (body += String(chunk)));
    request.on('end', () => void response.end(`${request.method} ${body};`));
  });
  const server = new WebSocketServer().attach(web);
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await server.shutdown();
    web.closeAllConnections();
    web.close();
  });
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
  for (const [args, answer] of [
    [[url], 'GET ;'],
    [[url, url], 'GET ;GET ;'],
    [['--data', 'a=b', url], 'POST a=b;'],
    [['--data', 'x'.repeat(100_000), url], `POST ${'x'.repeat(100_000)};`],
  ] as const) {
    const { stdout } = await run(curl.peer!, ['--silent', '--http2', '--max-time', '60', ...args]);
    assert.equal(stdout, answer);
  }
});

test('TS-06 §1.3: curl completes the handshake, and is refused with another origin', {
  skip: curl.skip,
}, async (t) => {
  const { server, port } = await echoServer(t, {
    allowedOrigins: ['https://app.example'],
    closeTimeoutMs: 300,
  });
  server.on('connection', (connection) => {
    connection.send('ahoy');
    connection.close();
  });
  const ask = async (origin: string): Promise<string> => {
    const fields = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Origin: ${origin}`,
    ].flatMap((field) => ['-H', field]);
    const args = ['-siN', '--http1.1', '-m', '20', ...fields, `http://127.0.0.1:${port}/`];
    return (await run(curl.peer!, args, { encoding: 'latin1' })).stdout;
  };
  assert.match(await ask('https://evil.example'), /^HTTP\/1\.1 403 Forbidden\r\n/);
  const answer = await ask('https://app.example');
  assert.match(answer, /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/s);
  assert.ok(answer.endsWith('\r\n\r\n\x81\x04ahoy\x88\x02\x03\xe8'), JSON.stringify(answer));
});
