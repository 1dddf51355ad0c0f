// puppeteer-core: its connection to a browser, here a server that answers as the DevTools protocol does.
/* oxlint-disable typescript/no-base-to-string, typescript/restrict-template-expressions -- text arrives as a Buffer */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import puppeteer from 'puppeteer-core';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/devtools' });
await once(server, 'listening');
const RESULTS = {
  'Browser.getVersion': {
    product: 'Chrome/1',
    protocolVersion: '1.3',
    userAgent: 'Fake',
    revision: '1',
    jsVersion: '1',
  },
  'Target.getBrowserContexts': { browserContextIds: [] },
};
const asked = [];
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const { id, method, sessionId } = JSON.parse(data.toString());
    asked.push(method);
    socket.send(JSON.stringify({ id, sessionId, result: RESULTS[method] ?? {} }));
  });
});
const browser = await puppeteer.connect({
  browserWSEndpoint: `ws://127.0.0.1:${server.address().port}/devtools`,
  defaultViewport: null,
});
assert.equal(await browser.version(), 'Chrome/1');
assert.ok(asked.includes('Target.setDiscoverTargets'));
await browser.disconnect();
for (const socket of server.clients) await once(socket, 'close');
server.close();
console.log('ok');
