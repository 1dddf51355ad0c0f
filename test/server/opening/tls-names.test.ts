import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import { RawClient, text, waitForEvent } from '../../../src/testing/index.ts';
import { listening, nextText } from '../live.ts';

const certificateOf = (name: string) => selfSigned([name], Date.now());
/** Names in the certificate that a client was shown. */
const shownTo = (socket: TLSSocket): string | undefined => socket.getPeerCertificate().subjectaltname;

async function client(port: number, servername: string): Promise<{ raw: RawClient; socket: TLSSocket }> {
  const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  await waitForEvent(socket, 'secureConnect');
  return { raw: RawClient.over(socket), socket };
}

test('TL-01: SNI selects the certificate of the requested name; other clients get the first one', async (t) => {
  const hosts = new Map(
    ['a.example', 'b.example'].map((name) => [name, createSecureContext(certificateOf(name))]),
  );
  const { port } = await listening(t, {
    tls: {
      ...certificateOf('default.example'),
      SNICallback: (name, done) => done(null, hosts.get(name)),
    },
  });
  for (const [asked, shown] of [
    ['a.example', 'DNS:a.example'],
    ['b.example', 'DNS:b.example'],
    ['c.example', 'DNS:default.example'],
  ] as const) {
    const { raw, socket } = await client(port, asked);
    assert.equal(shownTo(socket), shown);
    assert.equal(socket.alpnProtocol, false);
    assert.equal((await raw.upgrade()).status, 101);
    raw[Symbol.dispose]();
  }
});

test('TL-01 ER-05: SNI that fails refuses that client, and no other', async (t) => {
  const { port, refusals } = await listening(t, {
    tls: {
      ...certificateOf('default.example'),
      SNICallback: (name, done) => (name === 'bad.example' ? done(new Error('as a test')) : done(null)),
    },
  });
  await assert.rejects(client(port, 'bad.example'));
  const { raw } = await client(port, 'good.example');
  assert.equal((await raw.upgrade()).status, 101);
  raw[Symbol.dispose]();
  assert.deepEqual(
    refusals.map(({ code }) => code),
    ['ERR_TLS'],
  );
});

test('TL-03: during twenty renewals a connection keeps working, and new clients get the latest certificate', async (t) => {
  const { server, port } = await listening(t, { tls: certificateOf('first.example') });
  server.on('message', (connection, message) => void connection.send(message));
  const { raw: old, socket } = await client(port, 'x.example');
  await old.upgrade();
  for (let i = 0; i < 20; i++) {
    server.reloadTls(certificateOf(`renewed-${i}.example`));
    old.send(text(`line ${i}`));
    assert.equal(await nextText(old), `line ${i}`);
    const { raw, socket: fresh } = await client(port, 'x.example');
    assert.equal(shownTo(fresh), `DNS:renewed-${i}.example`);
    raw[Symbol.dispose]();
  }
  assert.equal(shownTo(socket), 'DNS:first.example');
  old[Symbol.dispose]();
});
