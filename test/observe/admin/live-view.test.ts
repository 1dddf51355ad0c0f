import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../../src/index.ts';
import {
  close,
  eventLoopTurns,
  RawClient,
  text,
  VirtualClock,
  waitUntil,
} from '../../../src/testing/index.ts';
import { ADMIN_PROTOCOL, type AdminSnapshot } from '../../../src/observe/admin/snapshot.ts';
import { administered, watched } from './admin-live.ts';

test('LG-06: a viewer sees counts move, rates, latencies, topics and the process', async (t) => {
  const { watch, join, server, port } = await administered(t, { actions: true }, { name: 'eu-1' });
  server.on('connection', (connection) => void connection.subscribe('news'));
  server.on('message', () => undefined);
  const { when } = await watch();
  const first = await when(() => true);
  assert.equal(first.format, 1);
  assert.equal(first.server.name, 'eu-1');
  assert.equal(first.server.actions, true);
  assert.match(first.server.version, /^\d+\.\d+\.\d+/);
  assert.equal(first.gauges.loopUtilization, null);
  assert.deepEqual([first.latency.handler, first.latency.rtt], [null, null]);
  assert.deepEqual(first.connections, {
    view: { sort: 'buffered', limit: 50, filter: '' },
    matching: 0,
    rows: [],
  });
  const client = await join();
  for (let i = 0; i < 200; i++) client.send(text('hello'));
  const later = await when(({ connections }) => connections.rows[0]?.messagesReceived === 200);
  assert.ok(later.takenAtMs - first.takenAtMs >= 900, 'one a second');
  assert.equal(later.stats.messages.received, 200);
  assert.deepEqual(later.topics, [{ name: 'news', subscribers: 1 }]);
  assert.ok(later.latency.handler !== null && later.latency.handler.count > 0);
  assert.ok(later.latency.handler.p50Ms <= later.latency.handler.p99Ms);
  const { gauges } = later;
  assert.ok(gauges.loopUtilization !== null && gauges.loopUtilization <= 1);
  assert.deepEqual(gauges.connections, { now: 1, limit: 10_000 });
  for (const { now, limit } of [gauges.heapBytes, gauges.rssBytes]) assert.ok(now > 0 && now < limit);
  const [row] = later.connections.rows;
  assert.equal(row!.remotePort, (client.stream as unknown as { localPort: number }).localPort);
  assert.ok(row!.receivedPerSecond > 0);
  const idle = await when(({ connections: { rows } }) => rows[0]?.receivedPerSecond === 0);
  assert.equal(idle.connections.rows[0]!.messagesReceived, 200);
  assert.notEqual(port, 0);
});

test('LG-06: each viewer chooses sorting, filter and rows; a view that is not one is closed with 1008', async (t) => {
  const { watch, join, server } = await administered(t);
  server.on('connection', (connection) => {
    for (let i = 0; i < server.connections.size; i++)
      connection.subscribe(`t${server.connections.size}-${i}`);
  });
  for (let i = 0; i < 4; i++) await join();
  const [one, other] = [await watch(), await watch()];
  one.viewer.send(JSON.stringify({ sort: 'topics', limit: 2 }));
  other.viewer.send(JSON.stringify({ filter: 'T3-' }));
  const seen = await one.when(({ connections }) => connections.view.sort === 'topics');
  assert.deepEqual(
    seen.connections.rows.map(({ topics }) => topics),
    [4, 3],
  );
  assert.equal(seen.connections.matching, 4);
  const filtered = await other.when(({ connections }) => connections.view.filter === 'T3-');
  assert.deepEqual(
    filtered.connections.rows.map(({ topics }) => topics),
    [3],
  );
  for (const view of [
    'x',
    '[]',
    '5',
    '{"sort":"x"}',
    '{"limit":1.5}',
    '{"filter":5}',
    '{"order":1}',
    '{"__proto__":1}',
  ] as const) {
    const { viewer } = await watch();
    viewer.send(view);
    const { code, reason } = await viewer.closed;
    assert.equal(code, 1008, view);
    assert.notEqual(reason, '');
  }
  const { viewer } = await watch();
  viewer.send(Buffer.from('{}'));
  assert.equal((await viewer.closed).code, 1008, 'binary');
});

