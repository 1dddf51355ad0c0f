import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ServerOptions } from '../../../src/index.ts';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import {
  close,
  ping,
  RawClient,
  text,
  VirtualClock,
  waitForEvent,
  waitUntil,
} from '../../../src/testing/index.ts';
import { listening } from '../live.ts';

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

/** How far a client comes before it vanishes. */
const STATES: readonly {
  readonly state: string;
  readonly options?: ServerOptions;
  readonly reach: (client: RawClient) => unknown;
}[] = [
  { state: 'before its first byte', reach: () => undefined },
  { state: 'inside its head', reach: (client) => client.send(UPGRADE.slice(0, 60)) },
  {
    state: 'while the hook thinks',
    options: { upgrade: () => new Promise(() => {}) },
    reach: (client) => client.send(UPGRADE),
  },
  {
    state: 'after a refusal',
    options: { path: '/ours' },
    reach: async (client) => {
      client.send(UPGRADE);
      await client.nextHead();
    },
  },
  {
    state: 'inside a plain request',
    options: { request: () => new Response('') },
    reach: (client) => client.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc'),
  },
  { state: 'when it is open', reach: (client) => client.upgrade() },
  {
    state: 'inside a frame header',
    reach: async (client) => {
      await client.upgrade();
      client.send(Buffer.of(0x81));
    },
  },
  {
    state: 'inside a message',
    reach: async (client) => {
      await client.upgrade();
      client.send(text('half', { fin: false }));
    },
  },
  {
    state: 'with much waiting for it',
    reach: async (client) => {
      await client.upgrade();
      client.pause();
      client.send(text('flood me'));
    },
  },
  {
    state: 'with its messages waiting',
    reach: async (client) => {
      await client.upgrade();
      client.send(Buffer.concat([text('pause'), text('a'), text('b'), ping('c')]));
    },
  },
  {
    state: 'after our Close',
    reach: async (client) => {
      await client.upgrade();
      client.send(text('close me'));
      await client.nextFrame();
    },
  },
  {
    state: 'after its own Close',
    reach: async (client) => {
      await client.upgrade();
      client.send(close(1000));
    },
  },
  {
    state: 'after a violation',
    reach: async (client) => {
      await client.upgrade();
      client.send(Buffer.of(0xff, 0xff, 0xff));
      await client.nextFrame();
    },
  },
];

const LEAVE = {
  FIN: (client: RawClient) => client.end(),
  RST: (_: RawClient, tcp: { resetAndDestroy(): unknown }) => void tcp.resetAndDestroy(),
} as const;

const tls = selfSigned(['localhost'], Date.now());

for (const secure of [false, true]) {
  for (const [how, leave] of Object.entries(LEAVE)) {
    for (const { state, options, reach } of STATES) {
      test(`SE-32 RG-06 TO-02: ${how} ${state}${secure ? ', over TLS' : ''}: no state is left in registry, topics, counters, timers`, async (t) => {
        const clock = new VirtualClock();
        const { server, port } = await listening(t, { clock, ...options, ...(secure ? { tls } : {}) });
        server.on('connection', (connection) => {
          connection.subscribe('topic');
          connection.on('message', (message) => {
            if (message === 'flood me') for (let i = 0; i < 10; i++) connection.send(Buffer.alloc(90_000));
            if (message === 'close me') connection.close(1000);
            if (message === 'pause') connection.pause();
          });
        });
        const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
        await waitForEvent(tcp, 'connect');
        const stream = secure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp;
        if (secure) await waitForEvent(stream, 'secureConnect');
        const client = RawClient.over(stream);
        t.after(() => client[Symbol.dispose]());
        await waitUntil(() => server.stats().handshakes.pending > 0 || server.connections.size > 0);
        await reach(client);
        leave(client, tcp);
        client.resume();
        await waitUntil(() => {
          // Lingering and close timeouts pass.
          clock.advance(500);
          const { connections, handshakes } = server.stats();
          return connections.now === 0 && handshakes.pending === 0 && clock.pendingTimers === 0;
        });
        const { connections, topics, bytes } = server.stats();
        assert.deepEqual(
          [connections.open, connections.closing, topics, bytes.buffered],
          [0, 0, { count: 0, subscriptions: 0 }, 0],
        );
        assert.equal(connections.opened, connections.closed);
      });
    }
  }
}

for (const how of ['nothing', 'FIN', 'RST', 'half a hello'] as const) {
  test(`SE-32 TL-02: TCP alone, ${how}, before TLS: no state is left, and the client counts as refused`, async (t) => {
    const { server, port, refusals } = await listening(t, { tls, handshakeTimeoutMs: 300 });
    const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    tcp.on('error', () => {});
    await waitForEvent(tcp, 'connect');
    await waitUntil(() => server.stats().handshakes.pending === 1);
    if (how === 'FIN') tcp.end();
    if (how === 'RST') tcp.resetAndDestroy();
    if (how === 'half a hello') tcp.write(Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
    await waitUntil(() => server.stats().handshakes.pending === 0);
    await waitUntil(() => refusals.length === 1);
    tcp.destroy();
    assert.deepEqual([refusals[0]!.status, refusals[0]!.code], [0, 'ERR_TLS']);
  });
}
