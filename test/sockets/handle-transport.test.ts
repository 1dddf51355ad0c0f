import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../src/index.ts';
import { leakCheck, waitUntil } from '../../src/testing/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import { SocketChecks } from '../../src/sockets/handle-check.ts';
import { type HandleTransport, takeHandles } from '../../src/sockets/handle-transport.ts';
import { NodeSockets } from '../../src/sockets/node-handle.ts';
import { CHECKS, collected, ENGINE, KINDS, Log, pairs } from './pairs.ts';

interface Tunable {
  setNoDelay: (this: Tunable, on: boolean) => number;
  setKeepAlive: (this: Tunable, on: boolean, afterSeconds: number) => number;
}

test('the self-checks pass on this Node, run once per engine, and leave nothing open', async () => {
  const leaks = leakCheck();
  const [checks, other] = [new Engine(), new Engine()].map((engine) => engine.part(SocketChecks));
  assert.ok(await checks!.checkHandles());
  assert.ok(checks!.areHandlesUsable);
  for (const encrypted of [false, true]) {
    assert.equal(checks!.prepareSockets(encrypted), checks!.prepareSockets(encrypted));
    assert.ok(await checks!.checkSockets(encrypted));
    assert.ok(checks!.areSocketsUsable(encrypted));
    assert.ok(!other!.areSocketsUsable(encrypted), 'another engine has no results yet');
  }
  assert.ok(await checks!.checkDials());
  assert.ok(checks!.areDialsUsable && !other!.areDialsUsable);
  assert.ok(!other!.areHandlesUsable);
  await leaks.assertNothingLeft({ withinMs: 5_000 });
});

for (const kind of KINDS.filter(({ dial }) => dial === undefined)) {
  test(`${kind.name}: a Unix socket works the same way and has no address`, {
    skip: process.platform === 'win32' ? 'needs Unix sockets' : false,
  }, async (t) => {
    const path = join(tmpdir(), `hawser-${process.pid}-${KINDS.indexOf(kind)}.sock`);
    const { transport, log, peer } = await (await pairs(t, kind, path))();
    const got = collected(peer);
    assert.deepEqual([transport.remoteAddress, transport.remotePort], ['', 0]);
    peer.write('x');
    await waitUntil(() => log.bytes.toString() === 'x');
    transport.write([Buffer.from('y')]);
    await waitUntil(() => got.bytes === 1);
    peer.end();
    await waitUntil(() => log.ended);
  });
}

for (const kind of KINDS.filter(({ name }) => name.includes('handle'))) {
  for (const size of [5, 8_000_000]) {
    test(`${kind.name}: after the peer has ended, end() sends ${size} bytes and closes${size < 100 ? ', without a shutdown' : ''}`, async (t) => {
      const { transport, log, peer } = await (await pairs(t, kind))();
      const { Handle } = ENGINE.part(NodeSockets).findings!.dialling!;
      const shutdown = t.mock.method(Handle.prototype, 'shutdown').mock;
      const got = collected(peer);
      const ended = once(peer, 'end');
      peer.end('x');
      await waitUntil(() => log.ended);
      const before = shutdown.callCount();
      transport.write([Buffer.alloc(size, 'y')]);
      assert.equal(transport.blocked, size > 100);
      transport.end();
      await ended;
      await waitUntil(() => log.ends.length === 1);
      assert.deepEqual([got.bytes, log.ends], [size, [undefined]]);
      assert.equal(shutdown.callCount() - before, size > 100 ? 1 : 0);
    });
  }
}