test('LG-06: markup in path, topic, reason and message arrives as the text that it is', async (t) => {
  const { watch, join, server, connect: open, errors } = await administered(t);
  const nasty = '<img src=x onerror=alert(1)>';
  server.on('connection', (connection) => void connection.subscribe(nasty));
  server.on('message', () => {
    throw new Error(nasty);
  });
  const plain = await open();
  plain.send(`GET /<script>alert(1)</script>?secret=1 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await plain.nextHead();
  const rude = await join();
  rude.send(close(4000, nasty));
  await rude.nextFrame();
  using broken = await join();
  broken.send(text('boom'));
  await broken.nextFrame();
  await join();
  const { when } = await watch();
  const { events, topics } = await when(({ events: some }) => some.length >= 4);
  const texts = events.map((event) => `${event.kind}: ${event.text}`);
  for (const expected of [
    'refused: ERR_NO_UPGRADE (400) · /<script>alert(1)</script>',
    `closed: peer-close, code 4000 · ${nasty}`,
    `handler-failed: a handler failed · ${nasty}`,
  ])
    assert.ok(texts.includes(expected), `${expected} in ${texts.join('\n')}`);
  assert.doesNotMatch(JSON.stringify(events), /secret/);
  assert.equal(topics[0]?.name, nasty);
  errors.length = 0;
});

test('LG-06: nothing runs without a viewer, and one snapshot a second serves all viewers', async (t) => {
  const clock = new VirtualClock();
  const { watch } = await administered(t, {}, { clock, heartbeat: false, idleTimeoutMs: false });
  assert.equal(clock.pendingTimers, 0, 'no timer: nothing runs');
  const first = await watch();
  const due = (fits: () => boolean): Promise<boolean> =>
    waitUntil(() => {
      clock.advance(1);
      return fits();
    });
  await due(() => first.snapshots.length === 1);
  const [second, third] = [await watch(), await watch()];
  clock.advanceTo(clock.nextTimerMs! - 1);
  await eventLoopTurns(20);
  assert.deepEqual([first.snapshots.length, second.snapshots.length], [1, 0], 'the second has not passed');
  clock.advance(1);
  await waitUntil(() => third.snapshots.length === 1 && second.snapshots.length === 1);
  const atMs = [first, second, third].map(({ snapshots }) => snapshots.at(-1)!.takenAtMs);
  assert.deepEqual(atMs, [clock.wallNow(), clock.wallNow(), clock.wallNow()]);
  assert.deepEqual([first.snapshots.length, second.snapshots.length, third.snapshots.length], [2, 1, 1]);
  for (const { viewer } of [first, second, third]) {
    viewer.close();
    await viewer.closed;
  }
  await waitUntil(() => clock.pendingTimers === 0);
  clock.advance(10_000);
  const late = await watch();
  await due(() => late.snapshots.length === 1);
  assert.equal(late.snapshots[0]!.gauges.loopUtilization, null, 'a first snapshot again');
  late.viewer.close();
  await late.viewer.closed;
});

test('LG-06: a viewer that does not read gets no further snapshot, and disturbs no other', async (t) => {
  const clock = new VirtualClock();
  const { adminPort, watch, join } = await administered(
    t,
    {},
    { clock, heartbeat: false, idleTimeoutMs: false },
  );
  for (let i = 0; i < 300; i++) await join();
  using slow = await RawClient.connect({ port: adminPort });
  const { status } = await slow.upgrade({ path: '/live', protocols: [ADMIN_PROTOCOL] });
  assert.equal(status, 101);
  slow.send(text('{"limit":500}'));
  const { when, snapshots, viewer } = await watch();
  await waitUntil(() => {
    clock.advance(1);
    return snapshots.length > 0;
  });
  slow.stream.pause();
  const readBefore = slow.received.length;
  for (let i = 0; i < 120; i++) {
    const count = snapshots.length;
    clock.advance(1_000);
    await waitUntil(() => snapshots.length > count);
  }
  assert.ok(snapshots.length >= 120);
  assert.ok(slow.received.length - readBefore < 2_000_000, 'what was sent to it is bounded by the kernel');
  await when(({ connections }) => connections.matching === 300);
  slow.stream.destroy();
  viewer.close();
  await viewer.closed;
});

test('LG-06: 64 viewers at most; one more is refused, and does not harm the others', async (t) => {
  const { view, adminPort } = await administered(t);
  const viewers = await Promise.all(Array.from({ length: 64 }, () => view()));
  await assert.rejects(view(), { code: 'ERR_RESPONSE', status: 503 });
  const all = viewers.map((viewer) => watched(viewer));
  await Promise.all(all.map(({ when }) => when(() => true)));
  viewers.forEach((viewer) => viewer.close());
  await Promise.all(viewers.map((viewer) => viewer.closed));
  const again = await connect(`ws://127.0.0.1:${adminPort}/live`, { protocols: [ADMIN_PROTOCOL] });
  again.close();
  await again.closed;
});

test('LG-06: an operator closes a connection and drains the server only with actions; both are logged and shown', async (t) => {
  const lines: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object, line: string) => void lines.push(`${line} ${JSON.stringify(fields)}`),
  };
  const { ask, join, server, watch } = await administered(t, { actions: true }, { logger });
  const client = await join();
  const { id } = [...server.connections][0]!;
  const post = (path: string) => ask(path, { method: 'POST' });
  const { when } = await watch();
  assert.equal((await post('/connections/nobody/close')).status, 404);
  assert.equal((await post(`/connections/${id}/open`)).status, 404);
  assert.equal((await ask(`/connections/${id}/close`)).status, 404, 'GET changes nothing');
  for (const query of ['code=x', 'code=99999', 'codes=1000', `code=1000&reason=${'x'.repeat(9)}&a=1`])
    assert.equal((await post(`/connections/${id}/close?${query}`)).status, 400, query);
  const done = await post(`/connections/${id}/close?code=4321&reason=${encodeURIComponent('off you go')}`);
  assert.deepEqual([done.status, JSON.parse(done.body)], [202, { closing: id }]);
  const frame = await client.nextFrame();
  assert.deepEqual(
    [frame.opcode, frame.payload.readUInt16BE(), String(frame.payload.subarray(2))],
    [8, 4321, 'off you go'],
  );
  client[Symbol.dispose]();
  const seen = await when(({ events }) => events.some(({ kind }) => kind === 'action'));
  const event = seen.events.find(({ kind }) => kind === 'action');
  assert.deepEqual([event?.connectionId, event?.severity], [id, 'warn']);
  assert.ok(lines.some((line) => line.startsWith('admin: connection closed with 4321') && line.includes(id)));
  assert.equal((await post('/drain?timeoutMs=x')).status, 400);
  assert.equal(server.ready(), true);
  const drained = await post('/drain?timeoutMs=5000');
  assert.deepEqual([drained.status, JSON.parse(drained.body)], [202, { draining: 0 }]);
  assert.equal(server.ready(), false);
  assert.ok(lines.some((line) => line.startsWith('admin: server draining')));
  await server.shutdown();
});

