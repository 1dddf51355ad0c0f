// Hocuspocus: two Yjs documents that agree.
import assert from 'node:assert/strict';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Server } from '@hocuspocus/server';
import { WebSocket } from 'ws';
import * as Y from 'yjs';

const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, stopOnSignals: false });
await server.listen();
const url = `ws://127.0.0.1:${server.address.port}`;
const providers = [new Y.Doc(), new Y.Doc()].map((document) => {
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
  const provider = new HocuspocusProvider({ websocketProvider, name: 'page', document });
  provider.attach();
  return { provider, websocketProvider, document };
});
await Promise.all(providers.map(({ provider }) => new Promise((resolve) => provider.on('synced', resolve))));
const [one, other] = providers.map(({ document }) => document.getText('text'));
const changed = new Promise((resolve) => other.observe(resolve));
one.insert(0, 'written once');
await changed;
assert.equal(other.toJSON(), 'written once');
for (const { provider, websocketProvider } of providers) {
  provider.destroy();
  websocketProvider.destroy();
}
await server.destroy();
console.log('ok');
