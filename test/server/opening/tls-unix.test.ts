import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { WebSocketServer } from '../../../src/index.ts';
import { RawClient, waitForEvent, waitUntil } from '../../../src/testing/index.ts';

test('TL-01 EV-02 HS-25: TLS on a Unix socket: clients without an address do not affect each other', {
  skip: process.platform === 'win32' ? 'needs Unix sockets' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-tls-'));
  const path = join(folder, 'socket');
  const server = new WebSocketServer({ tls: selfSigned(['localhost'], Date.now()), maxPendingHandshakes: 5 });
  t.after(async () => {
    await server.shutdown({ timeoutMs: 500 });
    rmSync(folder, { recursive: true });
  });
  assert.equal(await server.listen({ path }), path);
  // More than may be under way, one after the other and some at once.
  for (let round = 0; round < 4; round++) {
    const clients = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const socket = connect({ path, rejectUnauthorized: false });
        await waitForEvent(socket, 'secureConnect');
        return RawClient.over(socket);
      }),
    );
    for (const client of clients) assert.equal((await client.upgrade()).status, 101);
    assert.equal(server.connections.size, 3);
    for (const connection of server.connections) assert.equal(connection.remoteAddress, '');
    for (const client of clients) client[Symbol.dispose]();
    await waitUntil(() => server.connections.size === 0);
    const broken = connectTcp(path);
    broken.on('error', () => undefined);
    broken.end('not TLS');
    await waitForEvent(broken, 'close');
    assert.equal(server.stats().handshakes.pending, 0);
  }
});
