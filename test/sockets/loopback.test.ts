import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { leakCheck } from '../../src/testing/index.ts';
import { takeHandles } from '../../src/sockets/handle-transport.ts';
import { CHECKS, ENGINE } from './pairs.ts';
import { Loopback } from '../../src/sockets/loopback.ts';

const CERTIFIED = selfSigned(['127.0.0.1'], Date.now());
const tlsServer = (): Server => createTlsServer({ ...CERTIFIED, allowHalfOpen: true });
const plainServer = (): Server => createServer({ allowHalfOpen: true });
const dial = (port: number) => connect({ port, host: '127.0.0.1', allowHalfOpen: true });
const dialTls = (port: number) => connectTls({ port, host: '127.0.0.1', ca: CERTIFIED.cert });

/** Moments at which a self-check may fail or time out. Everything that is open at that moment must be closed. */
const MOMENTS: readonly (readonly [
  when: string,
  server: () => Server,
  steps: (loopback: Loopback, server: Server) => Promise<unknown>,
])[] = [
  ['before a connection', plainServer, () => Promise.resolve()],
  ['while a connection arrives', plainServer, (loopback) => Promise.resolve(loopback.dial(dial))],
  [
    'after a connection that was not accepted',
    plainServer,
    (loopback, server) => {
      loopback.dial(dial);
      return once(server, 'connection');
    },
  ],
  [
    'before a TLS handshake has begun',
    tlsServer,
    (loopback, server) => {
      loopback.dial(dial);
      return once(server, 'connection');
    },
  ],
  [
    'during a TLS handshake',
    tlsServer,
    (loopback, server) => {
      loopback.dial(dialTls);
      return once(server, 'connection');
    },
  ],
  [
    'after the TLS handshake of the client',
    tlsServer,
    (loopback) => once(loopback.dial(dialTls), 'secureConnect'),
  ],
  [
    'after the TLS handshake of the server',
    tlsServer,
    (loopback, server) => {
      loopback.dial(dialTls);
      return once(server, 'secureConnection');
    },
  ],
  [
    'while a handle arrives',
    plainServer,
    async (loopback, server) => {
      await CHECKS.checkHandles();
      assert.ok(takeHandles(server, ENGINE, (open) => loopback.opened(open)));
      await once(loopback.dial(dial), 'connect');
    },
  ],
];
for (const [when, server, steps] of MOMENTS) {
  test(`a self-check that fails ${when} reports it and leaves nothing open`, async () => {
    const leaks = leakCheck();
    const failing = Loopback.run(server(), async (loopback, itself) => {
      await steps(loopback, itself);
      throw new Error('a planted failure');
    });
    await assert.rejects(failing, /^Error: a planted failure$/);
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
}
