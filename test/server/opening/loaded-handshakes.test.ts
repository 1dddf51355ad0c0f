import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  type Connection,
  type LogFields,
  type Logger,
  type Priority,
  refuse,
  type ServerOptions,
  type WebSocketServer,
} from '../../../src/index.ts';
import {
  duplexPair,
  eventLoopTurns,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../../src/testing/index.ts';
import { scrape, sumOf } from '../../observe/metrics/scrape.ts';
import { listening, live, type Peer, upgradeRequest } from '../live.ts';
import { coreOf, levelOf, probeOf } from '../loaded.ts';
import { plain, site } from './attached-site.ts';
import { ask as askHttp2, http2Site } from './http2-site.ts';

/** One handshake that may take a while. */
interface Pending {
  readonly raw: RawClient;
  readonly connection: Promise<Connection | undefined>;
  /** Whether it was answered. */
  readonly isOver: () => boolean;
}

/** A server whose handshakes may take a while; see {@link live}. */
function roomOf(t: TestContext, options: ServerOptions = {}) {
  const raws: RawClient[] = [];
  // Before the server shuts down: it waits for clients that were refused.
  t.after(() => raws.forEach((raw) => raw[Symbol.dispose]()));
  const room = live(t, options);
  const begin = (priority?: string): Pending => {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    raws.push(raw);
    const url = priority === undefined ? '/' : `/?priority=${priority}`;
    const connection = room.server.handleUpgrade(upgradeRequest({}, url), wire.server, Buffer.alloc(0));
    let isOver = false;
    void connection.then(() => {
      isOver = true;
    });
    return { raw, connection, isOver: () => isOver };
  };
  const pass = async (ms: number): Promise<void> => {
    await eventLoopTurns(4);
    await room.pass(ms);
  };
  return { ...room, begin, pass };
}

/** A hook that reads the priority from the query. */
const byQuery: ServerOptions['upgrade'] = ({ request }) => ({
  priority: (request.url.searchParams.get('priority') ?? undefined) as Priority,
});

/** Level, priority, delay in ms, status. */
const ROWS: readonly (readonly ['normal' | 'elevated' | 'critical', Priority, number, 101 | 503])[] = [
  ['normal', 'critical', 0, 101],
  ['normal', 'high', 0, 101],
  ['normal', 'normal', 0, 101],
  ['normal', 'low', 0, 101],
  ['elevated', 'critical', 100, 101],
  ['elevated', 'high', 100, 101],
  ['elevated', 'normal', 100, 101],
  ['elevated', 'low', 100, 101],
  ['critical', 'critical', 500, 101],
  ['critical', 'high', 500, 101],
  ['critical', 'normal', 500, 503],
  ['critical', 'low', 500, 503],
];

for (const [level, priority, delayMs, status] of ROWS) {
  test(`LC-03 at ${level} a handshake of priority ${priority} waits ${delayMs} ms and gets ${status}`, async (t) => {
    const room = roomOf(t, { upgrade: byQuery });
    const { server, refusals, pass } = room;
    levelOf(server, level);
    const pending = room.begin(priority);
    await eventLoopTurns(4);
    if (delayMs > 0) {
      assert.equal(server.stats().handshakes.pending, 1);
      await pass(delayMs - 50);
      assert.equal(pending.isOver(), false);
      await pass(50);
    }
    const head = await pending.raw.nextHead();
    assert.equal(head.status, status);
    const connection = await pending.connection;
    assert.equal(connection?.priority, status === 101 ? priority : undefined);
    assert.equal(
      scrape(server).get(`hawser_delayed_handshakes_total{priority="${priority}"}`),
      delayMs > 0 ? 1 : 0,
    );
    if (status === 101) return;
    assert.deepEqual(
      refusals.map(({ code }) => code),
      ['ERR_OVERLOADED'],
    );
    assert.match(head.fields.get('retry-after') ?? '', /^([5-9]|10)$/);
    assert.equal(server.stats().connections.now, 0);
  });
}

test('LC-03 LC-04 without a hook, or without a priority, a handshake has priority normal', async (t) => {
  for (const options of [{}, { upgrade: () => {} }, { upgrade: () => ({ priority: undefined }) }]) {
    const room = roomOf(t, options);
    const source = levelOf(room.server, 'normal');
    assert.equal((await room.join()).connection.priority, 'normal');
    source.level = 'critical';
    const refused = room.begin();
    await room.pass(500);
    assert.equal((await refused.raw.nextHead()).status, 503);
  }
});

/** The level at the end of the delay counts. */
const CHANGES = [
  ['critical', 'elevated', 500, 101],
  ['critical', 'normal', 500, 101],
  ['elevated', 'critical', 100, 503],
  ['elevated', 'normal', 100, 101],
] as const;

for (const [before, after, delayMs, status] of CHANGES) {
  test(`LC-03 the level turns from ${before} to ${after} during the delay: the client gets ${status}`, async (t) => {
    const room = roomOf(t);
    const source = levelOf(room.server, before);
    const pending = room.begin();
    await eventLoopTurns(4);
    source.level = after;
    await room.pass(delayMs);
    assert.equal((await pending.raw.nextHead()).status, status);
  });
}

test('LC-03 several handshakes of one turn end their delays together, each with its own result', async (t) => {
  const room = roomOf(t, { upgrade: byQuery });
  levelOf(room.server, 'critical');
  const priorities = ['low', 'critical', 'normal', 'high', 'critical'];
  const all = priorities.map((priority) => room.begin(priority));
  await room.pass(500);
  const statuses = await Promise.all(all.map(async ({ raw }) => (await raw.nextHead()).status));
  assert.deepEqual(statuses, [503, 101, 503, 101, 101]);
  assert.equal(room.server.stats().handshakes.pending, 0);
});

test('LC-03 messages that a client sends during the delay are delivered after the 101, in order', async (t) => {
  const room = roomOf(t);
  levelOf(room.server, 'elevated');
  const got: unknown[] = [];
  room.server.on('message', (_, message) => void got.push(message));
  const pending = room.begin();
  await eventLoopTurns(4);
  pending.raw.send(Buffer.concat([text('one'), text('two')]));
  await room.pass(100);
  assert.equal((await pending.raw.nextHead()).status, 101);
  await eventLoopTurns(4);
  assert.deepEqual(got, ['one', 'two']);
});

test('LC-03 HS-20 a client that leaves during its delay frees its place, and no refusal is reported', async (t) => {
  const room = roomOf(t, { maxConnections: 1 });
  levelOf(room.server, 'elevated');
  const { raw, connection } = room.begin();
  await eventLoopTurns(4);
  assert.equal(coreOf(room.server).admission.reserved, 1);
  raw[Symbol.dispose]();
  await eventLoopTurns(4);
  assert.equal(await connection, undefined);
  assert.deepEqual(
    [coreOf(room.server).admission.reserved, room.server.stats().handshakes.pending, room.refusals.length],
    [0, 0, 0],
  );
  await room.pass(500);
  assert.equal(room.server.connections.size, 0);
});

test('LC-03 SD-02 a shutdown during the delay refuses the client at once', async (t) => {
  const room = roomOf(t);
  levelOf(room.server, 'elevated');
  const pending = room.begin();
  await eventLoopTurns(4);
  const over = room.server.shutdown();
  assert.equal((await pending.raw.nextHead()).status, 503);
  assert.deepEqual(
    room.refusals.map(({ code }) => code),
    ['ERR_SHUTTING_DOWN'],
  );
  pending.raw[Symbol.dispose]();
  await over;
});

/** What the hook does, and the status that the client gets without a delay. */
const UNDELAYED: readonly (readonly [what: string, upgrade: ServerOptions['upgrade'], status: number])[] = [
  ['throws', () => fail(), 500],
  ['rejects', () => Promise.reject(new Error('of the application')), 500],
  ['refuses', () => refuse(401), 401],
  ['returns an unknown priority', () => ({ priority: 'urgent' as Priority }), 500],
];

for (const [what, upgrade, status] of UNDELAYED) {
  test(`LC-03 a hook that ${what} is answered with ${status} at once, at critical as well`, async (t) => {
    const room = roomOf(t, { upgrade });
    levelOf(room.server, 'critical');
    const { raw } = room.begin();
    assert.equal((await raw.nextHead()).status, status);
    room.errors.length = 0;
  });
}

test('LC-03 a delay ends with upgradeTimeoutMs, and the client is admitted', async (t) => {
  const room = roomOf(t, { upgradeTimeoutMs: 200, upgrade: byQuery });
  levelOf(room.server, 'critical');
  const pending = room.begin('high');
  await room.pass(150);
  assert.equal(pending.isOver(), false);
  await room.pass(50);
  assert.equal((await pending.raw.nextHead()).status, 101);
});

test('LC-03 a hook that returns an unusable protocol gets 500 after the delay', async (t) => {
  const room = roomOf(t, { upgrade: () => ({ protocol: 'not-offered' }) });
  levelOf(room.server, 'elevated');
  const pending = room.begin();
  await room.pass(100);
  assert.equal((await pending.raw.nextHead()).status, 500);
  assert.equal(room.errors.splice(0).length, 1);
});

test('LC-03 HS-25 SE-06 delayed handshakes count as pending: no more than maxPendingHandshakes wait', async (t) => {
  const room = roomOf(t, { maxPendingHandshakes: 5, upgrade: byQuery });
  levelOf(room.server, 'critical');
  const all = Array.from({ length: 50 }, () => room.begin('critical'));
  await eventLoopTurns(4);
  assert.equal(room.server.stats().handshakes.pending, 5);
  assert.deepEqual(room.server.stats().handshakes.refusedByCode, { ERR_SERVER_FULL: 45, __proto__: null });
  await room.pass(500);
  assert.equal(all.filter(({ isOver }) => isOver()).length, 50);
  assert.equal(room.server.connections.size, 5);
  assert.equal(room.server.stats().handshakes.pending, 0);
});

test('LM-02 from 80 % of maxConnections until below 70 % each new handshake waits 100 ms', async (t) => {
  const lines: string[] = [];
  const note = (_: LogFields, line: string): void => void lines.push(line);
  const logger: Logger = { debug() {}, info: note, warn: note, error: note };
  const room = roomOf(t, { maxConnections: 10, logger });
  const peers: Peer[] = [];
  for (let i = 0; i < 8; i++) peers.push(await room.join());
  const delayed = room.begin();
  await room.pass(50);
  assert.equal(delayed.isOver(), false);
  await room.pass(50);
  assert.equal((await delayed.raw.nextHead()).status, 101);
  const leave = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) peers.pop()!.raw[Symbol.dispose]();
    await eventLoopTurns(6);
  };
  await leave(2);
  const again = room.begin();
  await room.pass(50);
  assert.equal(again.isOver(), false, 'seven of ten: 70 % are not below 70 %');
  await room.pass(50);
  assert.equal((await again.raw.nextHead()).status, 101);
  await leave(2);
  await room.join();
  assert.equal(room.server.ready(), true);
  assert.deepEqual(lines, [
    'connections are above softLimitRatio: new handshakes are delayed',
    'connections are below softLimitReleaseRatio: new handshakes are not delayed',
  ]);
  const off = roomOf(t, { maxConnections: 2, softLimitRatio: false });
  await off.join();
  await off.join();
});

