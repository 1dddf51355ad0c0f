// graphql-ws: a subscription on a server that answers pings and selects the subprotocol itself; with both client classes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { GraphQLInt, GraphQLObjectType, GraphQLSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocket, WebSocketServer } from 'ws';
import { WebSocket as BrowserWebSocket } from '../../../build/package/client.js';

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { one: { type: GraphQLInt, resolve: () => 1 } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      count: {
        type: GraphQLInt,
        async *subscribe() {
          for (let i = 1; i <= 3; i++) yield { count: i };
        },
      },
    },
  }),
});
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/graphql' });
const served = useServer({ schema }, server, 1_000);
await once(server, 'listening');
for (const webSocketImpl of [WebSocket, BrowserWebSocket]) {
  const client = createClient({
    url: `ws://127.0.0.1:${server.address().port}/graphql`,
    webSocketImpl,
    keepAlive: 50,
  });
  const counts = [];
  for await (const { data } of client.iterate({ query: 'subscription { count }' })) counts.push(data.count);
  assert.deepEqual(counts, [1, 2, 3]);
  for await (const { data } of client.iterate({ query: '{ one }' })) assert.equal(data.one, 1);
  await client.dispose();
}
await served.dispose();
console.log('ok');
