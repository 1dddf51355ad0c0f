import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import {
  connect,
  type ConnectError,
  type ConnectOptions,
  ReconnectingClient,
} from '../../src/client/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { echoServer } from './echo-server.ts';
import { accepts, freePort } from './free-port.ts';
import { squid, tinyproxy } from './peers.ts';

const TLS = selfSigned(['localhost', '127.0.0.1'], Date.now());

interface Setting {
  readonly folder: string;
  readonly port: number;
  /** Whether it requires credentials: user `ann`, password `sesame`. */
  readonly closed: boolean;
}

const PROXIES = [
  {
    name: 'tinyproxy',
    found: tinyproxy,
    args: (file: string) => ['-d', '-c', file],
    config: ({ port, closed }: Setting) =>
      `Port ${port}
       Listen 127.0.0.1
       Timeout 600
       MaxClients 20
       LogLevel Critical
       ${closed ? 'BasicAuth ann sesame' : ''}`,
    /** Tinyproxy answers 401 instead of 407. */
    wrongCredentials: 401,
    unreachable: 500,
  },
  {
    name: 'squid',
    found: squid,
    args: (file: string) => ['-N', '-f', file],
    config: ({ folder, port, closed }: Setting) =>
      `http_port 127.0.0.1:${port}
       pid_filename none
       cache deny all
       cache_mem 8 MB
       access_log none
       cache_log /dev/null
       coredump_dir ${folder}
       pinger_enable off
       netdb_filename none
       visible_hostname localhost
       shutdown_lifetime 0 seconds
       ${
         closed
           ? `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${join(folder, 'users')}
       auth_param basic children 1
       acl known proxy_auth REQUIRED
       http_access allow known`
           : 'http_access allow all'
       }
       http_access deny all`,
    wrongCredentials: 407,
    unreachable: 503,
  },
] as const;

/** Starts a proxy. @returns Its URL, with `user` in it. */
async function started(
  t: TestContext,
  { found, args, config }: (typeof PROXIES)[number],
  closed: boolean,
): Promise<(user?: string) => string> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-forward-'));
  chmodSync(folder, 0o755);
  // The password sesame, in the format of htpasswd.
  writeFileSync(join(folder, 'users'), 'ann:$apr1$abcdefgh$GQVaHFsauSKl0cgw4bVFJ/\n');
  let child: ChildProcess | undefined;
  t.after(async () => {
    if (child !== undefined && child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  // Another program may take the port before the proxy does.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    const file = join(folder, 'proxy.conf');
    const lines = config({ folder, port, closed }).split('\n');
    writeFileSync(file, lines.map((line) => `${line.trim()}\n`).join(''));
    const running = spawn(found.peer!, args(file), { stdio: ['ignore', 'ignore', 'pipe'] });
    child = running;
    running.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    while (running.exitCode === null) {
      if (await accepts(port)) return (user = '') => `http://${user}127.0.0.1:${port}`;
    }
  }
  return assert.fail(said);
}

const failure = async (url: string, options: ConnectOptions): Promise<ConnectError> => {
  try {
    (await connect(url, options)).terminate();
  } catch (error) {
    return error as ConnectError;
  }
  return assert.fail('it connected');
};

for (const proxy of PROXIES) {
  const { name, found } = proxy;
  const options = { skip: found.skip, timeout: 60_000 };

  for (const closed of [false, true]) {
    const how = closed ? 'with credentials' : 'without credentials';
    for (const scheme of ['ws', 'wss'] as const) {
      test(
        `CC-08 TS-06: a client exchanges messages over ${scheme} through ${name}, ${how}`,
        options,
        async (t) => {
          const echo = await echoServer(t, { protocols: ['v2'], ...(scheme === 'wss' ? { tls: TLS } : {}) });
          const url = await started(t, proxy, closed);
          const client = await connect(`${scheme}://127.0.0.1:${echo.port}/`, {
            proxy: url(closed ? 'ann:sesame@' : ''),
            protocols: ['v2'],
            tls: { ca: TLS.cert },
          });
          for (const size of [0, 125, 65_536, 1_048_576]) {
            const text = 'é'.repeat(size / 2);
            client.send(text);
            const [message] = await waitForEvent<[string]>(client, 'message');
            assert.ok(message === text, `${size} bytes`);
          }
          client.close(4_001, 'bye');
          const { code, wasClean } = await client.closed;
          assert.deepEqual([code, wasClean], [4_001, true]);
        },
      );
    }
  }

  test(`CC-08 TS-06: missing or wrong credentials for ${name} give ERR_PROXY_AUTH`, options, async (t) => {
    const url = await started(t, proxy, true);
    for (const [user, status] of [
      ['', 407],
      ['ann:wrong@', proxy.wrongCredentials],
    ] as const) {
      const error = await failure('ws://127.0.0.1:1/', { proxy: url(user) });
      assert.deepEqual([error.code, error.phase, error.status], ['ERR_PROXY_AUTH', 'proxy', status]);
      assert.ok(error.body.length > 0);
    }
  });

  test(
    `CC-08 TS-06: a server that ${name} cannot reach gives ERR_PROXY with the status and page of the proxy`,
    options,
    async (t) => {
      const url = await started(t, proxy, false);
      const error = await failure(`ws://127.0.0.1:${await freePort()}/`, { proxy: url() });
      assert.deepEqual([error.code, error.phase, error.status], ['ERR_PROXY', 'proxy', proxy.unreachable]);
      assert.match(error.body.toString(), /html/i);
    },
  );

  test(
    `CC-08 TS-06: through ${name} the certificate is verified for the name of the server`,
    options,
    async (t) => {
      const echo = await echoServer(t, { tls: selfSigned(['other.example'], Date.now()) });
      const url = await started(t, proxy, false);
      const error = await failure(`wss://localhost:${echo.port}/`, { proxy: url() });
      assert.deepEqual([error.code, error.phase], ['ERR_CONNECT', 'tls']);
    },
  );

  test(`CC-08 RC-01 TS-06: a reconnecting client reconnects through ${name}`, options, async (t) => {
    const echo = await echoServer(t);
    const url = await started(t, proxy, true);
    const client = new ReconnectingClient(`ws://127.0.0.1:${echo.port}/`, {
      proxy: url('ann:sesame@'),
      maxFirstDelayMs: 1,
    });
    let opened = 0;
    client.on('open', () => void opened++);
    await waitUntil(() => opened === 1);
    for (const connection of echo.server.connections) connection.terminate();
    await waitUntil(() => opened === 2, { deadlineMs: 20_000 });
    client.close();
    assert.equal((await client.closed).why, 'close');
  });
}
