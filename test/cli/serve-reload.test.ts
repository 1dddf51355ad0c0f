import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { RawClient, text, waitForEvent } from '../../src/testing/index.ts';
import { closeCode } from '../server/live.ts';
import { fileOf } from './config-run.ts';
import { served } from './fake-io.ts';

const joined = async (port: number): Promise<RawClient> => {
  const client = await RawClient.connect({ port });
  assert.equal((await client.upgrade()).status, 101);
  return client;
};

test('CF-04 CF-03: SIGHUP applies what has changed in the file to open connections, and logs it', async (t) => {
  const { path, write } = fileOf(t, 'hawser.json', { port: 0, maxMessageBytes: 1_000 });
  const server = await served('--config', path, '--max-connections', '9');
  t.after(() => server.stop());
  const client = await joined(server.port);
  write({ port: 0, maxMessageBytes: 10, maxConnections: 1 });
  server.io.hangUp();
  const lines = server.io.errLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.at(-1)?.['options'],
    ['maxMessageBytes', 'maxFrameBytes'],
    'the flag stays in force',
  );
  client.send(text('12345678901'));
  assert.equal(await closeCode(client), 1009);
  client[Symbol.dispose]();
  server.io.hangUp();
  assert.match(server.io.errLines.at(-1) ?? '', /"configuration read again: nothing has changed"/);
  write({ port: 0 });
  server.io.hangUp();
  const other = await joined(server.port);
  other.send(text('12345678901'));
  assert.equal(
    (await other.nextFrame()).payload.toString(),
    '12345678901',
    'a removed option has its default',
  );
  other[Symbol.dispose]();
});

for (const { what, next, flags = [], says } of [
  {
    what: 'a value is wrong',
    next: { maxTopics: 5, maxConnections: 0 },
    says: /maxConnections is 0; it must/,
  },
  { what: 'the file is broken', next: '{', says: /this is not JSON/ },
  {
    what: 'an option has changed that cannot change',
    next: { maxTopics: 5, perMessageDeflate: true },
    says: /perMessageDeflate cannot change while the server runs: start a second server/,
  },
  {
    what: 'the address has changed',
    next: { maxTopics: 5, host: '0.0.0.0' },
    says: /port and host cannot change/,
  },
  {
    what: 'the size of a body has changed with --topics',
    next: { maxTopics: 5, maxRequestBodyBytes: 50 },
    flags: ['--topics'],
    says: /maxRequestBodyBytes cannot change/,
  },
  {
    what: 'messages may be larger with --topics',
    next: { maxTopics: 5, maxMessageBytes: 5_000_000 },
    flags: ['--topics'],
    says: /maxMessageBytes is 5000000; it must be at most 1048576, its first value/,
  },
]) {
  test(`CF-04 CF-03: after SIGHUP nothing has changed if ${what}, and the log says why`, async (t) => {
    const { path, write } = fileOf(t, 'hawser.json', { maxTopics: 7 });
    const server = await served('--config', path, ...flags);
    t.after(() => server.stop());
    write(next);
    server.io.hangUp();
    assert.equal(server.io.errLines.filter((line) => line.includes('"configured"')).length, 0);
    const last = server.io.errLines.at(-1) ?? '';
    assert.match(last, /"configuration not changed, the server keeps the old one"/);
    assert.match(last, says);
    write({ maxTopics: 5 });
    server.io.hangUp();
    assert.match(server.io.errLines.at(-1) ?? '', /"text":"configured","options":\["maxTopics"\]/);
  });
}

test('CF-04 TL-04: the file may name a certificate, and the server follows it', async (t) => {
  const certificate = selfSigned(['127.0.0.1'], Date.now());
  const { path, write, folder } = fileOf(t, 'hawser.json', {});
  const [certFile, keyFile] = [join(folder, 'a.crt'), join(folder, 'a.key')];
  writeFileSync(certFile, certificate.cert);
  writeFileSync(keyFile, certificate.key);
  write({ tls: { certFile, keyFile, watch: true } });
  const server = await served('--config', path);
  t.after(() => server.stop());
  assert.equal(server.url.protocol, 'wss:');
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: certificate.cert });
  await waitForEvent(socket, 'secureConnect');
  socket.destroy();
});

test('CF-04 TL-04: SIGHUP reads the certificate that the file names again', async (t) => {
  const { path, write, folder } = fileOf(t, 'hawser.json', {});
  const [certFile, keyFile] = [join(folder, 'a.crt'), join(folder, 'a.key')];
  const renew = (): string => {
    const { cert, key } = selfSigned(['127.0.0.1'], Date.now());
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return cert;
  };
  renew();
  write({ tls: { certFile, keyFile } });
  const server = await served('--config', path);
  t.after(() => server.stop());
  const ca = renew();
  server.io.hangUp();
  const socket = connect({ port: server.port, host: '127.0.0.1', ca });
  await waitForEvent(socket, 'secureConnect');
  socket.destroy();
});
