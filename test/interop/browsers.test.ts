import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { echoServer } from './echo-server.ts';
import { type Browser, chromium, type Page } from './peers.ts';

const { skip } = chromium;
/** What pages get; the types of the DOM are not those of Node. */
type PageMessage = Event & { readonly data: string | ArrayBuffer };
type PageClose = Event & { readonly code: number; readonly reason: string; readonly wasClean: boolean };

const TIMEOUT = { skip, timeout: 120_000 };
let browser: Browser | undefined;
/** An empty page, so that scripts have an origin. */
const blank = createServer((_, response) =>
  response.setHeader('content-type', 'text/html').end('<title>blank</title>'),
);

before(async () => {
  if (skip !== false) return;
  await new Promise<void>((resolve) => blank.listen(0, '127.0.0.1', resolve));
  browser = await chromium.peer();
});
after(async () => {
  await browser?.close();
  blank.closeAllConnections();
  blank.close();
});

async function blankPage(): Promise<Page> {
  const context = await browser!.newContext();
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${(blank.address() as AddressInfo).port}/`);
  return page;
}

test('TS-06: Chromium sends and gets text and binary, 1 MiB too', TIMEOUT, async (t) => {
  const { url, nextClose } = await echoServer(t);
  const page = await blankPage();
  const seen = await page.evaluate(async (address) => {
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    const next = (name: string): Promise<PageMessage> =>
      new Promise((resolve) => {
        socket.addEventListener(name, (event) => resolve(event as PageMessage), {
          once: true,
        });
      });
    await next('open');
    const results: unknown[] = [];
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576]) {
      const bytes = new Uint8Array(size).fill(255);
      socket.send(bytes);
      const echoed = new Uint8Array((await next('message')).data as ArrayBuffer);
      const text = 'é'.repeat(size / 2);
      socket.send(text);
      results.push([
        size,
        echoed.length === size && echoed.every((byte) => byte === 255),
        (await next('message')).data === text,
      ]);
    }
    socket.close(4001, 'Grüße');
    const { code, reason, wasClean } = (await next('close')) as unknown as PageClose;
    return { results, close: [code, reason, wasClean], extensions: socket.extensions };
  }, url);
  assert.deepEqual(seen, {
    results: [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].map((size) => [size, true, true]),
    close: [4001, '', true],
    extensions: '',
  });
  const { code, reason, wasClean, cause } = await nextClose();
  assert.deepEqual([code, reason, wasClean, cause], [4001, 'Grüße', true, 'peer-close']);
});

test('CL-14 TS-08: Chromium sees every close code of ours, clean, with its reason', TIMEOUT, async (t) => {
  const { url } = await echoServer(t);
  const page = await blankPage();
  const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
  const sendable = codes.filter((code) => code !== 1002);
  const seen = await page.evaluate(
    async ({ address, all }) => {
      const closes = [];
      for (const code of all) {
        const socket = new WebSocket(address);
        const closed = new Promise<PageClose>((resolve) => {
          socket.addEventListener('close', (event) => resolve(event as PageClose));
        });
        socket.addEventListener('open', () => socket.send(`close ${code} reason`));
        const event = await closed;
        closes.push([event.code, event.reason, event.wasClean]);
      }
      return closes;
    },
    { address: url, all: sendable },
  );
  assert.deepEqual(
    seen,
    sendable.map((code) => [code, 'reason', true]),
  );
});

test('CL-14 FR-05: a violation closes with its code, and Chromium sees it clean', TIMEOUT, async (t) => {
  const { url } = await echoServer(t, { maxMessageBytes: 1_000 });
  const page = await blankPage();
  const seen = await page.evaluate(async (address) => {
    const socket = new WebSocket(address);
    socket.addEventListener('open', () => socket.send('x'.repeat(1_001)));
    const { code, wasClean } = await new Promise<PageClose>((resolve) => {
      socket.addEventListener('close', (event) => resolve(event as PageClose));
    });
    return [code, wasClean];
  }, url);
  assert.deepEqual(seen, [1009, true]);
});

test('TS-06 §1.9: Chromium gets the subprotocol that we prefer', TIMEOUT, async (t) => {
  const { url } = await echoServer(t, { protocols: ['v2', 'v1'] });
  const page = await blankPage();
  const protocol = await page.evaluate(async (address) => {
    const socket = new WebSocket(address, ['v1', 'v2']);
    await new Promise((resolve) => {
      socket.addEventListener('open', resolve);
    });
    const chosen = socket.protocol;
    socket.close();
    return chosen;
  }, url);
  assert.equal(protocol, 'v2');
});

test('OR-01 §10.2: a page of another origin is refused, and only sees that it failed', TIMEOUT, async (t) => {
  const { url, server } = await echoServer(t, { allowedOrigins: 'same-origin' });
  const refused = new Promise<string>((resolve) => server.on('refused', ({ code }) => resolve(code)));
  const page = await blankPage();
  const code = await page.evaluate(async (address) => {
    const socket = new WebSocket(address);
    const event = await new Promise<PageClose>((resolve) => {
      socket.addEventListener('close', (event) => resolve(event as PageClose));
    });
    return event.code;
  }, url);
  assert.equal(code, 1006);
  assert.equal(await refused, 'ERR_ORIGIN');
});

test('TS-06 §7.4.1: a page that is left closes with 1001', TIMEOUT, async (t) => {
  const { url, nextClose } = await echoServer(t);
  const page = await blankPage();
  await page.evaluate(async (address) => {
    const socket = new WebSocket(address);
    await new Promise((resolve) => {
      socket.addEventListener('open', resolve);
    });
  }, url);
  await page.goto('about:blank');
  const { code, cause } = await nextClose();
  assert.deepEqual([code, cause], [1001, 'peer-close']);
});
