import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Connection, Message } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { accepting, scriptedServer } from '../client/live.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';
import { Screen } from './screen.ts';
import { hawser, server } from './talking.ts';

interface Talk {
  readonly io: FakeIo;
  readonly screen: Screen;
  /** The connection on the server. */
  readonly connection: Connection;
  readonly messages: readonly Message[];
  readonly pings: readonly string[];
  readonly type: (keys: string) => void;
  /** Waits until the screen contains `part`. */
  readonly shows: (part: string) => Promise<unknown>;
  readonly exit: Promise<number>;
}

/** `hawser connect` at a terminal, connected to a server that sends no messages. */
async function talk(t: TestContext, ...flags: string[]): Promise<Talk> {
  const { server: peer, url } = await server(t);
  const messages: Message[] = [];
  const pings: string[] = [];
  peer.on('connection', (connection) =>
    connection.on('ping', (payload) => void pings.push(payload.toString())),
  );
  peer.on('message', (_, message) => void messages.push(message));
  const screen = new Screen(80);
  const io = fakeIo(true, { output: screen, hasColours: false });
  const exit = hawser(io, 'connect', url, ...flags);
  await waitUntil(() => peer.connections.size === 1 && screen.text === '>');
  const [connection] = peer.connections;
  return {
    io,
    screen,
    connection: connection!,
    messages,
    pings,
    type: (keys) => void io.input.write(keys),
    shows: (part) => waitUntil(() => screen.text.includes(part), { description: part }),
    exit,
  };
}

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

test('CM-05: typed lines are sent: text, text that begins with /, bytes; an empty line is not sent', async (t) => {
  const { io, type, messages, exit } = await talk(t);
  type('\r//slash\r/binary 48 ff\rplain\r');
  await waitUntil(() => messages.length === 3);
  assert.deepEqual(messages, ['/slash', Buffer.of(0x48, 0xff), 'plain']);
  type('/quit\r');
  assert.equal(await exit, 0);
  assert.match(io.errLines[0]!, /; \/help lists the commands, Ctrl-D closes the connection$/);
  assert.match(io.errLines[1]!, /^closed, code 1000 /);
});

test('CM-05: pings and pongs are shown as text; pongs of the heartbeat are not shown', async (t) => {
  const { type, connection, pings, shows, screen, exit } = await talk(t, '--ping-interval-ms', '1000');
  connection.ping(Buffer.from('to you\u0007'));
  await shows('< ping to you\\u{7}');
  type('/ping to me\r/ping\r');
  await shows('< pong to me');
  await waitUntil(() => /< pong \([\d.]+ (?:µs|ms)\)$/m.test(screen.text));
  assert.match(screen.text, /< pong to me \([\d.]+ (?:µs|ms)\)$/m);
  const isOurs = (payload: string): boolean => payload === 'to me' || payload === '';
  await waitUntil(() => pings.some((payload) => !isOurs(payload)));
  // A message after the pong.
  connection.send('after it');
  await shows('< after it');
  assert.equal(screen.text.match(/< pong/g)?.length, 2);
  assert.deepEqual(pings.filter(isOurs), ['to me', '']);
  type(CTRL_D);
  assert.equal(await exit, 0);
});

test('CM-05: a line that cannot be sent prints the reason, and the connection stays open', async (t) => {
  const { type, connection, shows, exit } = await talk(t, '--ping-interval-ms', 'off');
  type(`/ping ${'x'.repeat(126)}\r`);
  await shows('! a ping or pong carries at most 125 bytes, not 126');
  type('/close 1004\r');
  await shows('1004');
  type('/help\r');
  await shows('//text                  sends /text');
  assert.equal(connection.state, 'open');
  type('/close 1000 bye\r');
  assert.equal(await exit, 0);
  assert.equal((await connection.closed).reason, 'bye');
});

test('CM-05: Ctrl-C closes with 1000 and exits with 130', async (t) => {
  const { type, connection, exit } = await talk(t);
  type(CTRL_C);
  assert.equal(await exit, 130);
  assert.equal((await connection.closed).code, 1000);
});

test('CM-05: a line typed while closing is not sent and prints so; a second Ctrl-C does not wait for the peer', async (t) => {
  // This peer accepts and reads, but never closes.
  const peer = await scriptedServer(t, (socket, request) => socket.write(accepting(request)));
  const screen = new Screen(80);
  const io = fakeIo(true, { output: screen, hasColours: false });
  const exit = hawser(io, 'connect', peer.url);
  await waitUntil(() => screen.text === '>');
  io.input.write('/close 4000\rtoo late\r');
  await waitUntil(() => screen.text.includes('! the connection is closing: the message was not sent'));
  io.interrupt();
  io.input.write(CTRL_C);
  assert.equal(await exit, 130);
});
