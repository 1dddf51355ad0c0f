import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { close, pong, RawClient, text, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { closeCode, nextText } from '../server/live.ts';
import { HAPROXY, NGINX, nginxConfig, recipe, replaced, startProxy } from './proxy-run.ts';

/** The client's address: not 127.0.0.1, which is the proxy's address. */
const CLIENT_ADDRESS = '127.0.0.2';

interface Setting {
  readonly folder: string;
  readonly port: number;
  readonly backendPort: number;
  readonly timeout: string;
}

const PROXIES = [
  {
    ...NGINX,
    config: ({ folder, port, backendPort, timeout }: Setting) =>
      nginxConfig(
        folder,
        replaced(recipe('proxies.md', 'nginx'), [
          ['127.0.0.1:8080', `127.0.0.1:${backendPort}`],
          ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
          ['/etc/ssl/app.example/fullchain.pem', join(folder, 'both.pem')],
          ['/etc/ssl/app.example/privkey.pem', join(folder, 'both.pem')],
          ['75s', timeout],
        ]),
      ),
  },
  {
    ...HAPROXY,
    config: ({ folder, port, backendPort, timeout }: Setting) =>
      replaced(recipe('proxies.md', 'haproxy'), [
        ['127.0.0.1:8080', `127.0.0.1:${backendPort}`],
        ['bind :443', `bind 127.0.0.1:${port}`],
        ['/etc/ssl/app.example/both.pem', join(folder, 'both.pem')],
        ['75s', timeout],
      ]),
  },
] as const;

async function proxied(
  t: TestContext,
  { config, ...program }: (typeof PROXIES)[number],
  options: ServerOptions,
  timeout = '75s',
): Promise<{
  readonly server: WebSocketServer;
  readonly join: (headers?: Record<string, string>) => Promise<RawClient>;
}> {
  const server: WebSocketServer = new WebSocketServer({
    trustProxy: ['127.0.0.1', '::1'],
    request: ({ url }) =>
      url.pathname === '/ready' && server.ready()
        ? new Response('ready\n')
        : new Response('', { status: 503 }),
    ...options,
  });
  server.on('message', (connection, message) => void connection.send(message));
  const { port: backendPort } = await server.listen(0, '127.0.0.1');
  const { key, cert } = selfSigned(['app.example'], Date.now());
  const starting = startProxy(t, program, (port, folder) => config({ folder, port, backendPort, timeout }), {
    'both.pem': `${cert}\n${key}`,
  });
  // After the end of the proxy, which has its hook already.
  t.after(() => server.shutdown({ timeoutMs: 2_000 }));
  const port = await starting;
  return {
    server,
    join: async (headers) => {
      const stream = connectTls({
        socket: connectTcp({ port, host: '127.0.0.1', localAddress: CLIENT_ADDRESS }),
        servername: 'app.example',
        ca: cert,
      });
      await waitForEvent(stream, 'secureConnect');
      const client = RawClient.over(stream);
      t.after(() => client[Symbol.dispose]());
      const { status } = await client.upgrade({ headers: { Host: 'app.example', ...headers } });
      if (status !== 101) client[Symbol.dispose]();
      assert.equal(status, 101);
      return client;
    },
  };
}

/** Answers every ping and counts pings. */
function answering(client: RawClient): { readonly pings: () => number; readonly over: Promise<void> } {
  let pings = 0;
  const loop = async (): Promise<void> => {
    for (;;) {
      const { opcode, payload } = await client.nextFrame({ deadlineMs: 20_000 });
      if (opcode !== 9) return;
      pings++;
      client.send(pong(payload));
    }
  };
  return { pings: () => pings, over: loop().catch(() => undefined) };
}

for (const proxy of PROXIES) {
  const { name, found } = proxy;
  const options = { skip: found.skip, timeout: 60_000 };

  test(
    `RT-06 TL-05 OR-04 SE-10: behind ${name} the connection has the client's address, scheme and host; forged fields have no effect`,
    options,
    async (t) => {
      const seen: unknown[] = [];
      const { server, join: open } = await proxied(t, proxy, {
        upgrade: ({ remoteAddress, secure, request }) => {
          seen.push([remoteAddress, secure, request.url.href]);
        },
      });
      const honest = await open({ Origin: 'https://app.example' });
      honest.send(text('hello'));
      assert.equal(await nextText(honest), 'hello');
      await open({
        Origin: 'https://app.example',
        'X-Forwarded-For': '192.0.2.1, 10.0.0.1',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Host': 'evil.example',
        Forwarded: 'for=192.0.2.1;proto=http;host=evil.example',
      });
      assert.deepEqual(seen, [
        [CLIENT_ADDRESS, true, 'https://app.example/'],
        [CLIENT_ADDRESS, true, 'https://app.example/'],
      ]);
      for (const connection of server.connections) assert.equal(connection.remoteAddress, CLIENT_ADDRESS);
      for (const foreign of ['http://app.example', 'https://evil.example', 'null']) {
        await assert.rejects(open({ Origin: foreign, 'X-Forwarded-Host': 'evil.example' }), /403 !== 101/);
      }
    },
  );

  test(`LM-03 RT-06: behind ${name} limits per address count clients, not the proxy`, options, async (t) => {
    const { join: open, server } = await proxied(t, proxy, { maxConnectionsPerIp: 1 });
    await open();
    await assert.rejects(open(), /429 !== 101/);
    await assert.rejects(open({ 'X-Forwarded-For': '192.0.2.7' }), /429 !== 101/);
    assert.deepEqual({ ...server.stats().handshakes.refusedByCode }, { ERR_IP_LIMIT: 2 });
  });

  test(`HB-01 TO-01: behind ${name} the heartbeat keeps idle connections alive`, options, async (t) => {
    const { join: open, server } = await proxied(
      t,
      proxy,
      { pingIntervalMs: 300, pongTimeoutMs: 290, maxMissedPongs: 20 },
      // Not shorter: a busy machine that pauses all processes for this time would also end the connection.
      '2s',
    );
    const client = await open();
    const { pings, over } = answering(client);
    // The connection lasts at least twice the idle timeout of the proxy.
    await waitUntil(() => pings() >= 14, { deadlineMs: 20_000, description: 'fourteen pings' });
    assert.equal(server.connections.size, 1);
    client.send(text('still here'));
    await over;
    assert.equal(server.stats().messages.received, 1);
  });

  test(
    `LG-08: behind ${name} without a heartbeat the proxy cuts an idle connection, as the guide states`,
    options,
    async (t) => {
      const { join: open, server } = await proxied(
        t,
        proxy,
        { heartbeat: false, idleTimeoutMs: false },
        '1s',
      );
      const client = await open();
      const [connection] = server.connections;
      await client.waitForClose({ deadlineMs: 20_000 });
      const { code, cause } = await connection!.closed;
      assert.equal(code, 1006);
      assert.match(cause, /^transport-/);
    },
  );

  for (const code of [1001, 1012]) {
    test(
      `SD-02 SD-04: through ${name} clients receive the ${code} of a shutdown, and no connection is left`,
      options,
      async (t) => {
        const { join: open, server } = await proxied(t, proxy, {});
        const clients = [await open(), await open(), await open()];
        const report = server.shutdown({ code, reason: 'deploy' });
        for (const client of clients) {
          assert.equal(await closeCode(client), code);
          client.send(close(code));
          await client.waitForClose();
        }
        const { closed, forced } = await report;
        assert.deepEqual([closed, forced], [3, 0]);
        await assert.rejects(open(), /50[234] !== 101|waited for/);
      },
    );
  }
}
