import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { WebSocketServer } from '../../src/index.ts';
import { type Served, served } from '../cli/fake-io.ts';
import { cutClients, v1Client } from '../cli/v1-client.ts';
import { Firefox } from './firefox.ts';
import { hiddenColumns, PAGE_TEST, pagesOfFile, PHONE, PICTURES, showing, texts } from './pages.ts';
import { firefox, type Page } from './peers.ts';

const visit = pagesOfFile();
const WIDE = { viewport: { width: 1280, height: 800 } };
const TOPICS = ['--topics', '--allow-subscribe', '*', '--allow-publish', 'play*', '--history', '*:20'];

async function start(t: TestContext, ...flags: string[]): Promise<Served & { readonly page: string }> {
  const server = await served('--json', ...flags);
  t.after(() => {
    cutClients();
    return server.stop();
  });
  const { protocol, host } = server.url;
  return { ...server, page: `${protocol === 'wss:' ? 'https' : 'http'}://${host}/` };
}

const inState = (page: Page, state: string): Promise<unknown> =>
  page.waitForSelector(`#status[data-state=${state}]`, { state: 'attached' });

async function send(page: Page, kind: 'text' | 'json' | 'binary', message: string): Promise<void> {
  await page.click(`#kind input[value=${kind}] + span`);
  await page.fill('#text', message);
  await page.press('#text', 'Enter');
}

const picture = async (page: Page, name: string): Promise<void> => {
  if (PICTURES !== undefined) await page.screenshot({ path: `${PICTURES}/playground-${name}.png` });
};

const LINES = '.received .said';
const HOSTILE = '<img src=x onerror="document.title=1"> & <b>bold</b>';

test(
  'CM-04: the playground of --echo sends text, JSON and bytes, and shows time, type, size and round trip',
  PAGE_TEST,
  async (t) => {
    const server = await start(t, '--echo', '--path', '/socket', '--protocol', 'v1', '--compress');
    const { page } = await visit(t, server.page, WIDE);
    await inState(page, 'open');
    await send(page, 'text', HOSTILE);
    await send(page, 'text', 'Grüße 👋');
    await send(page, 'json', '{"big":12345678901234567890,"tags":[]}');
    await send(page, 'binary', '48 65 6c 6c 6f 00 ff');
    const lines = [
      HOSTILE,
      'Grüße 👋',
      '{"big":12345678901234567890,"tags":[]}',
      '48 65 6c 6c 6f 00 ff  Hello..',
    ];
    await showing(page, '.sent .said', lines);
    await showing(page, LINES, lines);
    await showing(page, '.received .type', ['text', 'text', 'JSON', 'binary']);
    await showing(page, '.sent .size', [`${Buffer.byteLength(HOSTILE)} B`, '12 B', '38 B', '7 B']);
    for (const size of await texts(page, '.received .size')) assert.match(size, /^\d+ B · [\d.,]+ ms$/);
    for (const time of await texts(page, '#log time')) assert.match(time, /^\d\d:\d\d:\d\d\.\d{3}$/);
    assert.deepEqual(await texts(page, '#log img, #log .said b'), [], 'markup is text');
    await page.click('.received summary');
    await showing(page, '.received pre', ['{\n  "big": 12345678901234567890,\n  "tags": []\n}']);
    assert.match((await page.textContent('#rtt-all')) ?? '', /^[\d.,]+ ms, [\d.,]+ ms$/);
    assert.match((await page.textContent('#extensions')) ?? '', /^permessage-deflate/);

    await send(page, 'binary', '4');
    await showing(page, '#problem', ['An even number of hex digits, such as 48 65 6c']);
    await send(page, 'json', '{"a":');
    await waitUntil(async () => (await texts(page, '#problem'))[0]?.startsWith('Not JSON: '));
    await picture(page, 'echo-light');
    await page.fill('#protocols', 'v0, v1');
    await page.click('#offer button');
    await showing(page, '#protocol', ['v1']);
    await inState(page, 'open');
    await page.fill('#code', '1002');
    await page.click('#end button');
    await showing(page, '.note.bad .body', ['A page may close with 1000 or 3000 to 4999, not with 1002']);
    await page.fill('#code', '4001');
    await page.fill('#reason', 'enough');
    await page.click('#end button');
    await showing(page, '#status-text', ['Closed, 4001']);
    const closed = await waitUntil(() => server.events('close')[1]);
    assert.deepEqual(
      [closed?.['code'], closed?.['reason'], closed?.['cause']],
      [4001, 'enough', 'peer-close'],
    );
    await page.click('#toggle');
    await inState(page, 'open');
  },
);

