import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import { selfSigned } from '../../src/testing/self-signed.ts';
import type { ServerOptions } from '../../src/index.ts';
import { type EchoServer, echoServer } from './echo-server.ts';
import { type BlankPage, openChromium, type OpenBrowser, openFirefox } from './open-browser.ts';
import { chromium, firefox } from './peers.ts';

/** Message events in a page. The types of the DOM differ from those of Node. */
type PageMessage = Event & { readonly data: string | ArrayBuffer };
type PageClose = Event & { readonly code: number; readonly reason: string; readonly wasClean: boolean };

const BROWSERS = [
  { name: 'Chromium', skip: chromium.skip, open: openChromium, violationIsClean: true },
  // After a violation Hawser ends TCP right after its Close (§7.1.7). Firefox reports a clean close only if its answer was sent
  // before, which happens now and then.
  { name: 'Firefox', skip: firefox.skip, open: openFirefox, violationIsClean: undefined },
] as const;

/** Echoes messages of sizes in every length form, then closes. */
async function everySize(address: string) {
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  const next = (name: string): Promise<PageMessage> =>
    new Promise((resolve) => {
      socket.addEventListener(name, (event) => resolve(event as PageMessage), { once: true });
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
}

for (const { name, skip, open, violationIsClean } of BROWSERS) {
  describe(name, { skip }, () => {
    const LONG = { timeout: 180_000 };
    let browser: OpenBrowser | undefined;
    const blank = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<title>blank</title>'),
    );
    before(async () => {
      await new Promise<void>((resolve) => blank.listen(0, '127.0.0.1', resolve));
      browser = await open();
    }, LONG);
    after(async () => {
      await browser?.close();
      blank.closeAllConnections();
      blank.close();
    });
    const blankPage = (): Promise<BlankPage> =>
      browser!.blankPage(`http://127.0.0.1:${(blank.address() as AddressInfo).port}/`);
    /** A page and a server. */
    const both = async (
      t: TestContext,
      options?: ServerOptions,
    ): Promise<EchoServer & { readonly page: BlankPage }> => ({
      ...(await echoServer(t, options)),
      page: await blankPage(),
    });

    test(`TS-06: ${name} sends and receives text and binary messages of up to 1 MiB`, LONG, async (t) => {
      const { url, nextClose, page } = await both(t);
      assert.deepEqual(await page.evaluate(everySize, url), {
        results: [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].map((size) => [size, true, true]),
        close: [4001, '', true],
        extensions: '',
      });
      const { code, reason, wasClean, cause } = await nextClose();
      assert.deepEqual([code, reason, wasClean, cause], [4001, 'Grüße', true, 'peer-close']);
    });

    test(`TS-06: ${name} connects over TLS from a page that is also served over TLS`, LONG, async (t) => {
      const tls = selfSigned(['127.0.0.1'], Date.now());
      const { port, nextClose } = await echoServer(t, {
        tls,
        request: () => new Response('<title>blank</title>', { headers: { 'content-type': 'text/html' } }),
      });
      const page = await browser!.blankPage(`https://127.0.0.1:${port}/`);
      const seen = await page.evaluate(everySize, `wss://127.0.0.1:${port}/`);
      assert.deepEqual(
        seen.results,
        [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].map((size) => [size, true, true]),
      );
      assert.deepEqual(seen.close, [4001, '', true]);
      assert.equal((await nextClose()).cause, 'peer-close');
    });

    for (const contextTakeover of [true, false]) {
      test(`TS-06 PD-04: ${name} with permessage-deflate, takeover ${contextTakeover}`, LONG, async (t) => {
        const { url, page, server, nextClose } = await both(t, { perMessageDeflate: { contextTakeover } });
        let agreed = '';
        server.on('connection', ({ extensions }) => void (agreed = extensions));
        const seen = await page.evaluate(everySize, url);
        assert.match(seen.extensions, /^permessage-deflate/);
        assert.equal(/no_context_takeover/.test(agreed), !contextTakeover, agreed);
        assert.ok(seen.results.every((row) => (row as unknown[]).every((each) => each !== false)));
        assert.equal((await nextClose()).code, 4001);
      });
    }

    test(
      `CL-14 TS-08: ${name} receives every close code of the server, clean, with its reason`,
      LONG,
      async (t) => {
        const { url, page } = await both(t);
        const sendable = [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
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
      },
    );

    test(`CL-14 FR-05: ${name} receives the code of a violation`, LONG, async (t) => {
      const { url, page } = await both(t, { maxMessageBytes: 1_000 });
      const seen = await page.evaluate(async (address) => {
        const socket = new WebSocket(address);
        socket.addEventListener('open', () => socket.send('x'.repeat(1_001)));
        const { code, wasClean } = await new Promise<PageClose>((resolve) => {
          socket.addEventListener('close', (event) => resolve(event as PageClose));
        });
        return [code, wasClean];
      }, url);
      assert.deepEqual(seen, [1009, violationIsClean ?? seen[1]]);
    });

    test(`TS-06 §1.9: ${name} gets the subprotocol that the server prefers`, LONG, async (t) => {
      const { url, page } = await both(t, { protocols: ['v2', 'v1'] });
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

    test(`OR-01 §10.2: a page of another origin is refused in ${name}, without a reason`, LONG, async (t) => {
      const { url, server, page } = await both(t, { allowedOrigins: 'same-origin' });
      const refused = new Promise<string>((resolve) => server.on('refused', ({ code }) => resolve(code)));
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

    test(`TS-06 §7.4.1: leaving the page closes with 1001 in ${name}`, LONG, async (t) => {
      const { url, nextClose, page } = await both(t);
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
  });
}
