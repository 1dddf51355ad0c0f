import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../src/protocol/constants.ts';
import { pong, readFrame } from '../../src/testing/index.ts';
import { live, type Peer } from './live.ts';

/** Answers every ping from now on. @returns How many there were. */
function answerPings({ raw, wire }: Peer): { pings: number } {
  const seen = { pings: 0 };
  let rest = Buffer.alloc(0);
  wire.client.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = readFrame(rest); frame !== undefined; frame = readFrame(rest)) {
      rest = rest.subarray(frame.end);
      if (frame.opcode !== OPCODE.PING) continue;
      seen.pings++;
      raw.send(pong(frame.payload));
    }
  });
  return seen;
}

test('HB-01 HB-02 HB-08 TS-07: of a hundred peers the dead half is found within twice the pong timeout, the others stay', async (t) => {
  const { server, clock, join, pass } = live(t, { idleTimeoutMs: false });
  const peers: Peer[] = [];
  for (let i = 0; i < 100; i++) peers.push(await join());
  const alive = peers.filter((_, i) => i % 2 === 0);
  const answers = alive.map((peer) => answerPings(peer));
  /** When each dead one got the ping that it leaves unanswered. */
  const firstPings = new Map<string, number>();
  const deaths = new Map<string, number>();
  const infos: unknown[] = [];
  for (const { connection, wire } of peers.filter((_, i) => i % 2 === 1)) {
    wire.client.once('data', () => firstPings.set(connection.id, clock.now()));
  }
  server.on('close', ({ id }, info) => {
    deaths.set(id, clock.now());
    infos.push([info.cause, info.code, info.sentCode]);
  });
  await pass(60_000, 500);
  assert.equal(deaths.size, 50);
  for (const [id, diedMs] of deaths) {
    const waitedMs = diedMs - firstPings.get(id)!;
    // A step of the clock more than twice the pong timeout, since that is how finely this test looks.
    assert.ok(waitedMs <= 20_000 + 500, `${waitedMs} ms after its ping`);
  }
  assert.equal(server.connections.size, 50);
  for (const info of infos) assert.deepEqual(info, ['ping-timeout', 1006, 1001]);
  for (const { pings } of answers) assert.ok(pings >= 1 && pings <= 3, `${pings} pings in a minute`);
  assert.equal(server.stats().heartbeat.timeouts, 50);
  await pass(120_000, 1_000);
  assert.equal(server.connections.size, 50, 'who answers stays');
});

test('HB-08: one timer serves all connections', async (t) => {
  const { clock, join } = live(t);
  await join();
  const before = clock.pendingTimers;
  for (let i = 0; i < 20; i++) await join();
  assert.equal(clock.pendingTimers, before);
});

test('HB-01: without heartbeat no ping is sent', async (t) => {
  const { server, join, pass } = live(t, { heartbeat: false, idleTimeoutMs: false });
  await join();
  await pass(120_000, 1_000);
  assert.equal(server.stats().heartbeat.pingsSent, 0);
  assert.equal(server.connections.size, 1);
});

test('HB-02: any byte counts as an answer', async (t) => {
  const { server, join, pass } = live(t, { idleTimeoutMs: false });
  const { raw, connection } = await join();
  connection.on('message', () => undefined);
  for (let i = 0; i < 30; i++) {
    await pass(5_000, 500);
    raw.send(Buffer.from('81805a5a5a5a', 'hex'));
    await pass(1);
  }
  assert.equal(server.connections.size, 1);
  assert.ok(server.stats().heartbeat.pingsSent >= 3);
});

test("HB-05: the round trip is measured by the server's clock", async (t) => {
  const { clock, join, pass } = live(t, { idleTimeoutMs: false });
  const peer = await join();
  peer.wire.toServer.latency(40, clock);
  answerPings(peer);
  assert.equal(peer.connection.rttMs, undefined);
  await pass(31_000, 10);
  const { rttMs = -1 } = peer.connection;
  assert.ok(rttMs >= 40 && rttMs <= 60, `${rttMs} ms`);
});

test('HB-06: a process that was blocked for a minute loses no healthy peer', async (t) => {
  const { server, clock, join, pass } = live(t);
  const peers = await Promise.all([join(), join(), join()]);
  for (const peer of peers) answerPings(peer);
  for (let i = 0; i < 4; i++) {
    clock.stall(60_000);
    await pass(5_000, 50);
  }
  assert.equal(server.connections.size, 3);
});

test('HB-09: a connection that receives nothing for idleTimeoutMs is closed with 1001', async (t) => {
  const { join, pass, closes } = live(t, { heartbeat: false, idleTimeoutMs: 5_000, closeTimeoutMs: 1_000 });
  const { raw } = await join();
  await pass(4_900);
  assert.equal(raw.received.length, 0);
  await pass(300);
  const { opcode, payload } = await raw.nextFrame();
  assert.deepEqual([opcode, payload.readUInt16BE(), payload.toString('utf8', 2)], [8, 1001, 'idle timeout']);
  await pass(1_200);
  assert.deepEqual(
    closes.map(({ cause }) => cause),
    ['idle-timeout'],
  );
});