test(
  'CM-04: 10,000 frames and a message of 1 MB leave the playground a short list, which says what it dropped',
  PAGE_TEST,
  async (t) => {
    const server = await start(t, '--relay', '--max-message-bytes', '2000000');
    const { page } = await visit(t, server.page, WIDE);
    const { page: other } = await visit(t, server.page, WIDE);
    await inState(page, 'open');
    await inState(other, 'open');
    await other.evaluate(async (url) => {
      const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string) => Socket };
      interface Socket {
        addEventListener(name: 'open', listener: () => void): void;
        send(data: string): void;
      }
      const socket = new WebSocket(url);
      await new Promise<void>((resolve) => {
        socket.addEventListener('open', resolve);
      });
      for (let number = 1; number <= 9_999; number++) socket.send(`number ${number}`);
      socket.send('a '.repeat(500_000));
    }, server.url.href);
    const row = '#log li:last-child';
    await waitUntil(async () => (await texts(page, `${row} .size`))[0] === '976.6 KiB', {
      deadlineMs: 60_000,
    });
    assert.equal((await texts(page, '#log li')).length, 500);
    assert.equal(await page.textContent('#count'), '10,001 rows, oldest 9,501 dropped');
    assert.ok(((await page.textContent(`${row} .said`)) ?? '').length <= 300, 'a long message is one line');
    await page.click(`${row} summary`);
    await waitUntil(async () =>
      (await texts(page, `${row} pre`))[0]?.endsWith('and 934,464 more characters'),
    );
    await page.fill('#find', 'number 9999');
    await showing(page, '#log li:not([hidden]) .said', ['number 9999']);
    await page.click('#clear');
    await showing(page, '#count', ['']);
  },
);

test(
  'CM-04: the playground of --topics shows the resume after its network was cut, and a loss beyond the history',
  PAGE_TEST,
  async (t) => {
    const server = await start(t, ...TOPICS);
    const { page } = await visit(t, server.page, { ...WIDE, colorScheme: 'dark' });
    const publisher = await v1Client({ port: Number(server.url.port) });
    const publish = (data: string) => publisher.ask('publish', { topic: 'playground', data });
    await inState(page, 'open');
    await page.click('#join button');
    await waitUntil(async () =>
      /^live at .*:0 · 0 messages$/.test((await texts(page, '#topics small'))[0] ?? ''),
    );
    await publish('one');
    await send(page, 'json', '{"mine":true}');
    await waitUntil(async () => (await texts(page, LINES)).includes('one'));
    await page.click('#ping');
    await waitUntil(async () => (await texts(page, '.received .type')).includes('pong'));

    await page.click('#cut');
    await inState(page, 'waiting');
    await publish(HOSTILE);
    await publish('three');
    await page.click('#cut');
    const notes = (): Promise<string[]> => texts(page, '.note .body');
    await waitUntil(async () =>
      (await notes()).some((note) => /^playground: recovered at .*:2; 2 missed messages follow$/.test(note)),
    );
    await showing(page, '#line .recovered', ['']);
    await page.click('#filter input[value=messages] + span');
    const rows = '#log li:not([hidden]) .body';
    await showing(page, rows, [
      'playground:1one',
      'playground{"mine":true}',
      `playground:3${HOSTILE}`,
      'playground:4three',
    ]);
    assert.deepEqual(await texts(page, '#log img'), []);
    await picture(page, 'topics-dark');

    await page.click('#cut');
    for (let number = 0; number < 25; number++) await publish(`number ${number}`);
    await page.click('#cut');
    await showing(page, '#line .lost', ['']);
    await waitUntil(async () => (await notes()).some((note) => note.startsWith('playground: lost. ')));
    await page.click('#filter input[value=all] + span');

    await page.fill('#topic', 'quiet');
    await page.click('#join button');
    await waitUntil(async () => (await texts(page, '#topics b')).includes('quiet'));
    await page.selectOption('#to', 'quiet');
    await send(page, 'text', 'not allowed');
    await waitUntil(async () => (await notes()).some((note) => note.endsWith('--allow-publish)')));
    await page.selectOption('#to', 'playground');
    await page.click('#ticks');
    await waitUntil(async () => (await texts(page, LINES)).includes('tick 1'));
    await page.click('#topics li:first-child button');
    await showing(page, '#topics b', ['quiet']);
  },
);

test(
  'CM-04: the playground of the site names the flag that accepts it, and connects to the server of a URL',
  PAGE_TEST,
  async (t) => {
    const file = new URL('../../../build/package/playground.html', import.meta.url);
    const html = readFileSync(file, 'utf8').replace('%MODE%', 'site');
    const site = new WebSocketServer({
      request: () => new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } }),
    });
    t.after(() => site.shutdown());
    const { port } = await site.listen({ port: 0, host: '127.0.0.1' });
    const origin = `http://127.0.0.1:${port}`;
    const closed = await start(t, '--echo');
    const open = await start(t, ...TOPICS, '--allowed-origin', origin);
    const { page } = await visit(t, `${origin}/`, WIDE);
    await showing(page, '#command', [`hawser serve --echo --allowed-origin ${origin}`]);
    await page.fill('#address', 'no url');
    await page.click('#toggle');
    await showing(page, '#problem', ['No URL, such as ws://127.0.0.1:8080/']);
    await page.fill('#address', closed.url.href);
    await page.press('#address', 'Enter');
    await showing(page, '.note.bad .body', [`Is a server there, and does it accept pages of ${origin}?`]);
    await page.click('#toggle');
    await page.selectOption('#speak', 'topics');
    assert.match((await page.textContent('#command')) ?? '', /^hawser serve --topics --allow-subscribe '\*'/);
    await page.fill('#address', open.url.href);
    await page.press('#address', 'Enter');
    await showing(page, '#protocol', ['hawser.v1']);
    await page.click('#join button');
    await showing(page, '#topics b', ['playground']);
  },
);

