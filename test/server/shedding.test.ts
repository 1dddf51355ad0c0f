import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  type ClientConnection,
  connect,
  type ConnectError,
  type LogFields,
  type Logger,
  type Priority,
  type ServerOptions,
  WebSocketServer,
} from '../../src/index.ts';
import { eventLoopTurns, VirtualClock } from '../../src/testing/index.ts';
import { CHANNELS, type ShedMessage } from '../../src/observe/index.ts';
import { scrape } from '../observe/metrics/scrape.ts';
import { closeCode, live } from './live.ts';
import { IDLE } from '../observe/load-control/signals.ts';
import { coreOf, probeOf } from './loaded.ts';
import { TRANSPORT } from './transport.ts';

const byQuery: ServerOptions['upgrade'] = ({ request }) => ({
  priority: request.headers['priority'] as Priority,
});

test('LC-05 a critical server sheds low, then normal, then high with 1013, and no connection of critical', async (t) => {
  const lines: [string, LogFields][] = [];
  const note = (fields: LogFields, text: string): void => void lines.push([text, fields]);
  const logger: Logger = { debug() {}, info: note, warn: note, error: note };
  const published: unknown[] = [];
  const listener = (message: unknown): void => void published.push((message as ShedMessage).priority);
  channel(CHANNELS.loadShed).subscribe(listener);
  t.after(() => channel(CHANNELS.loadShed).unsubscribe(listener));
  const load = probeOf();
  const room = live(t, { upgrade: byQuery, loadControl: { probe: load.probe }, logger });
  const { server, closes } = room;
  const peers = new Map<string, Awaited<ReturnType<typeof room.join>>>();
  for (const priority of ['critical', 'high', 'normal', 'low'])
    peers.set(priority, await room.join({ Priority: priority }));
  load.level = 'critical';
  const sample = async (): Promise<void> => {
    room.clock.advance(1_000);
    await eventLoopTurns(4);
  };
  await sample();
  for (const priority of ['low', 'normal', 'high']) {
    await sample();
    const { raw, connection } = peers.get(priority)!;
    assert.equal(await closeCode(raw), 1013, priority);
    raw[Symbol.dispose]();
    assert.equal((await connection.closed).cause, 'load-shed');
    assert.equal(scrape(server).get(`hawser_shed_total{priority="${priority}"}`), 1);
  }
  await sample();
  await sample();
  assert.deepEqual(published, ['low', 'normal', 'high']);
  assert.equal(server.connections.size, 1);
  assert.equal([...server.connections][0]!.priority, 'critical');
  assert.deepEqual(
    closes.map(({ cause, sentCode }) => [cause, sentCode]),
    Array.from({ length: 3 }, () => ['load-shed', 1013]),
  );
  assert.deepEqual(
    lines.filter(([text]) => text.includes('shed')),
    [
      ['load shed: connections were closed with 1013', { low: 1, normal: 0, high: 0 }],
      ['load shed: connections were closed with 1013', { low: 0, normal: 1, high: 0 }],
      ['load shed: connections were closed with 1013', { low: 0, normal: 0, high: 1 }],
    ],
  );
  assert.equal(lines.filter(([text]) => text === 'connection closed').length, 0, 'one line for each batch');
});

test('LC-05 among equals the connection with most queued bytes is shed, then the one that was silent for longest', async (t) => {
  const load = probeOf();
  const room = live(t, { loadControl: { probe: load.probe } });
  const [silent, talking, slow] = [await room.join(), await room.join(), await room.join()];
  slow.wire.server.cork();
  slow.connection.send('x'.repeat(1_000));
  await room.pass(1_000);
  talking.raw.send(Buffer.from('8980000000008a8000000000', 'hex'));
  await eventLoopTurns(4);
  load.level = 'critical';
  const ended: string[] = [];
  for (const [name, { connection }] of Object.entries({ silent, talking, slow }))
    connection.on('stateChange', (next) => void (next === 'closing' && ended.push(name)));
  for (let i = 0; i < 4; i++) {
    room.clock.advance(1_000);
    await eventLoopTurns(4);
  }
  slow.wire.server.uncork();
  assert.deepEqual(ended, ['slow', 'silent', 'talking']);
});

