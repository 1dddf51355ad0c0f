import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { RawClient } from '../../src/testing/index.ts';
import { ask, runExample } from './run-example.ts';

const signal = { skip: process.platform === 'win32' ? 'Windows has no SIGHUP' : false };

test('EX-01 TL-02 TLS: wss with a certificate from files, renewed while it runs', signal, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = [join(folder, 'key.pem'), join(folder, 'cert.pem')] as const;
  const renew = (): string => {
    const { key, cert } = selfSigned(['localhost'], Date.now());
    writeFileSync(files[0], key);
    writeFileSync(files[1], cert);
    return cert;
  };
  const ca = renew();
  const { port, child, waitForOutput } = await runExample(t, 'tls.ts', { args: files });
  const open = async (trusted: string): Promise<RawClient> => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: trusted });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    const client = RawClient.over(socket);
    assert.equal((await client.upgrade()).status, 101);
    return client;
  };
  const before = await open(ca);
  assert.equal(await ask(before, 'ahoy'), 'ahoy');

  writeFileSync(files[1], 'broken');
  child.kill('SIGHUP');
  await waitForOutput(/the old certificate stays/);
  const renewed = renew();
  child.kill('SIGHUP');
  await waitForOutput(/certificate renewed/);
  const after = await open(renewed);
  assert.equal(await ask(after, 'new'), 'new');
  assert.equal(await ask(before, 'old'), 'old');
});
