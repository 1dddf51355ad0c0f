import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { eventLoopTurns, leakCheck, seededRandom, waitUntil } from '../../src/testing/index.ts';
import { checkHandles, handlesUsable } from '../../src/transport/handle-check.ts';
import { type HandleTransport, takeHandles } from '../../src/transport/handle-transport.ts';
import type { TransportOwner } from '../../src/transport/transport.ts';
import { WebSocketServer } from '../../src/index.ts';

/** What a transport said, in order. */
class Log implements TransportOwner {
  bytes = Buffer.alloc(0);
  ended = false;
  writableCalls = 0;
  ends: (Error | undefined)[] = [];
  onReceived: (chunk: Buffer) => void = () => {};
  received(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    this.onReceived(chunk);
    // Whoever gets a chunk may do this with it, and the next one is not to be bothered.
    chunk.fill(0xaa);
  }
  receivedEnd(): void {
    this.ended = true;
  }
  writable(): void {
    this.writableCalls++;
  }
  closed(error: Error | undefined): void {
    this.ends.push(error);
  }
}

interface Pair {
  readonly transport: HandleTransport;
  readonly log: Log;
  readonly peer: Socket;
}

/** Connections between a handle and a socket, all gone when the test is over. */
async function pairs(t: TestContext, path?: string): Promise<() => Promise<Pair>> {
  assert.ok(await checkHandles());
  const leaks = leakCheck();
  const server = createServer();
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  const accepted: HandleTransport[] = [];
  const logs: Log[] = [];
  assert.ok(
    takeHandles(server, (open) => {
      const log = new Log();
      logs.push(log);
      accepted.push(open(log));
    }),
  );
  const peers: Socket[] = [];
  t.after(async () => {
    for (const peer of peers) peer.destroy();
    for (const transport of accepted) transport.destroy();
    server.close();
    await waitUntil(() => logs.every((log) => log.ends.length === 1));
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  return async () => {
    const at = accepted.length;
    const peer = connect(path === undefined ? { port: (server.address() as AddressInfo).port } : { path });
    peers.push(peer.on('error', () => {}));
    await waitUntil(() => accepted.length > at);
    return { transport: accepted[at]!, log: logs[at]!, peer };
  };
}

/** Collects what a socket receives. */
function collected(peer: Socket): { bytes: number; readonly chunks: Buffer[] } {
  const all = { bytes: 0, chunks: [] as Buffer[] };
  peer.on('data', (chunk: Buffer) => {
    all.chunks.push(chunk);
    all.bytes += chunk.length;
  });
  return all;
}

test('the check passes on this Node, once, and leaves nothing open', async () => {
  const leaks = leakCheck();
  assert.ok(await checkHandles());
  assert.ok(handlesUsable());
  assert.equal(checkHandles(), checkHandles());
  await leaks.assertNothingLeft({ withinMs: 5_000 });
});

test('bytes go both ways, small and large, in one piece or in several', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  const answer = collected(peer);
  assert.equal(transport.remoteAddress, '127.0.0.1');
  assert.equal(transport.remotePort, peer.localPort);
  const sent = Buffer.from(seededRandom(7).bytes(300_000));
  peer.write(sent);
  await waitUntil(() => log.bytes.length === sent.length);
  assert.deepEqual(log.bytes, sent);
  transport.write([sent.subarray(0, 10)]);
  transport.write([sent.subarray(10, 11), sent.subarray(11, 70_000), sent.subarray(70_000)]);
  await waitUntil(() => answer.bytes === sent.length);
  assert.deepEqual(Buffer.concat(answer.chunks), sent);
});

test('two connections that are read in turn do not see each other’s bytes', async (t) => {
  const next = await pairs(t);
  const [one, two] = [await next(), await next()];
  for (let i = 0; i < 50; i++) {
    one.peer.write(`one ${i};`);
    two.peer.write(`two ${i};`);
    await waitUntil(() => two.log.bytes.toString().endsWith(`two ${i};`));
  }
  await waitUntil(() => one.log.bytes.toString().endsWith('one 49;'));
  assert.equal(one.log.bytes.toString(), Array.from({ length: 50 }, (_, i) => `one ${i};`).join(''));
  assert.equal(two.log.bytes.toString(), Array.from({ length: 50 }, (_, i) => `two ${i};`).join(''));
});

test('a write that the kernel does not take whole waits, is counted, and arrives; the memory is kept until then', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  peer.pause();
  let written = 0;
  while (!transport.blocked) {
    transport.write([Buffer.alloc(100_000, written / 100_000), Buffer.alloc(1, 0xff)]);
    written += 100_001;
  }
  const { bufferedBytes } = transport;
  assert.ok(bufferedBytes > 0 && bufferedBytes <= 100_001, String(bufferedBytes));
  assert.equal(log.writableCalls, 0);
  const got = collected(peer);
  peer.resume();
  await waitUntil(() => got.bytes === written);
  await waitUntil(() => log.writableCalls === 1);
  assert.equal(transport.blocked, false);
  assert.equal(transport.bufferedBytes, 0);
  const bytes = Buffer.concat(got.chunks);
  for (let at = 0, i = 0; at < written; at += 100_001, i++) {
    assert.equal(bytes[at], i & 0xff);
    assert.equal(bytes[at + 99_999], i & 0xff);
    assert.equal(bytes[at + 100_000], 0xff);
  }
});

