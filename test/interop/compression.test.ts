import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { connect } from '../../src/client/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { echoServer } from './echo-server.ts';
import {
  chromium,
  fileOf,
  nodeClient,
  python,
  ws,
  type WsClient,
  type WsDeflateOptions,
  wsServer,
} from './peers.ts';

const run = promisify(execFile);
const SIZES = [0, 1, 125, 126, 1_024, 65_535, 65_536, 300_000, 1_000_000];
/** The report of the other clients: message sizes, and whether binary and text were correct. */
const THEIR_SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].map((size) => [size, true, true]);

/** Texts that compress well and texts that hardly compress. */
function* texts(): Generator<string> {
  let n = 1;
  for (const size of SIZES) {
    yield 'abc é '.repeat(size / 7);
    let noise = '';
    for (; noise.length < size; n = (n * 48_271) % 2_147_483_647) noise += n.toString(36);
    yield noise;
  }
}

const TAKEOVERS = [false, true];
const WINDOWS: readonly WsDeflateOptions[] = [
  {},
  { serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
];
for (const contextTakeover of TAKEOVERS) {
  for (const theirs of WINDOWS) {
    const title = `takeover ${contextTakeover}, ws with ${JSON.stringify(theirs)}`;
    const ours = { contextTakeover, thresholdBytes: 0, asyncThresholdBytes: 100_000 };

    test(`TS-06 PD-02 PD-04 a ws client exchanges messages with a Hawser server, ${title}`, {
      skip: ws.skip,
    }, async (t) => {
      const echo = await echoServer(t, { perMessageDeflate: ours });
      const client: WsClient = new ws.peer!(echo.url, [], { perMessageDeflate: { ...theirs, threshold: 0 } });
      t.after(() => client.terminate());
      await waitForEvent(client, 'open');
      assert.match(client.extensions, /^permessage-deflate/);
      const [connection] = echo.server.connections;
      for (const text of texts()) {
        client.send(text);
        const [data] = await waitForEvent<[Buffer]>(client, 'message');
        assert.ok(data.toString() === text, `${text.length} units`);
      }
      const last: string[] = [];
      client.on('message', (data: Buffer) => void last.push(data.toString()));
      client.send('one, ', { fin: false });
      client.ping('between');
      client.send('two, ', { fin: false });
      client.send('three', { fin: true });
      client.send('as it is', { compress: false });
      client.send('and again');
      await waitUntil(() => last.length === 3);
      assert.deepEqual(last, ['one, two, three', 'as it is', 'and again']);
      client.close(1000);
      const { code, wasClean } = await echo.nextClose();
      assert.deepEqual({ code, wasClean }, { code: 1000, wasClean: true });
      assert.ok(connection!.bytesReceived < 2_500_000, 'it was compressed');
    });

    test(`TS-06 PD-10 a Hawser client exchanges messages with a ws server, ${title}`, {
      skip: wsServer.skip,
    }, async (t) => {
      const perMessageDeflate = { ...theirs, threshold: 0 };
      const http = createServer();
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
      const server = new wsServer.peer!({ server: http, perMessageDeflate });
      t.after(() => {
        server.close();
        http.close();
      });
      server.on('connection', (socket: WsClient) => {
        socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }));
      });
      const connection = await connect(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, {
        perMessageDeflate: ours,
      });
      assert.match(connection.extensions, /^permessage-deflate/);
      for (const text of texts()) {
        connection.send(text);
        const [message] = await waitForEvent<[string]>(connection, 'message');
        assert.ok(message === text, `${text.length} units`);
      }
      connection.send(Buffer.alloc(100_000, 7));
      const [bytes] = await waitForEvent<[Buffer]>(connection, 'message');
      assert.ok(bytes.equals(Buffer.alloc(100_000, 7)));
      connection.close(1000);
      assert.equal((await connection.closed).wasClean, true);
    });
  }

  test(`TS-06 PD-04 Python's websockets, which compresses by default, takeover ${contextTakeover}`, {
    skip: python.skip,
  }, async (t) => {
    const extensions: string[] = [];
    const perMessageDeflate = { contextTakeover, thresholdBytes: 0 };
    const echo = await echoServer(t, { protocols: ['v2'], perMessageDeflate });
    echo.server.on('connection', (connection) => void extensions.push(connection.extensions));
    const { stdout } = await run(python.peer!, [fileOf('python_client.py'), echo.url], { timeout: 90_000 });
    const { sizes, fragmented, closed, closedByServer } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      { sizes, fragmented, closed, closedByServer },
      { sizes: THEIR_SIZES, fragmented: 'fragmented', closed: [4001, ''], closedByServer: [4002, 'server'] },
    );
    assert.equal(extensions.length, 2);
    for (const each of extensions) assert.match(each, /^permessage-deflate/);
  });

  test(`TS-06 PD-04 Node's built-in client, takeover ${contextTakeover}`, {
    skip: nodeClient.skip,
  }, async (t) => {
    const perMessageDeflate = { contextTakeover, thresholdBytes: 0 };
    const echo = await echoServer(t, { protocols: ['v2'], perMessageDeflate });
    const args = [...nodeClient.peer!, '--no-warnings', fileOf('node-client.mjs'), echo.url];
    const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
    assert.deepEqual((JSON.parse(stdout) as { sizes: unknown }).sizes, THEIR_SIZES);
  });

  test(`TS-06 BC-05 Chromium, takeover ${contextTakeover}: echoes with broadcasts in between`, {
    skip: chromium.skip,
    timeout: 120_000,
  }, async (t) => {
    const perMessageDeflate = { contextTakeover, thresholdBytes: 0, asyncThresholdBytes: 100_000 };
    const echo = await echoServer(t, { perMessageDeflate });
    echo.server.on('message', (_, message) => {
      if (typeof message === 'string' && message.startsWith('all '))
        echo.server.broadcast(`for all: ${message.slice(4)}`);
    });
    const blank = createServer((_, response) => response.setHeader('content-type', 'text/html').end('blank'));
    await new Promise<void>((resolve) => blank.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.peer!();
    t.after(async () => {
      await browser.close();
      blank.closeAllConnections();
      blank.close();
    });
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${(blank.address() as AddressInfo).port}/`);
    const seen = await page.evaluate(
      async ({ address, sizes }) => {
        const socket = new WebSocket(address);
        await new Promise((resolve) => {
          socket.addEventListener('open', resolve);
        });
        const waiting: ((data: string) => void)[] = [];
        const arrived: string[] = [];
        socket.addEventListener('message', (event) => {
          const { data } = event as Event & { readonly data: string };
          const waiter = waiting.shift();
          if (waiter === undefined) arrived.push(data);
          else waiter(data);
        });
        const next = (): Promise<string> | string =>
          arrived.shift() ?? new Promise((resolve) => waiting.push(resolve));
        const wrong: string[] = [];
        for (const size of sizes) {
          const text = `${size} ${'some é text '.repeat(size / 13)}`;
          socket.send(text);
          if ((await next()) !== text) wrong.push(`echo of ${size}`);
          socket.send(`all ${text}`);
          if ((await next()) !== `all ${text}`) wrong.push(`echo of all ${size}`);
          if ((await next()) !== `for all: ${text}`) wrong.push(`broadcast of ${size}`);
        }
        socket.close(1000);
        return { wrong, extensions: socket.extensions };
      },
      { address: echo.url, sizes: SIZES },
    );
    assert.deepEqual(seen.wrong, []);
    assert.match(seen.extensions, /^permessage-deflate/);
    assert.equal(seen.extensions.includes('no_context_takeover'), !contextTakeover);
    assert.equal((await echo.nextClose()).wasClean, true);
  });
}
