import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { type RefusedInfo, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { RawClient, text, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import type { LogFields } from '../../../src/engine/logger.ts';
import { nextText } from '../live.ts';

const OURS = selfSigned(['localhost'], Date.now());
const LINE = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n');
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const BINARY = Buffer.concat([
  SIGNATURE,
  Buffer.from([0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x67, 0x01, 0xbb]),
]);
const LOCAL = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);
const UNKNOWN = Buffer.from('PROXY UNKNOWN\r\n');

interface Proxied {
  readonly server: WebSocketServer;
  readonly refusals: RefusedInfo[];
  /** Log lines of refusals. */
  readonly details: string[];
  /** A TCP connection from a proxy. */
  readonly dial: () => Promise<Socket>;
  /** A client behind a proxy that sends these bytes first. */
  readonly behind: (header: Uint8Array) => Promise<RawClient>;
}

async function proxied(t: TestContext, options: ServerOptions, path?: string): Promise<Proxied> {
  const details: string[] = [];
  const note = (fields: LogFields): void => void details.push(String(fields['detail']));
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: note, warn: note, error: note };
  const server = new WebSocketServer({ proxyProtocol: ['127.0.0.1'], logger, ...options });
  server.on('message', (connection, message) => void connection.send(message));
  const refusals: RefusedInfo[] = [];
  server.on('refused', (info) => void refusals.push(info));
  const where = path === undefined ? await server.listen(0, '127.0.0.1') : await server.listen({ path });
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.shutdown({ timeoutMs: 2_000 });
    assert.equal(server.stats().handshakes.pending, 0);
  });
  const dial = async (): Promise<Socket> => {
    const socket =
      typeof where === 'string' ? connectTcp(where) : connectTcp({ port: where.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  return {
    server,
    refusals,
    details,
    dial,
    behind: async (header) => {
      const socket = await dial();
      socket.write(header);
      if (options.tls === undefined) return RawClient.over(socket);
      return RawClient.over(connectTls({ socket, ca: OURS.cert, servername: 'localhost' }));
    },
  };
}

const SETTINGS = [
  ['TCP', {}],
  ['TCP over streams', { transport: 'stream' }],
  ['TLS', { tls: OURS }],
  ['TLS over streams', { tls: OURS, transport: 'stream' }],
] as const;

for (const [setting, options] of SETTINGS) {
  for (const [what, header, address, port] of [
    ['version 1', LINE, '192.0.2.1', 4711],
    ['version 2', BINARY, '192.0.2.1', 4711],
    ['LOCAL', LOCAL, '127.0.0.1', undefined],
    ['UNKNOWN', UNKNOWN, '127.0.0.1', undefined],
  ] as const) {
    test(`RT-07: ${setting}, ${what}: address and port are the client's in hook and connection, and messages pass`, async (t) => {
      const seen: unknown[] = [];
      const { server, behind, refusals } = await proxied(t, {
        ...options,
        upgrade: ({ remoteAddress, secure }) => void seen.push([remoteAddress, secure]),
      });
      const client = await behind(header);
      assert.equal((await client.upgrade()).status, 101);
      assert.deepEqual(seen, [[address, 'tls' in options]]);
      const [connection] = server.connections;
      assert.equal(connection!.remoteAddress, address);
      if (port !== undefined) assert.equal(connection!.remotePort, port);
      client.send(text('hello'));
      assert.equal(await nextText(client), 'hello');
      client.send(text('x'.repeat(100)));
      assert.equal(await nextText(client), 'x'.repeat(100));
      assert.deepEqual(refusals, []);
      assert.equal(server.stats().transport, 'transport' in options ? 'stream' : server.stats().transport);
      client[Symbol.dispose]();
      await waitUntil(() => server.connections.size === 0);
    });
  }

  test(`RT-07: ${setting}: header and request arrive byte by byte, or in one chunk`, async (t) => {
    const { server, dial, behind, refusals } = await proxied(t, options);
    const socket = await dial();
    socket.setNoDelay(true);
    for (const byte of BINARY) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const secured =
      'tls' in options ? connectTls({ socket, ca: OURS.cert, servername: 'localhost' }) : socket;
    const slow = RawClient.over(secured);
    assert.equal((await slow.upgrade()).status, 101);
    const quick = await behind(LINE);
    assert.equal((await quick.upgrade()).status, 101);
    for (const { remoteAddress } of server.connections) assert.equal(remoteAddress, '192.0.2.1');
    assert.deepEqual(refusals, []);
    for (const client of [slow, quick]) client[Symbol.dispose]();
  });

  test(`RT-07 LM-03 HS-25: ${setting}: limits per address count the client, not the proxy`, async (t) => {
    const { behind, refusals, server } = await proxied(t, { ...options, maxConnectionsPerIp: 1 });
    const first = await behind(LINE);
    assert.equal((await first.upgrade()).status, 101);
    const second = await behind(BINARY);
    assert.equal((await second.upgrade()).status, 429);
    const other = await behind(Buffer.from('PROXY TCP4 192.0.2.2 198.51.100.2 1 443\r\n'));
    assert.equal((await other.upgrade()).status, 101);
    assert.deepEqual(
      refusals.map(({ code, remoteAddress }) => [code, remoteAddress]),
      [['ERR_IP_LIMIT', '192.0.2.1']],
    );
    for (const client of [first, second, other]) client[Symbol.dispose]();
    await waitUntil(() => server.connections.size === 0);
  });

  for (const [what, bytes, detail] of [
    ['missing', Buffer.from('GET / HTTP/1.1\r\n'), /missing/],
    ['malformed', Buffer.from('PROXY TCP4 nonsense\r\n'), /malformed: an address/],
    ['longer than 536 bytes', Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11, 2, 9])]), /536 bytes/],
    ['duplicated', Buffer.concat([LINE, LINE]), /a second PROXY protocol header \(version 1\)/],
    ['of mixed versions', Buffer.concat([BINARY, LINE]), /a second PROXY protocol header \(version 1\)/],
    ['of mixed versions, the other way', Buffer.concat([LINE, BINARY]), /header \(version 2\)/],
  ] as const) {
    test(`RT-07 SE-10: ${setting}: a header that is ${what}: closed without an answer, with a log line`, async (t) => {
      const { dial, refusals, details, server } = await proxied(t, options);
      const socket = await dial();
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
      socket.write(bytes);
      await once(socket, 'close');
      assert.deepEqual(chunks, []);
      assert.deepEqual(
        refusals.map(({ status, code }) => [status, code]),
        [[0, 'ERR_PROXY_HEADER']],
      );
      assert.match(details.join(), detail);
      assert.equal(server.stats().handshakes.refusedByCode['ERR_PROXY_HEADER'], 1);
      assert.equal(server.stats().handshakes.pending, 0);
    });
  }

  test(`RT-07 SE-10: ${setting}: a header from a sender that is not listed: closed, and the log names it`, async (t) => {
    const { dial, refusals, details, behind } = await proxied(t, {
      ...options,
      proxyProtocol: ['10.0.0.0/8'],
    });
    const socket = await dial();
    socket.resume();
    socket.write(BINARY);
    await once(socket, 'close');
    assert.deepEqual(
      refusals.map(({ status, code, remoteAddress }) => [status, code, remoteAddress]),
      [[0, 'ERR_PROXY_HEADER', '127.0.0.1']],
    );
    assert.match(details.join(), /PROXY protocol header \(version 2\), but is not in proxyProtocol/);
    const direct = await behind(Buffer.alloc(0));
    assert.equal((await direct.upgrade()).status, 101, 'without a header it is an ordinary client');
    direct[Symbol.dispose]();
  });

  test(`RT-07: ${setting}: a health check that only connects, or sends a header and disconnects, is not reported`, async (t) => {
    const { dial, refusals, server } = await proxied(t, options);
    for (const bytes of [Buffer.alloc(0), LOCAL]) {
      const socket = await dial();
      socket.resume();
      socket.end(bytes);
      await once(socket, 'close');
    }
    await waitUntil(() => server.stats().handshakes.pending === 0);
    assert.equal(refusals.length, 0);
    const cut = await dial();
    cut.resume();
    cut.end(LINE.subarray(0, 20));
    await once(cut, 'close');
    await waitUntil(() => refusals.length === 1);
    assert.equal(refusals[0]!.code, 'ERR_PROXY_HEADER');
  });

  test(`RT-07 HS-21: ${setting}: a socket without a header in time is closed, with a log line`, async (t) => {
    const clock = new VirtualClock();
    const { dial, refusals, details, server } = await proxied(t, { ...options, clock });
    const sockets = [await dial(), await dial(), await dial()];
    sockets[1]!.write(LINE.subarray(0, 9));
    sockets[2]!.write(LINE);
    for (const socket of sockets) socket.resume();
    await waitUntil(() => server.stats().handshakes.pending === 3 && clock.pendingTimers > 0);
    // The bytes are on their way.
    await waitUntil(() => server.stats().handshakes.pending === 3);
    for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);
    await waitUntil(() => refusals.length === 3);
    assert.deepEqual(refusals.map(({ code }) => code).sort(), [
      'ERR_HEAD_TIMEOUT',
      'ERR_PROXY_HEADER',
      'ERR_PROXY_HEADER',
    ]);
    assert.ok(details.some((detail) => detail.includes('no byte arrived')));
    assert.ok(details.some((detail) => detail.includes('did not arrive completely')));
    assert.equal(server.stats().handshakes.pending, 0);
  });

  test(`RT-07 HS-25 SE-06: ${setting}: places of unfinished headers are the proxy's, then the client's`, async (t) => {
    const { dial, refusals, server, behind } = await proxied(t, { ...options, maxPendingHandshakes: 4 });
    const greedy = [await dial(), await dial(), await dial(), await dial()];
    for (const socket of greedy) {
      socket.resume();
      socket.write(LINE);
    }
    await waitUntil(() => server.stats().handshakes.pending === 4);
    for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
    // A proxy that comes when all places are taken gets one of the client that holds most.
    const other = await behind(Buffer.from('PROXY TCP4 192.0.2.2 198.51.100.2 1 443\r\n'));
    assert.equal((await other.upgrade()).status, 101);
    assert.deepEqual(
      refusals.map(({ status, code, remoteAddress }) => [status, code, remoteAddress]),
      [[0, 'ERR_SERVER_FULL', '192.0.2.1']],
    );
    for (const socket of greedy) socket.destroy();
    other[Symbol.dispose]();
    await waitUntil(() => server.stats().handshakes.pending === 0);
  });

  test(`RT-07 HS-25: ${setting}: maxPendingHandshakesPerIp counts the client that a header names`, async (t) => {
    const { dial, refusals, server } = await proxied(t, { ...options, maxPendingHandshakesPerIp: 1 });
    const first = await dial();
    first.resume();
    first.write(LINE);
    await waitUntil(() => server.stats().handshakes.pending === 1);
    const second = await dial();
    second.resume();
    second.write(BINARY);
    await waitUntil(() => refusals.length === 1);
    assert.deepEqual(
      refusals.map(({ status, code, remoteAddress }) => [status, code, remoteAddress]),
      [[0, 'ERR_IP_LIMIT', '192.0.2.1']],
    );
    const reset = await dial();
    reset.write(Buffer.from('PROXY TCP4 192.0.2.7'));
    await waitUntil(() => server.stats().handshakes.pending === 2);
    for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
    reset.resetAndDestroy();
    await waitUntil(() => server.stats().handshakes.pending === 1);
    assert.deepEqual([refusals.length, refusals[1]?.code], [2, 'ERR_PROXY_HEADER']);
  });

  test(`RT-07 SD-01: ${setting}: a shutdown ends sockets whose header has not arrived`, async (t) => {
    const { dial, refusals, server } = await proxied(t, options);
    const socket = await dial();
    socket.resume();
    await waitUntil(() => server.stats().handshakes.pending === 1);
    await server.shutdown();
    assert.deepEqual(
      refusals.map(({ code }) => code),
      ['ERR_SHUTTING_DOWN'],
    );
  });

  test(`RT-07 RT-06: ${setting}: the client of a PROXY header may be a trusted proxy itself`, async (t) => {
    const { behind, server } = await proxied(t, { ...options, trustProxy: ['192.0.2.1'] });
    const client = await behind(BINARY);
    assert.equal((await client.upgrade({ headers: { 'X-Forwarded-For': '203.0.113.9' } })).status, 101);
    assert.equal([...server.connections][0]!.remoteAddress, '203.0.113.9');
    client[Symbol.dispose]();
  });

  test(`RT-07 LG-08: ${setting}: a header that arrives while the option is off is named in the log`, async (t) => {
    for (const header of [LINE, BINARY]) {
      const { dial, refusals, details } = await proxied(t, { ...options, proxyProtocol: false });
      const socket = await dial();
      socket.resume();
      socket.write(header);
      await once(socket, 'close');
      await waitUntil(() => refusals.length === 1);
      assert.equal(refusals[0]!.code, 'tls' in options ? 'ERR_TLS' : 'ERR_HEAD_SYNTAX');
      assert.match(details.join(), /PROXY protocol header.*option proxyProtocol/);
    }
  });

  test(`RT-07 EV-02: ${setting}: a proxy on a Unix socket is trusted, and its header is required`, {
    skip: process.platform === 'win32' ? 'needs Unix sockets' : false,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-proxy-header-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const { behind, dial, refusals, server } = await proxied(t, options, join(folder, 'socket'));
    const client = await behind(BINARY);
    assert.equal((await client.upgrade()).status, 101);
    const [connection] = server.connections;
    assert.deepEqual([connection!.remoteAddress, connection!.remotePort], ['192.0.2.1', 4711]);
    const without = await dial();
    without.resume();
    without.write('GET / HTTP/1.1\r\n');
    await once(without, 'close');
    assert.deepEqual(
      refusals.map(({ code }) => code),
      ['ERR_PROXY_HEADER'],
    );
    client[Symbol.dispose]();
  });
}
