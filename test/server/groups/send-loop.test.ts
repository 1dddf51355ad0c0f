import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { type Connection, connect, MisuseError, WebSocketServer } from '../../../src/index.ts';
import { defaultEngine } from '../../../src/engine/engine.ts';
import { waitUntil } from '../../../src/testing/index.ts';
import hawser from '../../../src/ws/index.ts';

/** What a client got, one entry per message. */
type Inbox = string[];
interface Room {
  readonly peers: readonly {
    send(data: string | Buffer, options?: { binary?: boolean }): unknown;
    terminate(): void;
  }[];
  readonly inboxes: readonly Inbox[];
}
const CLIENTS = 5;

/** Clients with what they receive, and their connections at the server. */
async function native(t: TestContext): Promise<Room> {
  const server = new WebSocketServer({ perMessageDeflate: true });
  const peers: Connection[] = [];
  server.on('connection', (connection) => void peers.push(connection));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  const inboxes: Inbox[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const inbox: Inbox = [];
    const client = await connect(`ws://127.0.0.1:${port}`, { perMessageDeflate: i === 3 });
    t.after(() => client.terminate());
    client.on('message', (message, isText) => void inbox.push(`${isText ? 't' : 'b'} ${message.toString()}`));
    inboxes.push(inbox);
  }
  await waitUntil(() => peers.length === CLIENTS);
  return { peers, inboxes };
}

async function door(t: TestContext): Promise<Room> {
  const server = new hawser.WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: { threshold: 10 },
  });
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const peers: InstanceType<typeof hawser>[] = [];
  const inboxes: Inbox[] = [];
  server.on('connection', (socket) => void peers.push(socket));
  for (let i = 0; i < CLIENTS; i++) {
    const inbox: Inbox = [];
    const client = new hawser(`ws://127.0.0.1:${port}`, { perMessageDeflate: i === 3 });
    t.after(() => client.terminate());
    client.on(
      'message',
      (data, isBinary) => void inbox.push(`${isBinary ? 'b' : 't'} ${(data as Buffer).toString()}`),
    );
    inboxes.push(inbox);
    await once(client, 'open');
  }
  await waitUntil(() => peers.length === CLIENTS);
  return { peers, inboxes };
}

for (const [what, open] of [
  ['connection.send', native],
  ['send of hawser/ws', door],
] as const) {
  test(`FB-10: a loop of ${what} reaches each client with the bytes of its call, whatever changes in between`, async (t) => {
    const { peers, inboxes } = await open(t);
    const text = 'to all '.repeat(5);
    const buffer = Buffer.from('bytes to all, more than a few');
    for (const peer of peers) peer.send(text);
    for (const peer of peers) peer.send(buffer);
    for (const peer of peers) peer.send(buffer, { binary: false });
    for (const [at, peer] of peers.entries()) {
      buffer[0] = 48 + at;
      peer.send(buffer);
    }
    peers[2]!.terminate();
    for (const peer of peers) peer.send(text);
    const same = ['t ' + text, 'b bytes to all, more than a few', 't bytes to all, more than a few'];
    const live = [0, 1, 3, 4];
    await waitUntil(() => live.every((at) => inboxes[at]!.length === 5));
    for (const at of live)
      assert.deepEqual(inboxes[at], [...same, `b ${at}ytes to all, more than a few`, 't ' + text]);
    // Nothing is kept once the turn is over.
    await waitUntil(() => defaultEngine.repeated.framed({}, 2, buffer) === undefined);
  });
}

test('FB-10: a buffer that is detached in the loop is refused, as it is without a loop', async (t) => {
  const { peers } = await native(t);
  const bytes = new Uint8Array([1, 2, 3]);
  for (const peer of peers.slice(0, 3)) peer.send(bytes as Buffer);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  assert.throws(() => peers[3]!.send(bytes as Buffer), MisuseError);
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  for (const peer of peers) assert.throws(() => peer.send(shared as Buffer), MisuseError);
  const spoofed = Buffer.from('true bytes');
  for (const peer of peers.slice(0, 2)) peer.send(spoofed);
  Object.defineProperty(spoofed, 'byteLength', { value: 3 });
  Object.defineProperty(spoofed, 'length', { value: 3 });
  peers[4]!.send(spoofed);
});
