import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect } from '../../src/index.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { type WsClient, wsServer } from '../interop/peers.ts';

/** The facts about `ws` in docs/comparison.md. */
interface Told extends WsClient {
  readonly bufferedAmount: number;
}
interface Server {
  readonly options: { readonly maxPayload: number };
  readonly clients: ReadonlySet<Told>;
  close(): void;
}
const { skip } = wsServer;

async function wsListens(t: TestContext): Promise<{ readonly server: Server; readonly port: number }> {
  const http = createServer();
  const server = new wsServer.peer!({ server: http, perMessageDeflate: false });
  server.on('connection', (client) => void client.on('error', () => undefined));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    for (const client of (server as unknown as Server).clients) client.terminate();
    http.close();
  });
  return { server: server as unknown as Server, port: (http.address() as AddressInfo).port };
}

test('EX-02 comparison: ws accepts messages of 100 MiB and pages of any origin', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  assert.equal(server.options.maxPayload, 104_857_600);
  using client = await RawClient.connect({ port });
  assert.equal((await client.upgrade({ headers: { Origin: 'https://evil.example' } })).status, 101);
});

test('EX-02 comparison: ws buffers without a limit for a client that does not read', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  using client = await RawClient.connect({ port });
  await client.upgrade();
  client.stream.pause();
  client.send(text('here I am'));
  const [held] = server.clients;
  const megabyte = Buffer.alloc(1_048_576);
  for (let i = 0; i < 64; i++) held!.send(megabyte);
  await waitUntil(() => held!.bufferedAmount > 0);
  assert.ok(held!.bufferedAmount > 48 * 1_048_576, String(held!.bufferedAmount));
});

test('EX-02 comparison: close() of ws does not close connections', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  const client = await connect(`ws://127.0.0.1:${port}/`);
  t.after(() => client.terminate());
  server.close();
  const pong = once(client, 'pong');
  client.ping('still there');
  await pong;
  assert.equal(client.state, 'open');
});
