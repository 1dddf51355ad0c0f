import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, MisuseError, WebSocketServer } from '../../src/index.ts';
import { inspect } from '../../src/observe/index.ts';
import {
  continuation,
  ping,
  pair,
  readCapture,
  replay,
  type ReplayEvent,
  text,
  VirtualClock,
  waitUntil,
} from '../../src/testing/index.ts';
import { recorded } from '../observe/recorded.ts';
import { live } from '../server/live.ts';

/** What happens to a connection, as a replay tells it. */
function eventsOf(connection: Connection): ReplayEvent[] {
  const events: ReplayEvent[] = [];
  connection.on('message', (data) => void events.push({ type: 'message', data }));
  connection.on('ping', (payload) => void events.push({ type: 'ping', payload }));
  connection.on('pong', (payload) => void events.push({ type: 'pong', payload }));
  connection.on(
    'close',
    ({ code, reason, error }) =>
      void events.push(
        error === undefined ? { type: 'close', code, reason } : { type: 'failure', code: error.code },
      ),
  );
  return events;
}

test('TK-03 LG-04: capture, inspect and replay tell the same story, with and without compression', async () => {
  for (const perMessageDeflate of [false, { thresholdBytes: 0, contextTakeover: true }] as const) {
    const server = new WebSocketServer({ perMessageDeflate });
    const joined = await pair({ server, client: { perMessageDeflate } });
    const [onServer, onClient] = [recorded(joined.server), recorded(joined.client)];
    const [serverEvents, clientEvents] = [eventsOf(joined.server), eventsOf(joined.client)];
    for (const message of ['Hello', 'Hello again', Buffer.from('binary'), '', 'κόσμε']) {
      joined.client.send(message);
      joined.server.send(message);
      await joined.pass(100);
    }
    joined.client.ping('p');
    await joined.pass(100);
    joined.client.close(1001, 'going');
    await joined.server.closed;
    await joined.client.closed;
    for (const { captured, events, bytes } of [
      { captured: readCapture(onServer.bytes())[0]!, events: serverEvents, bytes: onServer.bytes() },
      { captured: readCapture(onClient.bytes())[0]!, events: clientEvents, bytes: onClient.bytes() },
    ]) {
      assert.deepEqual(await replay(captured), events);
      const { frames } = inspect(bytes).connections[0]!;
      const inspected = frames
        .filter(({ from, message }) => from !== captured.role && message !== undefined)
        .map(({ message }) => (message!.isText ? message!.data.toString() : message!.data));
      assert.deepEqual(
        inspected,
        events.flatMap((event) => (event.type === 'message' ? [event.data] : [])),
      );
    }
    const other = new WebSocketServer({ perMessageDeflate });
    assert.deepEqual(await replay(readCapture(onServer.bytes())[0]!, { server: other }), serverEvents);
    await Promise.all([server.shutdown(), other.shutdown()]);
  }
});

test('TK-03: fragments, pings between them and violations are replayed', async (t) => {
  for (const last of [text('x', { rsv2: true }), Buffer.of(0x83), text('x', { lengthForm: 16 })]) {
    const { join } = live(t);
    const peer = await join();
    const { running, bytes } = recorded(peer.connection);
    const events = eventsOf(peer.connection);
    peer.raw.send(Buffer.concat([text('one ', { fin: false }), ping('p'), continuation('two'), last]));
    peer.raw.end();
    await peer.connection.closed;
    await running.ended;
    const captured = readCapture(bytes())[0]!;
    assert.deepEqual(await replay(captured), events);
    assert.equal(events.at(-1)!.type, 'failure');
    await using server = new WebSocketServer();
    assert.deepEqual(await replay(captured, { server }), events);
  }
});

test('TK-03: with a clock, a server sees the times of the capture', async () => {
  await using joined = await pair();
  joined.server.on('message', () => undefined);
  const { bytes } = recorded(joined.server);
  for (let i = 0; i < 3; i++) {
    joined.client.send(`at ${i}`);
    await joined.pass(1_000);
  }
  const clock = new VirtualClock();
  await using server = new WebSocketServer({ clock });
  const times: number[] = [];
  server.on('message', () => void times.push(clock.now()));
  await replay(readCapture(bytes())[0]!, { server, clock });
  assert.deepEqual(times, [0, 1_000, 2_000]);
});

test('TK-03 GN-05: what cannot be replayed is refused with a reason', async () => {
  await using joined = await pair();
  joined.server.on('message', () => undefined);
  const [whole, cut, client] = [
    recorded(joined.server),
    recorded(joined.server, { payloadBytes: 1 }),
    recorded(joined.client),
  ];
  joined.client.send('Hello');
  joined.server.send('Hello');
  await joined.pass(100);
  await using server = new WebSocketServer();
  const refused = (call: Promise<unknown>, pattern: RegExp) =>
    assert.rejects(call, (error) => error instanceof MisuseError && pattern.test(error.message));
  await refused(
    replay(readCapture(cut.bytes())[0]!),
    /no whole payloads; capture with payloadBytes: Infinity/,
  );
  await refused(replay(readCapture(client.bytes())[0]!, { server }), /a client captured this connection/);
  const other = { ...readCapture(whole.bytes())[0]!, extensions: 'permessage-deflate' };
  await refused(replay(other, { server }), /agreed on the extensions ''/);
  await refused(replay(other, { speed: 2 } as object), /has no option speed/);
  assert.throws(() => readCapture('nothing'), /line 1 of the capture is not a JSON object/);
  assert.throws(() => readCapture(`${String(whole.records[0])}{"dropped":3}\n`), /3 records were dropped/);
  await waitUntil(() => server.connections.size === 0);
});
