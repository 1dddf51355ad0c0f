// tRPC: a query and a subscription with keep-alive.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocket, WebSocketServer } from 'ws';

const t = initTRPC.create();
const router = t.router({
  double: t.procedure.input(Number).query(({ input }) => input * 2),
  count: t.procedure.subscription(async function* count() {
    for (let i = 1; i <= 3; i++) yield i;
  }),
});
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
const handler = applyWSSHandler({
  wss: server,
  router,
  keepAlive: { enabled: true, pingMs: 50, pongWaitMs: 5_000 },
});
await once(server, 'listening');
const connection = createWSClient({ url: `ws://127.0.0.1:${server.address().port}`, WebSocket });
const client = createTRPCClient({ links: [wsLink({ client: connection })] });
assert.equal(await client.double.query(21), 42);
const counts = [];
await new Promise((resolve, reject) => {
  client.count.subscribe(undefined, {
    onData: (value) => counts.push(value),
    onComplete: resolve,
    onError: reject,
  });
});
assert.deepEqual(counts, [1, 2, 3]);
await connection.close();
handler.broadcastReconnectNotification();
await new Promise((resolve) => server.close(resolve));
console.log('ok');
