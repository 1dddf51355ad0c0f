import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { connect } from '../../src/client/index.ts';
import { waitForEvent } from '../../src/testing/index.ts';
import { echoServer } from './echo-server.ts';
import { fileOf, pythonWith, type WsClient, wsServer } from './peers.ts';

const TLS = selfSigned(['127.0.0.1'], Date.now());
/** Differences between servers. */
interface Manner {
  /** Whether it can send a message in three frames. */
  readonly inFragments: boolean;
  /** Its answer to a Close with 4001. Default: the same code (§5.5.1 says "typically"). */
  readonly answersWith?: number;
  /** Its answer to an offer of permessage-deflate. Default: the client makes no offer. */
  readonly extensions?: string;
}

async function wsEcho(t: TestContext, secure: boolean): Promise<number> {
  const http = secure ? createTlsServer(TLS) : createServer();
  const server = new wsServer.peer!({
    server: http,
    perMessageDeflate: false,
    handleProtocols: (protocols) => protocols.has('v2') && 'v2',
  });
  server.on('connection', (client: WsClient) => {
    client.on('message', (data: Buffer, isBinary: boolean) => {
      const [command, code = '', reason = ''] = isBinary ? [] : data.toString().slice(0, 64).split(' ');
      if (command === 'fragments') {
        client.send('frag', { fin: false });
        client.send('men', { fin: false });
        client.send('ted', { fin: true });
      } else if (command === 'ping') client.ping('fromServer');
      else if (command === 'close') client.close(Number(code), reason);
      else client.send(data, { binary: isBinary });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    server.close();
    http.close();
  });
  return (http.address() as AddressInfo).port;
}

async function pythonEcho(t: TestContext, python: string, name: string, secure: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certificate, TLS.cert);
  writeFileSync(key, TLS.key);
  const child = spawn(python, [fileOf('python_servers.py'), name, ...(secure ? [certificate, key] : [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

/** Uses every feature of a client with a server that echoes and understands three commands. */
async function converse(
  url: string,
  { inFragments, answersWith = 4_001, extensions = '' }: Manner,
): Promise<void> {
  const perMessageDeflate = extensions === '' ? false : { thresholdBytes: 0 };
  const options = { tls: { ca: TLS.cert }, protocols: ['v1', 'v2'], perMessageDeflate };
  const client = await connect(url, options);
  assert.deepEqual([client.protocol, client.extensions], ['v2', extensions]);
  const received = client[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => (await received.next()).value;
  for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576]) {
    const bytes = Buffer.alloc(size, 0xff);
    client.send(bytes);
    assert.equal(Buffer.compare((await next()) as Buffer, bytes), 0, `${size} bytes`);
    const text = 'é'.repeat(size / 2);
    client.send(text);
    assert.equal((await next()) === text, true, `${size} bytes of text`);
  }
  if (inFragments) {
    client.send('fragments');
    assert.equal(await next(), 'fragmented');
  }
  const pong = waitForEvent<[Buffer]>(client, 'pong');
  client.ping('hello');
  assert.equal((await pong)[0].toString(), 'hello');
  const ping = waitForEvent<[Buffer]>(client, 'ping');
  client.send('ping fromServer');
  assert.equal((await ping)[0].toString(), 'fromServer');
  client.send('after the ping');
  assert.equal(await next(), 'after the ping');
  client.close(4_001, 'bye');
  const { code, wasClean, cause } = await client.closed;
  assert.deepEqual([code, wasClean, cause], [answersWith, true, 'local-close']);

  const second = await connect(url, options);
  second.send('close 4002 server');
  const info = await second.closed;
  assert.deepEqual(
    [info.code, info.reason, info.sentCode, info.wasClean, info.cause],
    [4_002, 'server', 4_002, true, 'peer-close'],
  );
}

for (const scheme of ['ws', 'wss'] as const) {
  const secure = scheme === 'wss';

  test(`TS-06 CC-06: a Hawser client and a ws server, over ${scheme}`, { skip: wsServer.skip }, async (t) => {
    await converse(`${scheme}://127.0.0.1:${await wsEcho(t, secure)}/`, { inFragments: true });
  });

  test(`TS-06 CC-06: a Hawser client and a Hawser server, over ${scheme}`, async (t) => {
    const { port } = await echoServer(t, { protocols: ['v2'], ...(secure ? { tls: TLS } : {}) });
    await converse(`${scheme}://127.0.0.1:${port}/`, { inFragments: false });
  });

  for (const [name, manner] of [
    ['websockets', { inFragments: true }],
    ['aiohttp', { inFragments: false, answersWith: 1000 }],
    ['tornado', { inFragments: false }],
    // Tornado ignores parameters without a value, so it keeps its context although the client requested no takeover.
    ['tornado-deflate', { inFragments: false, extensions: 'permessage-deflate' }],
  ] as const) {
    const { peer, skip } = pythonWith(name.replace('-deflate', ''));
    test(`TS-06 CC-06: a Hawser client and Python's ${name}, over ${scheme}`, { skip }, async (t) => {
      await converse(`${scheme}://127.0.0.1:${await pythonEcho(t, peer!, name, secure)}/`, manner);
    });
  }
}
