import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect } from '../../src/client/index.ts';
import type { CloseInfo } from '../../src/index.ts';
import { close, duplexPair, eventLoopTurns, RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { closeCode, listening, live, nextText, upgradeRequest } from './live.ts';

const boom = (): never => {
  throw new Error('boom');
};
const METHODS = ['_write', 'write', 'cork', 'end', 'destroy', 'pause', 'resume', 'setTimeout'] as const;

for (const method of METHODS) {
  test(`GN-03 SE-30: a socket that throws from ${method} ends alone; the others are served in the same turn`, async (t) => {
    const { server, join, closes } = live(t, { heartbeat: false, idleTimeoutMs: false });
    server.on('message', (connection, message) => void connection.send(`re: ${String(message)}`));
    const peers = [await join(), await join(), await join(), await join()];
    const broken = [peers[1]!, peers[2]!];
    const healthy = [peers[0]!, peers[3]!];
    for (const { wire } of broken) Reflect.set(wire.server, method, boom);
    for (const { connection } of peers) {
      connection.send('one');
      connection.pause();
      connection.resume();
    }
    await eventLoopTurns(1);
    for (const { connection } of broken) {
      // Several pieces in one write, then the end.
      connection.send(Buffer.alloc(20_000));
      connection.send('more');
      await eventLoopTurns(1);
      connection.close();
      connection.terminate();
    }
    for (const { raw } of healthy) assert.equal(await nextText(raw), 'one');
    await waitUntil(() => closes.length === 2);
    for (const { raw } of healthy) raw.send(text('two'));
    for (const { raw } of healthy) assert.equal(await nextText(raw), 're: two');
    server.broadcast('three');
    for (const { raw } of healthy) assert.equal(await nextText(raw), 'three');
    assert.equal(server.connections.size, 2);
    for (const { wire } of broken) Reflect.deleteProperty(wire.server, method);
  });
}

test('GN-03: the throw is the error of the connection, and in its log line', async (t) => {
  const lines: unknown[] = [];
  const note = (fields: object) => void lines.push(fields);
  const logger = { debug: note, info: note, warn: note, error: note };
  const { join, closes } = live(t, { logger });
  const { connection, wire } = await join();
  Reflect.set(wire.server, '_write', boom);
  connection.send('one');
  await waitUntil(() => closes.length === 1);
  const { cause, error, wasClean } = closes[0] as CloseInfo;
  assert.deepEqual([cause, error?.code, wasClean], ['transport-error', 'ERR_TRANSPORT', false]);
  assert.equal((error?.cause as Error | undefined)?.message, 'boom');
  assert.ok(JSON.stringify(lines).includes('the connection was lost: boom'));
});

for (const method of [...METHODS, 'setNoDelay', 'setKeepAlive', 'on'] as const) {
  test(`GN-03: handleUpgrade of a socket that throws from ${method} does not throw, reject or hang`, async (t) => {
    const { server, closes } = live(t);
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    Reflect.set(wire.server, method, boom);
    const connection = await server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
    connection?.terminate();
    await waitUntil(() => server.connections.size === 0 && server.stats().handshakes.pending === 0);
    if (connection !== undefined) await waitUntil(() => closes.length === 1);
    Reflect.deleteProperty(wire.server, method);
    raw[Symbol.dispose]();
    wire.server.destroy();
  });

  test(`GN-03: refusing a socket that throws from ${method} leaves no handshake behind`, async (t) => {
    const { server, refusals, pass } = live(t, { path: '/here' });
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    Reflect.set(wire.server, method, boom);
    const request = upgradeRequest({}, '/elsewhere');
    assert.equal(await server.handleUpgrade(request, wire.server, Buffer.alloc(0)), undefined);
    await pass(2_000);
    assert.ok(refusals.length <= 1);
    assert.equal(server.stats().handshakes.pending, 0);
    Reflect.deleteProperty(wire.server, method);
    raw[Symbol.dispose]();
    wire.server.destroy();
  });
}

for (const method of METHODS) {
  test(`GN-03: a client over a stream that throws from ${method} fails or closes, and leaves other clients alone`, async (t) => {
    const { server, port } = await listening(t);
    server.on('message', () => undefined);
    const other = await connect(`ws://127.0.0.1:${port}`);
    const wire = duplexPair();
    const broken: Duplex = wire.client;
    Reflect.set(broken, method, boom);
    const attempt = connect('ws://localhost/', { socket: broken, connectTimeoutMs: 100 });
    other.send('hello');
    await assert.rejects(attempt);
    await eventLoopTurns(2);
    assert.equal(other.bufferedBytes, 0);
    assert.equal(other.bytesSent > 0, true);
    Reflect.deleteProperty(broken, method);
    broken.destroy();
    wire.server.destroy();
    other.close();
    await other.closed;
  });
}

test('GN-03 SD-02: a shutdown with sockets that throw from everything closes the others in order, and ends', async (t) => {
  const { server, clock, join } = live(t, { heartbeat: false });
  const peers = [await join(), await join(), await join(), await join()];
  const broken = [peers[0]!, peers[2]!];
  for (const { wire } of broken) for (const method of METHODS) Reflect.set(wire.server, method, boom);
  const report = server.shutdown({ batchSize: 3, batchIntervalMs: 100 });
  await eventLoopTurns(2);
  clock.advance(100);
  for (const { raw } of [peers[1]!, peers[3]!]) {
    assert.equal(await closeCode(raw), 1001);
    raw.send(close(1001));
    raw.end();
  }
  const { closed, forced } = await report;
  assert.deepEqual([closed, forced], [4, 0]);
  for (const { wire } of broken) {
    for (const method of METHODS) Reflect.deleteProperty(wire.server, method);
    wire.server.destroy();
  }
});
