import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect, type Connection, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, selfSigned, waitUntil } from '../../src/testing/index.ts';

/** More than a packing table has memories, so that the last clients get copies. */
const SLOW_CLIENTS = 6;
/** Small enough to be packed. */
const MESSAGE_BYTES = 12_000;

/** Each message of each client differs from all others. */
function pattern(client: number, message: number): Buffer {
  const bytes = Buffer.alloc(MESSAGE_BYTES, (client * 37 + message * 11) & 255);
  bytes.writeUInt32LE(client, 0);
  bytes.writeUInt32LE(message, MESSAGE_BYTES - 4);
  return bytes;
}

/** Sockets of an HTTP server are driven in another way than those of `listen`. */
async function attached(t: TestContext, server: WebSocketServer): Promise<AddressInfo> {
  const http = createServer();
  t.after(() => http.close());
  server.attach(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return http.address() as AddressInfo;
}

interface Client {
  readonly near: Connection;
  readonly far: Connection;
  readonly got: Buffer[];
}

for (const way of ['over TCP', 'over TLS', 'attached to an HTTP server'] as const) {
  test(`FB-06 ${way}: frames of a write that the kernel has not finished stay unchanged while others are sent`, async (t) => {
    const secure = way === 'over TLS';
    const keys = selfSigned(['127.0.0.1']);
    const server = new WebSocketServer({ heartbeat: false, ...(secure ? { tls: keys } : {}) });
    t.after(() => server.shutdown({ timeoutMs: 1_000 }));
    const { port } =
      way === 'attached to an HTTP server' ? await attached(t, server) : await server.listen(0, '127.0.0.1');
    const open = async (): Promise<Client> => {
      const arrived = new Promise<Connection>((resolve) => void server.once('connection', resolve));
      const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}`;
      const near = await connect(url, {
        receiveAheadBytes: 1,
        ...(secure ? { tls: { ca: keys.cert } } : {}),
      });
      const got: Buffer[] = [];
      near.on('message', (message) => void got.push(message as Buffer));
      return { near, far: await arrived, got };
    };
    const clients: Client[] = [];
    for (let at = 0; at <= SLOW_CLIENTS; at++) clients.push(await open());
    const reader = clients.pop()!;
    const sent = clients.map(() => 0);
    for (const { near } of clients) near.pause();
    // One connection a turn: the frames of several connections would be moved out of the table.
    const send = async (at: number): Promise<void> => {
      clients[at]!.far.send(pattern(at, sent[at]!++));
      await eventLoopTurns(1);
    };
    for (const [at, { far }] of clients.entries()) while (far.bufferedBytes === 0) await send(at);
    for (let message = 0; message < 50; message++) {
      reader.far.send(pattern(SLOW_CLIENTS, message));
      await eventLoopTurns(1);
    }
    // Some of the blocked connections end: what they locked is free again.
    const [cut] = clients.splice(0, 1) as [Client];
    sent.splice(0, 1);
    cut.far.terminate();
    for (const { near } of clients) near.resume();
    await waitUntil(
      () =>
        reader.got.length === 50 &&
        clients.every(({ got }, at) => got.length === sent[at] && clients[at]!.far.bufferedBytes === 0),
    );
    for (const { far } of clients) far.send(pattern(9, 9));
    await waitUntil(() => clients.every(({ got }, at) => got.length === sent[at]! + 1));
    for (const [at, { got }] of [...clients, reader].entries()) {
      const last = at < clients.length ? got.pop() : undefined;
      if (last !== undefined) assert.deepEqual(last, pattern(9, 9));
      for (const [number, message] of got.entries())
        assert.ok(message.equals(pattern(at + 1, number)), `client ${at + 1}, message ${number}`);
    }
    for (const { near } of [...clients, reader]) near.close();
  });
}