test('LC-04 criticalReserveRatio keeps connections for clients whose hook says critical', async (t) => {
  const room = roomOf(t, {
    maxConnections: 10,
    softLimitRatio: false,
    loadControl: { criticalReserveRatio: 0.2, probe: probeOf().probe },
    upgrade: byQuery,
  });
  const statusFor = async (priority: string): Promise<number> =>
    (await room.begin(priority).raw.nextHead()).status;
  for (let i = 0; i < 8; i++) assert.equal(await statusFor('normal'), 101);
  assert.equal(await statusFor('high'), 503);
  assert.equal(room.server.ready(), true, 'it still has places');
  assert.equal(await statusFor('critical'), 101);
  const [ordinary] = [...room.server.connections];
  ordinary!.priority = 'critical';
  assert.equal(await statusFor('low'), 101, 'the ordinary place is free');
  assert.equal(await statusFor('critical'), 503, 'all ten are taken');
  assert.equal(room.server.ready(), false);
  assert.deepEqual(
    room.refusals.map(({ code }) => code),
    ['ERR_SERVER_FULL', 'ERR_SERVER_FULL'],
  );
});

test('EV-12 LC-03 a server at critical is not ready, with the reason overloaded', async (t) => {
  const room = roomOf(t);
  const source = levelOf(room.server, 'elevated');
  const joining = room.join();
  await room.pass(100);
  await joining;
  assert.deepEqual(room.server.readiness(), { ready: true, reasons: [] });
  source.level = 'critical';
  assert.deepEqual(room.server.readiness(), { ready: false, reasons: ['overloaded'] });
  source.level = 'normal';
  assert.equal(room.server.ready(), true);
});