test('end: what waits goes out first, then our half ends; the other one stays open', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  peer.allowHalfOpen = true;
  peer.pause();
  let written = 0;
  for (const chunk = Buffer.alloc(100_000); !transport.blocked; written += chunk.length)
    transport.write([chunk]);
  transport.end();
  transport.write([Buffer.alloc(10)]);
  const got = collected(peer);
  let ended = false;
  peer.on('end', () => {
    ended = true;
  });
  peer.resume();
  await waitUntil(() => ended);
  assert.equal(got.bytes, written);
  peer.write('still here');
  await waitUntil(() => log.bytes.toString() === 'still here');
  assert.deepEqual(log.ends, []);
  peer.end();
  await waitUntil(() => log.ends.length > 0);
  assert.ok(log.ended);
  assert.deepEqual(log.ends, [undefined]);
});

test('the peer ends first: we may go on writing until we end, too', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  peer.allowHalfOpen = true;
  const got = collected(peer);
  peer.end('last');
  await waitUntil(() => log.ended);
  assert.equal(log.bytes.toString(), 'last');
  transport.write([Buffer.from('answer')]);
  transport.resume();
  transport.end();
  transport.end();
  await waitUntil(() => log.ends.length > 0);
  assert.deepEqual(log.ends, [undefined]);
  assert.equal(Buffer.concat(got.chunks).toString(), 'answer');
});

test('paused, nothing arrives; resumed, everything does', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  log.onReceived = () => transport.pause();
  peer.write('first');
  await waitUntil(() => log.bytes.length > 0);
  peer.write('second');
  await eventLoopTurns(20);
  assert.equal(log.bytes.toString(), 'first');
  transport.pause();
  transport.resume();
  transport.resume();
  await waitUntil(() => log.bytes.toString() === 'firstsecond');
});

test('a reset is an error with the code of the system, told once', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  peer.write('x');
  await waitUntil(() => log.bytes.length > 0);
  peer.resetAndDestroy();
  await waitUntil(() => log.ends.length > 0);
  assert.equal((log.ends[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  transport.write([Buffer.from('y')]);
  transport.pause();
  transport.resume();
  transport.end();
  transport.destroy();
  await eventLoopTurns(5);
  assert.equal(log.ends.length, 1);
  assert.equal(transport.bufferedBytes, 0);
});

test('destroyed while bytes wait, and from inside a read: told once, later, and without error', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  peer.pause();
  while (!transport.blocked) transport.write([Buffer.alloc(1_000_000)]);
  log.onReceived = () => {
    transport.destroy();
    assert.deepEqual(log.ends, []);
  };
  peer.write('x');
  await waitUntil(() => log.ends.length > 0);
  await eventLoopTurns(5);
  assert.deepEqual(log.ends, [undefined]);
  assert.equal(transport.bufferedBytes, 0);
  assert.equal(log.writableCalls, 0);
});

test('handTo and standFor: another owner from now on, another peer', async (t) => {
  const { transport, log, peer } = await (await pairs(t))();
  const heir = new Log();
  peer.write('x');
  await waitUntil(() => log.bytes.length > 0);
  assert.equal(transport.handTo(heir), transport);
  transport.standFor('192.0.2.1');
  assert.deepEqual([transport.remoteAddress, transport.remotePort], ['192.0.2.1', 0]);
  peer.write('y');
  await waitUntil(() => heir.bytes.toString() === 'y');
  transport.handTo(log);
});

test('a Unix socket works the same, and has no address', {
  skip: process.platform === 'win32',
}, async (t) => {
  const path = join(tmpdir(), `hawser-${process.pid}.sock`);
  const { transport, log, peer } = await (await pairs(t, path))();
  const got = collected(peer);
  assert.deepEqual([transport.remoteAddress, transport.remotePort], ['', 0]);
  peer.write('x');
  await waitUntil(() => log.bytes.toString() === 'x');
  transport.write([Buffer.from('y')]);
  await waitUntil(() => got.bytes === 1);
  peer.end();
  await waitUntil(() => log.ended);
});

test('option transport: stats say what is below; stream asks for nothing else', async (t) => {
  const server = new WebSocketServer();
  const plain = new WebSocketServer({ transport: 'stream' });
  t.after(() => Promise.all([server.shutdown(), plain.shutdown()]));
  assert.equal(server.stats().transport, 'stream');
  await Promise.all([server.listen(0, '127.0.0.1'), plain.listen(0, '127.0.0.1')]);
  assert.equal(server.stats().transport, 'handle');
  assert.equal(plain.stats().transport, 'stream');
});

test('nothing is printed, not even with pending deprecations, and the process ends by itself', () => {
  const index = new URL('../../src/index.js', import.meta.url).href;
  const program = `
    const { WebSocketServer } = await import(${JSON.stringify(index)});
    const server = new WebSocketServer();
    await server.listen(0, '127.0.0.1');
    process.stdout.write(server.stats().transport);
    await server.shutdown();`;
  const args = ['--pending-deprecation', '--trace-warnings', '--throw-deprecation', '--input-type=module'];
  const output = execFileSync(process.execPath, [...args, '-e', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  });
  assert.equal(output, 'handle');
});
