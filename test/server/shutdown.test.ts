import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join as joinPath } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { MisuseError, WebSocketServer } from '../../src/index.ts';
import { shutDown, type ShutdownOwner, shutdownSettings } from '../../src/server/shutdown.ts';
import {
  close,
  duplexPair,
  eventLoopTurns,
  RawClient,
  seededRandom,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';
import { closeCode, listening, live, nextText, upgradeRequest } from './live.ts';

test('SD-01 SD-02: shutdown sends buffered messages, then Close 1001; a peer that answers counts as closed', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  assert.equal(server.ready(), true);
  connection.send('last words');
  const report = server.shutdown();
  assert.equal(server.ready(), false);
  assert.equal(await nextText(raw), 'last words');
  const { payload } = await raw.nextFrame();
  assert.deepEqual([payload.readUInt16BE(), payload.toString('utf8', 2)], [1001, 'server shutting down']);
  raw.send(close(1001));
  raw.end();
  const { closed, forced } = await report;
  assert.deepEqual({ closed, forced }, { closed: 1, forced: 0 });
  assert.equal((await connection.closed).cause, 'shutdown');
  assert.equal(server.shutdown(), report, 'the same promise for every call');
});

test('SD-03: a peer that does not answer is destroyed at the deadline and reported as forced', async (t) => {
  const { server, clock, join } = live(t);
  const { connection } = await join();
  const report = server.shutdown({ timeoutMs: 1_000, code: 1012, reason: 'back soon' });
  await eventLoopTurns(3);
  clock.advance(1_000);
  const { closed, forced, durationMs } = await report;
  assert.deepEqual({ closed, forced, durationMs }, { closed: 0, forced: 1, durationMs: 1_000 });
  const info = await connection.closed;
  assert.deepEqual([info.cause, info.sentCode], ['shutdown', 1012]);
});

test('SD-02: many connections are closed in batches, in random order', async (t) => {
  const { server, clock, join } = live(t);
  const peers = [];
  for (let i = 0; i < 10; i++) peers.push(await join());
  const report = server.shutdown({ batchSize: 4, batchIntervalMs: 100, timeoutMs: 2_000 });
  const waves: number[] = [];
  for (let i = 0; i < 3; i++) {
    await eventLoopTurns(3);
    waves.push(peers.filter(({ connection }) => connection.state !== 'open').length);
    clock.advance(100);
  }
  assert.deepEqual(waves, [4, 8, 10]);
  for (const { raw } of peers) raw[Symbol.dispose]();
  await report;
});

test('GN-03 SD-02: a connection that throws on close or destroy does not stop the shutdown of the others', async () => {
  const seen: string[] = [];
  let size = 4;
  const boom = (name: string): never => {
    size--;
    throw new Error(name);
  };
  const connections = [
    { closeFor: () => void seen.push('close a'), terminateFor: () => void size-- },
    { closeFor: () => boom('b'), terminateFor: () => boom('b again') },
    { closeFor: () => void seen.push('close c'), terminateFor: () => boom('c') },
    { closeFor: () => void seen.push('close d'), terminateFor: () => void size-- },
  ];
  const clock = new VirtualClock();
  const host: ShutdownOwner = {
    clock,
    random: seededRandom(1),
    connections: () => connections,
    get connectionCount() {
      return size;
    },
    isEmpty: () => size <= 0,
    stopListening: () => {},
    retire: () => undefined,
    abandon: () => host.onReleased?.(),
    shutdownProgress: () => {},
    onReleased: undefined,
  };
  const report = shutDown(host, shutdownSettings({ timeoutMs: 1_000 }), undefined);
  await eventLoopTurns(2);
  assert.deepEqual(seen.sort(), ['close a', 'close c', 'close d']);
  clock.advance(1_000);
  await report;
  assert.equal(clock.pendingTimers, 0);
});

test('SD-02: if the last connection ends between two batches, the shutdown ends without waiting for a timer', async (t) => {
  const { server, join } = live(t);
  const peers = [await join(), await join(), await join()];
  const report = server.shutdown({ batchSize: 2, batchIntervalMs: 100 });
  for (const { raw } of peers) raw[Symbol.dispose]();
  const { closed, forced, durationMs } = await report;
  assert.deepEqual({ closed, forced, durationMs }, { closed: 3, forced: 0, durationMs: 0 });
});

test('SD-01: a shutdown refuses new handshakes, and those whose hook still runs', async (t) => {
  let decide: (decision: undefined) => void = () => {};
  let asked: AbortSignal | undefined;
  const { server, refusals } = live(t, {
    upgrade: ({ signal }) => {
      asked = signal;
      return new Promise<undefined>((resolve) => {
        decide = resolve;
      });
    },
  });
  const { client, server: socket } = duplexPair();
  const raw = RawClient.over(client);
  const connection = server.handleUpgrade(upgradeRequest(), socket, Buffer.alloc(0));
  await waitUntil(() => asked);
  const report = server.shutdown();
  assert.equal((await raw.nextHead()).status, 503);
  assert.equal(asked?.aborted, true);
  decide(undefined);
  assert.equal(await connection, undefined);
  raw[Symbol.dispose]();
  await report;
  const late = duplexPair();
  const lateRaw = RawClient.over(late.client);
  assert.equal(await server.handleUpgrade(upgradeRequest(), late.server, Buffer.alloc(0)), undefined);
  assert.equal((await lateRaw.nextHead()).status, 503);
  lateRaw[Symbol.dispose]();
  await eventLoopTurns(3);
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_SHUTTING_DOWN', 'ERR_SHUTTING_DOWN'],
  );
});

test('SD-01 EV-02: after a shutdown the port is free, and the server cannot start again', async (t) => {
  const { server, port, join } = await listening(t);
  const client = await join();
  client.send(text('x'));
  const report = server.shutdown();
  assert.equal(await closeCode(client), 1001);
  client[Symbol.dispose]();
  await report;
  assert.equal(server.address(), null);
  await assert.rejects(
    server.listen(0),
    (error) => error instanceof MisuseError && error.code === 'ERR_STATE',
  );
  assert.throws(() => server.attach(createServer()), MisuseError);
  const next = new WebSocketServer();
  assert.equal((await next.listen(port, '127.0.0.1')).port, port);
  await next.shutdown();
});

for (const options of [{ readyDelayMs: 100, timeoutMs: 1 }, { timeoutMs: 100 }]) {
  test(`SD-01 SD-05: a process that has nothing else waits until the shutdown is over: ${JSON.stringify(options)}`, () => {
    const child = joinPath(import.meta.dirname, 'shutdown-child.js');
    const said = execFileSync(process.execPath, [child, JSON.stringify(options)], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(said, '0 closed, 1 forced');
  });
}

test('SD-05: HTTP servers that the server was attached to keep running', async (t) => {
  const http = createServer((_, response) => response.end('plain'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  const server = new WebSocketServer().attach(http);
  await server.shutdown();
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'plain');
  assert.equal(http.listenerCount('upgrade'), 0);
});

for (const [options, names] of [
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ timeoutMs: 1.5 }, 'timeoutMs'],
  [{ batchSize: 0 }, 'batchSize'],
  [{ batchIntervalMs: -1 }, 'batchIntervalMs'],
  [{ readyDelayMs: Infinity }, 'readyDelayMs'],
  [{ code: 1006 }, '1006'],
] as const) {
  test(`SD-02 ER-03: shutdown(${JSON.stringify(options)}) is misuse, and nothing is shut down`, (t) => {
    const { server } = live(t);
    assert.throws(
      () => void server.shutdown(options),
      (error) => error instanceof MisuseError && error.message.includes(names),
    );
  });
}
