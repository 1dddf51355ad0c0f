import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { MisuseError, WebSocketServer } from '../../../src/index.ts';
import { close, eventLoopTurns, leakCheck, text, waitUntil } from '../../../src/testing/index.ts';
import { live, type Peer } from '../live.ts';
import { TRANSPORT } from '../transport.ts';

const isState = (error: unknown): boolean => error instanceof MisuseError && error.code === 'ERR_STATE';

test('EV-12 LM-02: ready turns false when full, and true again below 95 %', async (t) => {
  const { server, join } = live(t, { maxConnections: 40, softLimitRatio: false });
  assert.equal(server.ready(), false, 'not started');
  const peers: Peer[] = [];
  for (let i = 0; i < 39; i++) peers.push(await join());
  assert.equal(server.ready(), true);
  peers.push(await join());
  assert.equal(server.ready(), false, 'full');
  const leave = async (count: number): Promise<void> => {
    const left = server.connections.size - count;
    for (let i = 0; i < count; i++) peers.pop()!.raw[Symbol.dispose]();
    await waitUntil(() => server.connections.size === left);
  };
  await leave(2);
  assert.equal(server.ready(), false, '38 of 40 are 95 %');
  await leave(1);
  assert.equal(server.ready(), true);
  peers.push(await join());
  assert.equal(server.ready(), true, 'filling up again, it is ready until it is full');
});

test('EV-12 RT-02: ready while listening or attached, or after handleUpgrade was called; otherwise not', async (t) => {
  const server = new WebSocketServer(TRANSPORT);
  t.after(() => server.shutdown());
  assert.equal(server.ready(), false);
  const http = createServer();
  assert.equal(server.attach(http), server);
  assert.equal(http.listenerCount('upgrade'), 1);
  assert.equal(server.ready(), true);
  const other = new WebSocketServer({ path: '/other' });
  other.attach(http);
  assert.equal(http.listenerCount('upgrade'), 1, 'one listener for both');
  server.detach(http);
  assert.equal(http.listenerCount('upgrade'), 1);
  assert.equal(server.ready(), false);
  other.detach(http);
  assert.equal(http.listenerCount('upgrade'), 0);
  await server.listen(0, '127.0.0.1');
  assert.equal(server.ready(), true);
  const going = server.shutdown();
  assert.equal(server.ready(), false);
  await going;
});

test('RT-04: attach refuses an HTTP server with insecureHTTPParser', () => {
  const server = new WebSocketServer(TRANSPORT);
  assert.throws(
    () => server.attach(createServer({ insecureHTTPParser: true })),
    (error) => error instanceof MisuseError && /insecureHTTPParser/.test(error.message),
  );
  assert.equal(server.ready(), false);
});

for (const host of [undefined, '127.0.0.1', 'localhost']) {
  test(`EV-02 HS-30: the signal of listen, aborted at once, leaves nothing half open; host ${host ?? 'none'}`, async (t) => {
    const leaks = leakCheck();
    const server = new WebSocketServer(TRANSPORT);
    t.after(async () => {
      await server.shutdown();
      await leaks.assertNothingLeft();
    });
    const abort = new AbortController();
    const listening = server.listen({ port: 0, host, signal: abort.signal });
    abort.abort(new Error('changed my mind'));
    await assert.rejects(listening, /changed my mind/);
    await eventLoopTurns(5);
    assert.equal(server.address(), null);
    assert.equal(server.ready(), false);
    await server.listen(0, '127.0.0.1');
    assert.notEqual(server.address(), null);
  });
}

test('EV-02: the signal of listen, aborted later, stops listening; connections stay, and it can listen again', async (t) => {
  const server = new WebSocketServer(TRANSPORT);
  t.after(() => server.shutdown());
  const abort = new AbortController();
  await server.listen({ port: 0, host: '127.0.0.1', signal: abort.signal });
  await assert.rejects(server.listen(0), isState);
  abort.abort();
  assert.equal(server.ready(), false);
  assert.equal(server.address(), null);
  await server.listen(0, '127.0.0.1');
  assert.equal(server.ready(), true);
});

test('SD-05: after shutdown the server cannot start', async () => {
  const server = new WebSocketServer(TRANSPORT);
  const { closed, forced } = await server.shutdown();
  assert.deepEqual([closed, forced], [0, 0]);
  await assert.rejects(server.listen(0), isState);
  assert.throws(() => server.attach(createServer()), isState);
});

for (const host of [undefined, 'localhost']) {
  test(`SD-05: shutdown during listen: it rejects, and nothing keeps the process alive; host ${host ?? 'none'}`, async () => {
    const leaks = leakCheck();
    const server = new WebSocketServer(TRANSPORT);
    const listening = server.listen({ port: 0, host });
    const refused = assert.rejects(listening, isState);
    await server.shutdown();
    await refused;
    assert.equal(server.address(), null);
    await leaks.assertNothingLeft();
  });
}

