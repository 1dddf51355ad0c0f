import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type RefusedInfo, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { nextText } from '../server/live.ts';
import { accepts, freePort } from './free-port.ts';
import { haproxy } from './peers.ts';

const DOCS = join(import.meta.dirname, '..', '..', '..', 'docs', 'proxies.md');
/** The client's address: not 127.0.0.1, which is the proxy's address. */
const CLIENT_ADDRESS = '127.0.0.2';
const TLS = selfSigned(['localhost'], Date.now());

/** The configuration in docs/proxies.md that sends PROXY headers. */
function recipe(changes: readonly (readonly [string, string])[]): string {
  const page = readFileSync(DOCS, 'utf8');
  const fences = [...page.matchAll(/```haproxy\n(.*?)```/gs)].map(([, code = '']) => code);
  const found = fences.find((code) => code.includes('send-proxy-v2'));
  assert.ok(found !== undefined, 'docs/proxies.md has no recipe with send-proxy-v2');
  return changes.reduce((all, [what, by]) => {
    assert.ok(all.includes(what), `the recipe has no ${what}`);
    return all.replaceAll(what, by);
  }, found);
}

/** Starts HAProxy in front of a server, with the lines of the recipe. */
async function behindHaproxy(
  t: TestContext,
  sends: string,
  options: ServerOptions,
): Promise<{ readonly server: WebSocketServer; readonly port: number; readonly refusals: RefusedInfo[] }> {
  const server = new WebSocketServer({ proxyProtocol: ['127.0.0.1'], ...options });
  server.on('message', (connection, message) => void connection.send(message));
  const refusals: RefusedInfo[] = [];
  server.on('refused', (info) => void refusals.push(info));
  const { port: backendPort } = await server.listen(0, '127.0.0.1');
  const folder = mkdtempSync(join(tmpdir(), 'hawser-haproxy-'));
  let said = '';
  let child: ChildProcess | undefined;
  t.after(async () => {
    if (child !== undefined && child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await server.shutdown({ timeoutMs: 2_000 });
    rmSync(folder, { recursive: true, force: true });
  });
  // Another program may take the port before the proxy does.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    const file = join(folder, 'proxy.conf');
    const changes = [
      ['bind :443', `bind 127.0.0.1:${port}`],
      ['127.0.0.1:8080', `127.0.0.1:${backendPort}`],
      ['send-proxy-v2', sends],
      ['inter 2s', 'inter 100ms'],
    ] as const;
    writeFileSync(file, recipe(changes));
    const started = spawn(haproxy.peer!, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    started.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    while (started.exitCode === null) {
      if (await accepts(port)) return { server, port, refusals };
    }
  }
  return assert.fail(said);
}

for (const sends of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options unique-id,crc32c'])
  for (const [setting, options] of [
    ['TCP', {}],
    ['TCP over streams', { transport: 'stream' }],
    ['TLS', { tls: TLS }],
  ] as const) {
    test(`RT-07: HAProxy with ${sends} before ${setting}: the connection has the client's address and port`, {
      skip: haproxy.skip,
      timeout: 60_000,
    }, async (t) => {
      const { server, port, refusals } = await behindHaproxy(t, sends, {
        ...options,
        maxConnectionsPerIp: 1,
      });
      const dial = async (localAddress: string): Promise<[RawClient, number | undefined]> => {
        const socket = connectTcp({ port, host: '127.0.0.1', localAddress });
        await once(socket, 'connect');
        const client = RawClient.over(
          'tls' in options ? connectTls({ socket, ca: TLS.cert, servername: 'localhost' }) : socket,
        );
        t.after(() => client[Symbol.dispose]());
        return [client, socket.localPort];
      };
      const [client, localPort] = await dial(CLIENT_ADDRESS);
      assert.equal((await client.upgrade()).status, 101);
      const [connection] = server.connections;
      assert.deepEqual([connection!.remoteAddress, connection!.remotePort], [CLIENT_ADDRESS, localPort]);
      client.send(text('hello'));
      assert.equal(await nextText(client), 'hello');
      const [same] = await dial(CLIENT_ADDRESS);
      assert.equal((await same.upgrade()).status, 429);
      const [other] = await dial('127.0.0.3');
      assert.equal((await other.upgrade()).status, 101);
      // Health checks of HAProxy are not reported as faults; some have happened by now.
      await waitUntil(() => server.stats().handshakes.pending === 0);
      assert.deepEqual(
        refusals.map(({ code, remoteAddress }) => [code, remoteAddress]),
        [['ERR_IP_LIMIT', CLIENT_ADDRESS]],
      );
    });
  }

test('RT-07 LG-08: HAProxy that sends headers to a server without the option: the log names the header', {
  skip: haproxy.skip,
  timeout: 60_000,
}, async (t) => {
  const details: unknown[] = [];
  const note = (fields: Readonly<Record<string, unknown>>): void => void details.push(fields['detail']);
  const quiet = (): void => undefined;
  const { port } = await behindHaproxy(t, 'send-proxy-v2', {
    proxyProtocol: false,
    logger: { debug: quiet, info: quiet, warn: note, error: note },
  });
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 400);
  assert.match(
    details.join(),
    /PROXY protocol header \(version 2\): list the proxy in the option proxyProtocol/,
  );
});