for (const loadControl of [false, { shed: false }] as const) {
  test(`LC-05 with loadControl: ${JSON.stringify(loadControl)} nothing is shed`, (t) => {
    assert.equal(coreOf(live(t, { loadControl }).server).guard.shedder, undefined);
  });
}

test('LC-05 SD-01 once a shutdown has begun nothing is shed', async (t) => {
  const load = probeOf();
  const room = live(t, { loadControl: { probe: load.probe } });
  const { raw, connection } = await room.join();
  load.level = 'critical';
  const over = room.server.shutdown({ readyDelayMs: 5_000 });
  for (let i = 0; i < 4; i++) {
    room.clock.advance(1_000);
    await eventLoopTurns(4);
  }
  assert.equal(connection.state, 'open');
  room.clock.advance(1_000);
  assert.equal(await closeCode(raw), 1001);
  raw[Symbol.dispose]();
  await over;
});

for (const door of ['listen', 'attach'] as const) {
  test(`LC-09 LC-03 LC-05 over ${door}, a critical server keeps what is critical, and full service returns without a restart`, async (t) => {
    const clock = new VirtualClock();
    const load = probeOf();
    const server = new WebSocketServer({
      ...TRANSPORT,
      clock,
      loadControl: { probe: load.probe },
      allowedOrigins: '*',
      upgrade: byQuery,
    });
    const http = createServer();
    const port = await (door === 'listen'
      ? server.listen(0, '127.0.0.1').then((address) => address.port)
      : attached());
    t.after(async () => {
      await server.shutdown();
      http.close();
    });
    async function attached(): Promise<number> {
      server.attach(http);
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      return (http.address() as AddressInfo).port;
    }
    const join = (priority: string): Promise<ClientConnection> =>
      connect(`ws://127.0.0.1:${port}`, { headers: { Priority: priority } });
    const pass = async (ms: number): Promise<void> => {
      await eventLoopTurns(20);
      for (let left = ms; left > 0; left -= 50) {
        clock.advance(50);
        await eventLoopTurns(2);
      }
    };
    /** Lets a handshake take its time, in the turns that its bytes need. */
    const delayed = async (priority: string): Promise<ClientConnection | number> => {
      const over = new AbortController();
      const settled = join(priority)
        .catch((error: ConnectError) => error.status ?? 0)
        .finally(() => over.abort());
      while (!over.signal.aborted) await pass(50);
      return settled;
    };
    const critical = [await join('critical'), await join('critical')];
    const normal = [await join('normal'), await join('normal'), await join('low')];
    load.level = 'critical';
    await pass(9_000);
    assert.ok(critical.every(({ state }) => state === 'open'));
    for (const { closed } of normal) {
      const { code, reason } = await closed;
      assert.deepEqual([code, reason], [1013, 'overloaded']);
    }
    assert.equal(server.stats().closes.byCause['load-shed'], 3);
    assert.equal(server.ready(), false);
    assert.equal(await delayed('normal'), 503);
    const newcomer = await delayed('critical');
    assert.ok(typeof newcomer === 'object');
    load.level = 'normal';
    await pass(7_000);
    assert.equal(server.stats().load?.level, 'normal');
    assert.equal(server.ready(), true);
    const back = await join('normal');
    const echoed = new Promise((resolve) => back.once('message', resolve));
    server.on('message', (connection, message) => void connection.send(message));
    back.send('as before');
    assert.equal(await echoed, 'as before');
    for (const each of [...critical, newcomer, back]) {
      assert.equal(each.state, 'open');
      each.terminate();
    }
  });
}

test('LC-05 a server that is only full closes no connection, although its level is critical', async (t) => {
  const { connectionsRatio: _, ...calm } = IDLE;
  const room = live(t, { maxConnections: 4, softLimitRatio: false, loadControl: { probe: () => calm } });
  for (let i = 0; i < 4; i++) await room.join();
  for (let i = 0; i < 9; i++) {
    room.clock.advance(1_000);
    await eventLoopTurns(4);
  }
  assert.equal(room.server.stats().load?.level, 'critical');
  assert.equal(room.server.connections.size, 4);
  assert.deepEqual(room.closes, []);
});