test('SD-05 SD-06: shutdown twice, and by leaving a block, is one shutdown with one closed event', async () => {
  const server = new WebSocketServer(TRANSPORT);
  let closed = 0;
  server.on('closed', () => void closed++);
  await server.listen(0, '127.0.0.1');
  const first = server.shutdown();
  assert.equal(server.shutdown({ timeoutMs: 1 }), first);
  await server[Symbol.asyncDispose]();
  assert.deepEqual(await first, await server.shutdown());
  assert.equal(closed, 1);
});

test('SD-02 SE-31: during readyDelayMs ready is false and new clients are still accepted, then refused', async (t) => {
  const { server, clock, join } = live(t);
  const early = await join();
  const report = server.shutdown({ readyDelayMs: 1_000, timeoutMs: 500 });
  assert.equal(server.ready(), false);
  const late = await join();
  assert.deepEqual([early.connection.state, late.connection.state], ['open', 'open']);
  clock.advance(1_000);
  await waitUntil(() => early.connection.state === 'closing' && late.connection.state === 'closing');
  await assert.rejects(join(), /ERR_SHUTTING_DOWN/);
  clock.advance(500);
  const { forced, durationMs } = await report;
  assert.deepEqual([forced, durationMs], [2, 1_500]);
});

test('SD-01: aborting its signal ends a shutdown at once, in the delay and after it', async (t) => {
  for (const readyDelayMs of [0, 5_000]) {
    const { server, join } = live(t);
    const { connection } = await join();
    const abort = new AbortController();
    const report = server.shutdown({ readyDelayMs, signal: abort.signal });
    await eventLoopTurns(3);
    abort.abort();
    assert.equal((await report).forced, 1);
    assert.equal((await connection.closed).cause, 'shutdown');
  }
  const { server, join } = live(t);
  await join();
  assert.equal((await server.shutdown({ signal: AbortSignal.abort() })).forced, 1);
});

test('SD-03: every close event comes before closed', async (t) => {
  const { server, clock, join } = live(t);
  const events: string[] = [];
  server.on('close', () => void events.push('close'));
  server.on('closed', () => void events.push('closed'));
  const [polite] = [await join(), await join()];
  const report = server.shutdown({ timeoutMs: 1_000 });
  await eventLoopTurns(3);
  polite.raw[Symbol.dispose]();
  await eventLoopTurns(3);
  clock.advance(1_000);
  await report;
  assert.deepEqual(events, ['close', 'close', 'closed']);
});

for (const [timeoutMs, what] of [
  [60_000, 'closeTimeoutMs after the peer left'],
  [1_000, 'at the deadline'],
] as const) {
  test(`SD-03 BP-12: shutdown waits for a connection with unconsumed messages, and its close event precedes closed: ${what}`, async (t) => {
    const { server, pass, join } = live(t, { closeTimeoutMs: 5_000 });
    const events: string[] = [];
    server.on('close', (_, { cause }) => void events.push(cause));
    server.on('closed', () => void events.push('closed'));
    const { raw, connection } = await join();
    connection.pause();
    raw.send(Buffer.concat([text('nobody takes this'), close(1000)]));
    raw.end();
    await waitUntil(() => connection.state === 'closed');
    const report = server.shutdown({ timeoutMs });
    await pass(900, 100);
    assert.deepEqual(events, []);
    await pass(timeoutMs === 1_000 ? 200 : 4_300, 100);
    await report;
    assert.deepEqual(events, ['peer-close', 'closed']);
    assert.equal(connection.droppedMessages, 1);
  });
}

test('SD-07: progress is reported at once, every second, and once at the end, after the remaining connections are destroyed', async (t) => {
  const { server, clock, join } = live(t);
  const said: unknown[] = [];
  server.on('shutdownProgress', (progress) => void said.push(Object.values(progress)));
  const [polite] = [await join(), await join()];
  const report = server.shutdown({ timeoutMs: 2_500 });
  await eventLoopTurns(3);
  polite.raw[Symbol.dispose]();
  await eventLoopTurns(3);
  for (let i = 0; i < 5; i++) {
    clock.advance(500);
    await eventLoopTurns(2);
  }
  await report;
  assert.deepEqual(said, [
    [2, 0, 0],
    [1, 1, 0],
    [1, 1, 0],
    [0, 1, 1],
  ]);
  assert.equal(clock.pendingTimers, 0);
});

test('SD-07: the last report comes when the last connection has closed, and none without a connection', async (t) => {
  const { server, clock, join } = live(t);
  const said: number[][] = [];
  server.on('shutdownProgress', (progress) => void said.push(Object.values(progress)));
  const { raw } = await join();
  const report = server.shutdown();
  await eventLoopTurns(3);
  raw[Symbol.dispose]();
  await report;
  assert.deepEqual(said, [
    [1, 0, 0],
    [0, 1, 0],
  ]);
  assert.equal(clock.pendingTimers, 0);
  const empty = live(t);
  empty.server.on('shutdownProgress', (progress) => void said.push(Object.values(progress)));
  await empty.server.shutdown();
  assert.equal(said.length, 2);
});