test('CM-04: the playground can be used with the keyboard alone, also on a phone', PAGE_TEST, async (t) => {
  const server = await start(t, '--relay');
  const { page: wide } = await visit(t, server.page, WIDE);
  const { page: phone } = await visit(t, server.page, PHONE);
  await inState(wide, 'open');
  await inState(phone, 'open');
  const focused = (): Promise<string> =>
    wide.evaluate(() => {
      const { document } = globalThis as unknown as { document: { activeElement: { id: string } } };
      return document.activeElement.id;
    });
  const isAnyFocused = (): Promise<boolean> =>
    wide.evaluate(() => {
      const { document } = globalThis as unknown as { document: { activeElement: unknown; body: unknown } };
      return document.activeElement !== document.body;
    });
  const reach = async (id: string): Promise<void> => {
    for (let presses = 0; presses < 60 && (await focused()) !== id; presses++)
      await wide.press((await isAnyFocused()) ? ':focus' : 'body', 'Tab');
    assert.equal(await focused(), id);
  };
  await reach('cut');
  await wide.press('#cut', 'Enter');
  await inState(wide, 'waiting');
  await wide.press('#cut', ' ');
  await inState(wide, 'open');
  await reach('text');
  await wide.press('#text', 'a');
  await wide.press('#text', 'Enter');
  await showing(phone, LINES, ['a']);
  await reach('toggle');
  await wide.press('#toggle', 'Enter');
  await inState(wide, 'closed');
  await send(phone, 'binary', '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10');
  for (const page of [wide, phone]) assert.equal(await hiddenColumns(page), 0);
  await picture(phone, 'phone');
  await phone.click('#more');
  await picture(phone, 'phone-more');
  assert.equal(await hiddenColumns(phone), 0);
});

test('CM-04 TL-05: the playground over https, and after its server is gone', PAGE_TEST, async (t) => {
  const server = await start(t, '--tls-self-signed');
  const { page } = await visit(t, server.page, { ignoreHTTPSErrors: true });
  await inState(page, 'open');
  await send(page, 'text', 'private');
  await showing(page, LINES, ['private']);
  assert.equal(await server.stop(), 0);
  await inState(page, 'waiting');
  await waitUntil(async () =>
    (await texts(page, '.note.bad .body')).some((note) => note.startsWith('Closed with 1001')),
  );
});

test('CM-04: the playground of --topics in Firefox subscribes, and resumes after its network was cut', {
  skip: firefox.skip,
  timeout: 180_000,
}, async (t) => {
  const server = await start(t, ...TOPICS);
  const browser = await Firefox.launch(firefox.peer!);
  t.after(() => browser.close());
  await browser.goto(server.page);
  const click = (selector: string): Promise<void> =>
    browser.evaluate((query) => {
      const { document } = globalThis as unknown as {
        document: { querySelector(query: string): { click(): void } };
      };
      document.querySelector(query).click();
    }, selector);
  const shows = async (selector: string, wanted: RegExp): Promise<void> => {
    let seen: string[] = [];
    await waitUntil(
      async () => {
        seen = await browser.evaluate((query) => {
          const { document } = globalThis as unknown as {
            document: { querySelectorAll(query: string): Iterable<{ textContent: string }> };
          };
          return Array.from(document.querySelectorAll(query), ({ textContent }) => textContent);
        }, selector);
        return seen.some((text) => wanted.test(text));
      },
      { deadlineMs: 60_000, description: `${selector} to show ${wanted}` },
    );
  };
  await shows('#status-text', /^Connected$/);
  await click('#join button');
  await shows('#topics small', /^live at /);
  const publisher = await v1Client({ port: Number(server.url.port) });
  await click('#cut');
  await publisher.ask('publish', { topic: 'playground', data: HOSTILE });
  await click('#cut');
  await shows('.note .body', /^playground: recovered at .*:0; 1 missed message follows$/);
  await shows('.received .said', /^<img src=x/);
  await click('.received details:has(.about) summary');
  await shows('.received pre.raw', /"topic": "playground"/);
  await click('#unfold');
  await shows('#line .recovered', /^$/);
});