test('LG-06 LG-04: an operator gets a capture of one connection, as JSON lines or for Wireshark', async (t) => {
  const clock = new VirtualClock();
  const { ask, join, server } = await administered(
    t,
    { actions: true },
    { clock, heartbeat: false, idleTimeoutMs: false },
  );
  server.on('message', () => undefined);
  const client = await join();
  const [connection] = server.connections;
  const captured = async (query: string) => {
    const answer = ask(`/connections/${connection!.id}/capture?${query}`, { method: 'POST' });
    const timers = clock.pendingTimers;
    await waitUntil(() => clock.pendingTimers > timers);
    const before = connection!.messagesReceived;
    client.send(text('hello'));
    await waitUntil(() => connection!.messagesReceived > before);
    clock.advance(2_000);
    return answer;
  };
  const lines = await captured('seconds=2&payloadBytes=all');
  assert.equal(lines.status, 200);
  assert.match(String(lines.headers['content-disposition']), /^attachment; filename="[\da-f]{8}\.jsonl"$/);
  const records = lines.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const frame = records.find(({ opcode }) => opcode !== undefined);
  assert.equal(Buffer.from(String(frame?.['payload']), 'base64').toString(), 'hello');
  const packets = await captured('seconds=2&format=pcapng&payloadBytes=all');
  assert.equal(packets.headers['content-type'], 'application/octet-stream');
  for (const query of [
    'seconds=0',
    'seconds=601',
    'format=text',
    'format=pcapng',
    'payloadBytes=-1',
    'file=x',
  ])
    assert.equal(
      (await ask(`/connections/${connection!.id}/capture?${query}`, { method: 'POST' })).status,
      400,
      query,
    );
  assert.equal(clock.pendingTimers, 0);
  client[Symbol.dispose]();
});

test('LG-06: without actions nothing can be changed', async (t) => {
  const { ask, join, server } = await administered(t);
  await join();
  const { id } = [...server.connections][0]!;
  for (const path of [`/connections/${id}/close`, '/drain'])
    assert.equal((await ask(path, { method: 'POST' })).status, 403);
  assert.equal(server.connections.size, 1);
  assert.equal(server.ready(), true);
});

test('LG-06: snapshots are plain JSON: nothing is undefined, and every value survives', async (t) => {
  const { watch, join } = await administered(t);
  await join();
  const { when } = await watch();
  const snapshot: AdminSnapshot = await when(({ connections }) => connections.rows.length === 1);
  assert.deepEqual(Object.keys(snapshot).sort(), [
    'cluster',
    'connections',
    'events',
    'format',
    'gauges',
    'lastMinute',
    'latency',
    'readiness',
    'server',
    'stats',
    'takenAtMs',
    'topics',
  ]);
  assert.equal(snapshot.connections.rows[0]!.rttMs, null);
  assert.equal(snapshot.server.name, null);
});
