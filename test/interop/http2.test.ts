import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type CloseInfo, WebSocketServer } from '../../src/index.ts';
import { selfSigned, waitUntil } from '../../src/testing/index.ts';
import { pagesOfFile, PAGE_TEST } from './pages.ts';

const openPage = pagesOfFile();
/** The default of Hawser keeps no context. */
const DEFLATE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

/** Runs in the page: several sockets at once, text and binary, then a Close with a code. */
async function talk() {
  const { host } = (globalThis as unknown as { location: { host: string } }).location;
  // The types of Node know other entries than those of a page.
  const entries = performance as unknown as { getEntriesByType(type: string): { nextHopProtocol: string }[] };
  const entry = entries.getEntriesByType('navigation')[0]!;
  const one = async (at: number): Promise<unknown[]> => {
    const socket = new WebSocket(`wss://${host}/chat?at=${at}`, ['v2', 'v1']);
    socket.binaryType = 'arraybuffer';
    const next = (name: string): Promise<Event> =>
      new Promise((resolve) => {
        socket.addEventListener(name, resolve, { once: true });
      });
    await next('open');
    const sizes: number[] = [];
    for (const size of [0, 1, 126, 65_536, 300_000]) {
      socket.send(new Uint8Array(size).fill(at));
      const { data } = (await next('message')) as Event & { data: ArrayBuffer };
      sizes.push(new Uint8Array(data).every((byte) => byte === at) ? data.byteLength : -1);
    }
    socket.close(4000 + at, 'done');
    const { code, wasClean } = (await next('close')) as Event & { code: number; wasClean: boolean };
    return [socket.protocol, socket.extensions, sizes, code, wasClean];
  };
  return { page: entry.nextHopProtocol, sockets: await Promise.all([1, 2, 3].map(one)) };
}

test(
  'RT-08 TS-06: Chromium opens WebSockets by extended CONNECT on the HTTP/2 session of the page',
  PAGE_TEST,
  async (t) => {
    const tls = selfSigned(['127.0.0.1'], Date.now());
    const web = createSecureServer(
      { ...tls, allowHTTP1: true, settings: { enableConnectProtocol: true } },
      (_, response) => {
        response.setHeader('content-type', 'text/html');
        response.end('<title>blank</title>');
      },
    );
    const server = new WebSocketServer({ path: '/chat', protocols: ['v1', 'v2'], perMessageDeflate: true });
    const requests: string[] = [];
    const closes: CloseInfo[] = [];
    const protocols: unknown[] = [];
    let upgrades = 0;
    server.attach(web);
    web.on('upgrade', () => upgrades++);
    web.on('session', (session) => void protocols.push(session.alpnProtocol));
    server.on('connection', (_, { method, headers }) => void requests.push(`${method} ${headers.origin}`));
    server.on('message', (connection, message) => void connection.send(message));
    server.on('close', (_, info) => void closes.push(info));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    t.after(async () => {
      await server.shutdown();
      web.close();
    });
    const url = `https://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const { page, context } = await openPage(t, `${url}/`, { ignoreHTTPSErrors: true });
    const seen = await page.evaluate(talk);
    assert.equal(seen.page, 'h2');
    assert.deepEqual(
      seen.sockets,
      [1, 2, 3].map((at) => ['v1', DEFLATE, [0, 1, 126, 65_536, 300_000], 4000 + at, true]),
    );
    assert.deepEqual(
      requests,
      Array.from({ length: 3 }, () => `CONNECT ${url}`),
    );
    assert.equal(upgrades, 0);
    // One session carries the page and its three WebSockets.
    assert.deepEqual(protocols, ['h2']);
    await waitUntil(() => closes.length === 3);
    assert.deepEqual(new Set(closes.map(({ cause }) => cause)), new Set(['peer-close']));
    await context.close();
  },
);
