import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogFields, Logger, Priority, ServerOptions } from '../../src/index.ts';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { scrape } from '../observe/metrics/scrape.ts';
import { closeCode, live } from './live.ts';
import { coreOf, levelOf } from './loaded.ts';

const byQuery: ServerOptions['upgrade'] = ({ request }) => ({
  priority: request.headers['priority'] as Priority,
});

test('LC-05 a critical server sheds low, then normal, then high with 1013, and no connection of critical', async (t) => {
  const lines: [string, LogFields][] = [];
  const note = (fields: LogFields, text: string): void => void lines.push([text, fields]);
  const logger: Logger = { debug() {}, info: note, warn: note, error: note };
  const room = live(t, { upgrade: byQuery, loadControl: {}, logger });
  const { server, closes } = room;
  const level = levelOf(server, 'normal');
  const peers = new Map<string, Awaited<ReturnType<typeof room.join>>>();
  for (const priority of ['critical', 'high', 'normal', 'low'])
    peers.set(priority, await room.join({ Priority: priority }));
  level.level = 'critical';
  const sample = async (): Promise<void> => {
    room.clock.advance(1_000);
    coreOf(server).shedder!.sampled();
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
  const room = live(t, { loadControl: {} });
  const [silent, talking, slow] = [await room.join(), await room.join(), await room.join()];
  slow.wire.server.cork();
  slow.connection.send('x'.repeat(1_000));
  await room.pass(1_000);
  talking.raw.send(Buffer.from('8980000000008a8000000000', 'hex'));
  await eventLoopTurns(4);
  levelOf(room.server, 'critical');
  const shedder = coreOf(room.server).shedder!;
  const ended: string[] = [];
  for (const [name, { connection }] of Object.entries({ silent, talking, slow }))
    connection.on('stateChange', (next) => void (next === 'closing' && ended.push(name)));
  for (let i = 0; i < 4; i++) {
    room.clock.advance(1_000);
    shedder.sampled();
    await eventLoopTurns(4);
  }
  slow.wire.server.uncork();
  assert.deepEqual(ended, ['slow', 'silent', 'talking']);
});

for (const loadControl of [false, { shed: false }] as const) {
  test(`LC-05 with loadControl: ${JSON.stringify(loadControl)} nothing is shed`, (t) => {
    assert.equal(coreOf(live(t, { loadControl }).server).shedder, undefined);
  });
}

test('LC-05 SD-01 once a shutdown has begun nothing is shed', async (t) => {
  const room = live(t, { loadControl: {} });
  const { raw, connection } = await room.join();
  levelOf(room.server, 'critical');
  const over = room.server.shutdown({ readyDelayMs: 5_000 });
  for (let i = 0; i < 4; i++) {
    room.clock.advance(1_000);
    coreOf(room.server).shedder!.sampled();
    await eventLoopTurns(4);
  }
  assert.equal(connection.state, 'open');
  room.clock.advance(1_000);
  assert.equal(await closeCode(raw), 1001);
  raw[Symbol.dispose]();
  await over;
});
