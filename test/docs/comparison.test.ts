import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { connect } from '../../src/index.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { type WsClient, wsServer } from '../interop/peers.ts';
import { ROOT } from './fences.ts';

/** The facts about others in docs/comparison.md that a new version could change. */
interface Told extends WsClient {
  readonly bufferedAmount: number;
}
interface Server {
  readonly options: { readonly maxPayload: number };
  readonly clients: ReadonlySet<Told>;
  close(): void;
}
const { skip } = wsServer;

async function wsListens(t: TestContext): Promise<{ readonly server: Server; readonly port: number }> {
  const http = createServer();
  const server = new wsServer.peer!({ server: http, perMessageDeflate: false });
  server.on('connection', (client) => void client.on('error', () => undefined));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    for (const client of (server as unknown as Server).clients) client.terminate();
    http.close();
  });
  return { server: server as unknown as Server, port: (http.address() as AddressInfo).port };
}

test('EX-02 comparison: ws accepts messages of 100 MiB and pages of any origin', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  assert.equal(server.options.maxPayload, 104_857_600);
  using client = await RawClient.connect({ port });
  assert.equal((await client.upgrade({ headers: { Origin: 'https://evil.example' } })).status, 101);
});

test('EX-02 comparison: ws buffers without a limit for a client that does not read', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  using client = await RawClient.connect({ port });
  await client.upgrade();
  client.stream.pause();
  client.send(text('here I am'));
  const [held] = server.clients;
  const megabyte = Buffer.alloc(1_048_576);
  for (let i = 0; i < 64; i++) held!.send(megabyte);
  await waitUntil(() => held!.bufferedAmount > 0);
  assert.ok(held!.bufferedAmount > 48 * 1_048_576, String(held!.bufferedAmount));
});

test('EX-02 comparison: close() of ws does not close connections', { skip }, async (t) => {
  const { server, port } = await wsListens(t);
  const client = await connect(`ws://127.0.0.1:${port}/`);
  t.after(() => client.terminate());
  server.close();
  const pong = once(client, 'pong');
  client.ping('still there');
  await pong;
  assert.equal(client.state, 'open');
});

const FRAMEWORKS = createRequire(join(ROOT, 'test', 'ws', 'frameworks', 'package.json'));
const crossws = existsSync(join(ROOT, 'test', 'ws', 'frameworks', 'node_modules', 'crossws'))
  ? { skip: false }
  : { skip: 'needs crossws: npm ci --prefix test/ws/frameworks' };

interface CrosswsAdapter {
  handleUpgrade(...args: readonly unknown[]): Promise<void>;
}
type Crossws = (options: object) => CrosswsAdapter;

test(
  'EX-02 comparison: crossws accepts pages of any origin, and messages of more than 1 MiB',
  crossws,
  async (t) => {
    const file = pathToFileURL(FRAMEWORKS.resolve('crossws/adapters/node')).href;
    const { default: adapterOf } = (await import(file)) as { readonly default: Crossws };
    const adapter = adapterOf({
      hooks: {
        message: (peer: { send(text: string): void }, message: { uint8Array(): Uint8Array }) =>
          peer.send(`${message.uint8Array().length} bytes`),
      },
    });
    const http = createServer();
    http.on('upgrade', (...args) => void adapter.handleUpgrade(...args));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    t.after(() => http.close());
    const { port } = http.address() as AddressInfo;
    const client = await connect(`ws://127.0.0.1:${port}/`, {
      origin: 'https://evil.example',
      maxBufferedBytes: 4_194_304,
    });
    t.after(() => client.terminate());
    const answer = once(client, 'message');
    client.send(Buffer.alloc(2_097_152));
    assert.deepEqual((await answer)[0], '2097152 bytes');
  },
);

test("EX-02 comparison: Node's WebSocket has no ping, and Node has no WebSocket server", () => {
  const code = `console.log(JSON.stringify([Object.keys(WebSocket.prototype), Object.keys(require('node:http'))]))`;
  const { stdout } = spawnSync(process.execPath, ['--experimental-websocket', '-e', code], {
    encoding: 'utf8',
  });
  const [members = [], http = []] = JSON.parse(stdout) as readonly (readonly string[])[];
  assert.ok(members.includes('send') && !members.includes('ping'), members.join());
  assert.deepEqual(
    http.filter((name) => /WebSocket.*Server/i.test(name)),
    [],
  );
});
