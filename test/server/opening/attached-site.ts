import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { type RefusedInfo, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { EXAMPLE_KEY, RawClient } from '../../../src/testing/index.ts';

const { key, cert } = selfSigned(['localhost'], Date.now());

export const upgradeText = (path = '/'): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;

/** Answers with the method, the path and the body of the request. */
export const echo: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk) => void (body += String(chunk)));
  request.on('end', () => void response.end(`${request.method} ${request.url} ${body}`));
};

export interface Site {
  readonly web: Server;
  readonly server: WebSocketServer;
  readonly errors: Error[];
  readonly refusals: RefusedInfo[];
  readonly open: () => Promise<RawClient>;
}

/** An HTTP server and a WebSocket server that greets; a test attaches it. */
export async function site(t: TestContext, web: Server, options: ServerOptions = {}): Promise<Site> {
  const server = new WebSocketServer(options);
  const errors: Error[] = [];
  const refusals: RefusedInfo[] = [];
  server.on('connection', (connection) => void connection.send('hello'));
  server.on('error', (error) => void errors.push(error));
  server.on('refused', (info) => void refusals.push(info));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const { port } = web.address() as AddressInfo;
  const clients: RawClient[] = [];
  t.after(async () => {
    for (const client of clients) client[Symbol.dispose]();
    await server.shutdown();
    web.closeAllConnections();
    web.close();
    assert.deepEqual(errors, []);
  });
  return {
    web,
    server,
    errors,
    refusals,
    open: async () => {
      const client =
        'setSecureContext' in web
          ? RawClient.over(connectTls({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }))
          : await RawClient.connect({ port });
      clients.push(client);
      return client;
    },
  };
}

export const plain = (listener?: RequestListener): Server => createServer(listener);
export const secure = (listener?: RequestListener): Server => createSecureServer({ key, cert }, listener);
