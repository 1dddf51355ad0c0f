import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { RawClient, waitUntil } from '../../src/testing/index.ts';
import { pendingResponse } from '../../src/sockets/pending-response.ts';

test('RFC 9112 §9.3.2 Node keeps the pending response of a socket in the property that Hawser reads', async (t) => {
  const responses: ServerResponse[] = [];
  const web = createServer((_, response) => void responses.push(response));
  const sockets: Duplex[] = [];
  web.on('connection', (socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const client = await RawClient.connect({ port: (web.address() as AddressInfo).port });
  t.after(() => {
    client[Symbol.dispose]();
    web.close();
  });
  await waitUntil(() => sockets.length === 1);
  const [socket] = sockets;
  assert.equal(pendingResponse(socket!), undefined);
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitUntil(() => responses.length === 2);
  for (const response of responses) {
    assert.equal(pendingResponse(socket!), response);
    response.end('x');
    await waitUntil(() => pendingResponse(socket!) !== response);
  }
  assert.equal(pendingResponse(socket!), undefined);
});