for (const inherits of [true, false]) {
  test(`TCP_NODELAY and keep-alive are set ${inherits ? 'on the listening socket if accepted sockets inherit them' : 'on each accepted socket if they do not inherit them'}`, async (t) => {
    await CHECKS.checkHandles();
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { _handle: listening } = server as unknown as { readonly _handle: Tunable };
    const kind = Object.getPrototypeOf(listening) as Tunable;
    const { setNoDelay, setKeepAlive } = kind;
    const set: string[] = [];
    const nameOf = (handle: unknown): string => (handle === listening ? 'listening' : 'accepted');
    kind.setNoDelay = function (on) {
      set.push(`${nameOf(this)} noDelay ${on}`);
      return setNoDelay.call(this, on);
    };
    kind.setKeepAlive = function (on, seconds) {
      set.push(`${nameOf(this)} keepAlive ${on} ${seconds}`);
      return setKeepAlive.call(this, on, seconds);
    };
    if (!inherits) listening.setNoDelay = () => -1;
    const opened: HandleTransport[] = [];
    t.after(() => {
      Object.assign(kind, { setNoDelay, setKeepAlive });
      for (const transport of opened) transport.destroy();
      server.close();
    });
    assert.ok(takeHandles(server, ENGINE, (open) => void opened.push(open(new Log()))));
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    t.after(() => peer.destroy());
    await waitUntil(() => opened.length === 1);
    const each = ['accepted noDelay true', 'accepted keepAlive true 60'];
    const onListening =
      process.platform === 'linux' ? ['listening noDelay true', 'listening keepAlive true 60'] : [];
    const expected =
      inherits && process.platform === 'linux' ? onListening : [...onListening.slice(1), ...each];
    assert.deepEqual(set, expected);
  });
}

test('handles are not taken from a server that does not listen or has another onconnection; it works as before', async (t) => {
  await CHECKS.checkHandles();
  const never = (): never => {
    throw new Error('a handle was taken');
  };
  const sockets = createServer();
  t.after(() => sockets.close());
  assert.equal(takeHandles(sockets, ENGINE, never), false, 'the server does not listen');
  sockets.listen(0, '127.0.0.1');
  await once(sockets, 'listening');
  const { _handle: handle } = sockets as unknown as { readonly _handle: { onconnection: unknown } };
  const { onconnection } = handle;
  handle.onconnection = undefined;
  assert.equal(takeHandles(sockets, ENGINE, never), false, 'the server accepts connections itself');
  assert.equal(handle.onconnection, undefined);
  handle.onconnection = onconnection;
  const accepted = once(sockets, 'connection') as Promise<[Socket]>;
  const peer = connect((sockets.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await accepted;
  socket.end('a normal socket');
  const [greeting] = (await once(peer, 'data')) as [Buffer];
  assert.equal(greeting.toString(), 'a normal socket');
  peer.destroy();
});

for (const tls of [undefined, selfSigned(['localhost'], Date.now())]) {
  test(`option transport, ${tls ? 'TLS' : 'TCP'}: stats().transport names the transport; 'stream' uses streams only`, async (t) => {
    const server = new WebSocketServer({ tls });
    const plain = new WebSocketServer({ tls, transport: 'stream' });
    t.after(() => Promise.all([server.shutdown(), plain.shutdown()]));
    assert.equal(server.stats().transport, 'stream');
    await Promise.all([server.listen(0, '127.0.0.1'), plain.listen(0, '127.0.0.1')]);
    assert.equal(server.stats().transport, 'handle');
    assert.equal(plain.stats().transport, 'stream');
  });
}

for (const flags of [[], ['--pending-deprecation', '--trace-warnings', '--throw-deprecation']]) {
  test(`an echo prints no warning, and the process exits by itself: node ${flags.join(' ')}`, () => {
    const index = new URL('../../src/index.js', import.meta.url).href;
    const program = `
      const { connect, WebSocketServer } = await import(${JSON.stringify(index)});
      const server = new WebSocketServer({ perMessageDeflate: { thresholdBytes: 1 } });
      server.on('message', (connection, message) => void connection.send(message));
      const { port } = await server.listen(0, '127.0.0.1');
      const client = await connect('ws://127.0.0.1:' + port, { perMessageDeflate: { thresholdBytes: 1 } });
      client.send('hello, '.repeat(100));
      for await (const message of client) if (message.length === 700) break;
      client.close();
      await client.closed;
      process.stdout.write(server.stats().transport);
      await server.shutdown();`;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...flags, '--input-type=module', '-e', program],
      { encoding: 'utf8', timeout: 30_000 },
    );
    assert.deepEqual({ stdout, stderr, status }, { stdout: 'handle', stderr: '', status: 0 });
  });
}
