import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { runCommandLine } from '../../src/cli/commands.ts';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { nextText } from '../server/live.ts';
import { fakeIo, served } from './fake-io.ts';

/** Writes a certificate and its key to two files, which exist until the test ends. */
function files(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = (credentials: { readonly cert: string; readonly key: string }): void => {
    writeFileSync(cert, credentials.cert);
    writeFileSync(key, credentials.key);
  };
  return { cert, key, write };
}

async function secure(port: number, ca: string | undefined): Promise<RawClient> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca }),
  });
  await once(socket, 'secureConnect');
  return RawClient.over(socket);
}

test('CM-04: --tls-cert and --tls-key serve wss:; SIGHUP reads the files again; an invalid file changes nothing', async (t) => {
  const { cert, key, write } = files(t);
  const [first, second] = [selfSigned(['127.0.0.1'], Date.now()), selfSigned(['127.0.0.1'], Date.now())];
  write(first);
  const server = await served('--tls-cert', cert, '--tls-key', key);
  t.after(() => server.stop());
  assert.equal(server.url.protocol, 'wss:');
  const client = await secure(server.port, first.cert);
  assert.equal((await client.upgrade()).status, 101);
  write(second);
  server.io.hangUp();
  (await secure(server.port, second.cert))[Symbol.dispose]();
  write({ cert: 'broken', key: second.key });
  server.io.hangUp();
  (await secure(server.port, second.cert))[Symbol.dispose]();
  const lines = server.io.errLines.join('\n');
  assert.match(lines, /certificate renewed/);
  assert.match(lines, /certificate not renewed, the server keeps the old one/);
  client.send(text('still here'));
  assert.equal(await nextText(client), 'still here');
  client[Symbol.dispose]();
});

test('CM-04: SIGHUP is handled from the line with the URL until the last connection has closed', async (t) => {
  const { cert, key, write } = files(t);
  write(selfSigned(['127.0.0.1'], Date.now()));
  const io = fakeIo();
  const renewals = (): number => io.errLines.filter((line) => line.includes('certificate renewed')).length;
  const out = (line: string): void => {
    io.out(line);
    io.hangUp();
  };
  const args = ['serve', '--port', '0', '--tls-cert', cert, '--tls-key', key];
  const exit = runCommandLine(args, { ...io, out }, '0.0.0');
  const line = await waitUntil(() => io.outLines[0]);
  const { port } = new URL(line!.replace(/^.* /, ''));
  assert.equal(renewals(), 1);
  const client = await secure(Number(port), undefined);
  assert.equal((await client.upgrade()).status, 101);
  io.interrupt();
  await client.nextFrame();
  io.hangUp();
  assert.equal(renewals(), 2);
  client[Symbol.dispose]();
  assert.equal(await exit, 0);
});

test('CM-04: --tls-self-signed makes a certificate for this machine, and SIGHUP leaves it', async (t) => {
  const server = await served('--chat', '--tls-self-signed');
  t.after(() => server.stop());
  assert.equal(server.url.protocol, 'https:');
  const client = await secure(server.port, undefined);
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal((await client.nextHead()).status, 200);
  client[Symbol.dispose]();
  server.io.hangUp();
  assert.doesNotMatch(server.io.errLines.join('\n'), /certificate/, 'clients trust the first one');
  await waitUntil(() => server.io.outLines.length === 1);
});

test('CM-01: a certificate that is missing or does not match its key causes exit 1 and one sentence', async (t) => {
  const { cert, key, write } = files(t);
  write({ cert: selfSigned(['a'], Date.now()).cert, key: selfSigned(['a'], Date.now()).key });
  for (const [files, says] of [
    [[cert, `${key}.missing`], /^hawser: --tls-key: cannot read the file: ENOENT/],
    [[cert, key], /^hawser: tls does not fit together/],
  ] as const) {
    const io = fakeIo();
    const args = ['serve', '--port', '0', '--tls-cert', files[0], '--tls-key', files[1]];
    assert.equal(await runCommandLine(args, io, '0.0.0'), 1);
    assert.equal(io.errLines.length, 1);
    assert.match(io.errLines[0] ?? '', says);
  }
});
