import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { RawClient, selfSigned } from '../../src/testing/index.ts';
import { ask, runExample } from './run-example.ts';

test('EX-01 RT-08 HTTP/2: a page and its WebSocket on one session, and an upgrade of HTTP/1.1', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = [join(folder, 'key.pem'), join(folder, 'cert.pem')] as const;
  const { key, cert } = selfSigned(['127.0.0.1'], Date.now());
  writeFileSync(files[0], key);
  writeFileSync(files[1], cert);
  const { port, waitForOutput } = await runExample(t, 'http2.ts', { args: files });

  const session = connect(`https://127.0.0.1:${port}`, { ca: cert });
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  const page = RawClient.over(session.request({ ':path': '/' }));
  assert.match((await page.receivedUntilEnd()).toString(), /<title>HTTP\/2<\/title>/);
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  const [answer] = (await once(stream, 'response')) as [{ ':status': number }];
  assert.equal(answer[':status'], 200);
  assert.equal(await ask(RawClient.over(stream), 'ahoy'), 'ahoy');
  await waitForOutput(/a client over HTTP\/2/);

  const socket = connectTls({ port, host: '127.0.0.1', ca: cert, ALPNProtocols: ['http/1.1'] });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  const old = RawClient.over(socket);
  assert.equal((await old.upgrade({ path: '/chat' })).status, 101);
  assert.equal(await ask(old, 'ahoy'), 'ahoy');
  await waitForOutput(/a client over HTTP\/1\.1/);
});