function fail(): never {
  throw new Error('of the application');
}

/** Ways to a handshake over sockets: begins one, and returns its status. */
const DOORS: Readonly<
  Record<
    string,
    (
      t: TestContext,
      options: ServerOptions,
    ) => Promise<{ readonly server: WebSocketServer; readonly ask: (path: string) => Promise<number> }>
  >
> = {
  listen: async (t, options) => {
    const { server, connect } = await listening(t, options);
    const ask = async (path: string) => (await (await connect()).upgrade({ path })).status;
    return { server, ask };
  },
  'attach, HTTP/1.1': async (t, options) => {
    const { web, server, open } = await site(t, plain(), options);
    server.attach(web);
    const ask = async (path: string) => (await (await open()).upgrade({ path })).status;
    return { server, ask };
  },
  'attach, HTTP/2': async (t, options) => {
    const { server, session } = await http2Site(t, undefined, options);
    const client = await session();
    const ask = async (path: string) => {
      const { answer, stream } = await askHttp2(client, { ':path': path });
      t.after(() => stream.destroy());
      return answer[':status'] === 200 ? 101 : answer[':status']!;
    };
    return { server, ask };
  },
};

for (const [door, openDoor] of Object.entries(DOORS)) {
  test(`LC-03 RT-08 over ${door}: high waits and is admitted, low waits and gets 503`, async (t) => {
    const clock = new VirtualClock();
    const { server, ask } = await openDoor(t, { clock, upgrade: byQuery, allowedOrigins: '*' });
    levelOf(server, 'critical');
    const statuses = [ask('/?priority=high'), ask('/?priority=low')];
    await waitUntil(() => sumOf(scrape(server), 'delayed_handshakes_total') === 2);
    assert.equal(server.stats().handshakes.pending, 2);
    assert.deepEqual([server.connections.size, server.stats().handshakes.refused], [0, 0]);
    clock.advance(500);
    assert.deepEqual(await Promise.all(statuses), [101, 503]);
    assert.deepEqual(server.stats().handshakes.refusedByCode, { ERR_OVERLOADED: 1, __proto__: null });
    assert.equal(server.stats().handshakes.pending, 0);
  });
}
