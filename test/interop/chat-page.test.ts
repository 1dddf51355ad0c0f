import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { type Served, served } from '../cli/fake-io.ts';
import { PAGE_TEST as TIMEOUT, pagesOfFile, PHONE, PICTURES, showing, texts } from './pages.ts';
import type { Page } from './peers.ts';

const visit = pagesOfFile();

async function enter(page: Page, name: string, room?: string): Promise<void> {
  await page.fill('#name', name);
  if (room !== undefined) await page.fill('#room-name', room);
  await page.click('#enter button');
  await page.waitForSelector('#status[data-state=open]', { state: 'attached' });
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

const backgrounds = (page: Page, selector: string): Promise<string[]> =>
  page.evaluate((query) => {
    const { document } = globalThis as unknown as {
      document: {
        querySelectorAll(query: string): Iterable<{ readonly style: { readonly backgroundColor: string } }>;
      };
    };
    return Array.from(document.querySelectorAll(query), ({ style }) => style.backgroundColor);
  }, selector);

const widths = (page: Page, selectors: readonly string[]): Promise<number[]> =>
  page.evaluate((queries) => {
    const { document } = globalThis as unknown as {
      document: { querySelector(query: string): { readonly offsetWidth: number } };
    };
    return queries.map((query) => document.querySelector(query).offsetWidth);
  }, selectors);

const SAID = '.said:not(.pending) .text';
const PEOPLE = '#people li > span:last-child';

async function chat(t: TestContext, ...flags: string[]): Promise<Served> {
  const server = await served('--chat', ...flags);
  t.after(() => server.stop());
  return server;
}

test('CM-04 TS-06: two tabs exchange messages and list both users', TIMEOUT, async (t) => {
  const { url } = await chat(t);
  const { page: anna } = await visit(t, url.href, { viewport: { width: 1100, height: 720 } });
  const { page: ben, context } = await visit(t, url.href, PHONE);
  await enter(anna, 'Anna');
  await showing(anna, PEOPLE, ['Anna (you)']);
  await say(anna, 'Is anybody here?');
  await enter(ben, 'Ben');
  await showing(ben, SAID, ['Is anybody here?']);
  await showing(anna, PEOPLE, ['Anna (you)', 'Ben']);
  await showing(ben, PEOPLE, ['Ben (you)', 'Anna']);

  const hostile = '<img src=x onerror="document.title=1"> & <b>bold</b>';
  await say(ben, 'Hi Anna! 👋 Everything is at https://example.org/a?b=c.');
  await say(anna, hostile);
  const all = ['Is anybody here?', 'Hi Anna! 👋 Everything is at https://example.org/a?b=c.', hostile];
  await showing(anna, SAID, all);
  await showing(ben, SAID, all);
  assert.deepEqual(await texts(anna, '.said a'), ['https://example.org/a?b=c']);
  assert.deepEqual(await texts(anna, '.said img, .said b:not(.head b)'), []);
  for (const page of [anna, ben]) {
    const [log = 0, people = 0] = await widths(page, ['#log', '#people']);
    assert.ok(log >= people && log > 300, `messages have more space than names: ${log}, ${people}`);
  }
  if (PICTURES !== undefined) {
    await anna.screenshot({ path: `${PICTURES}/chat-wide-light.png` });
    await ben.screenshot({ path: `${PICTURES}/chat-phone-dark.png` });
  }
  await context.close();
  await showing(anna, PEOPLE, ['Anna (you)']);
});

test('CM-04: rooms are separate, and a name that is in use gets a number', TIMEOUT, async (t) => {
  const { url } = await chat(t);
  const { page: first } = await visit(t, `${url.href}#blue`);
  const { page: second } = await visit(t, `${url.href}#blue`);
  const { page: third } = await visit(t, url.href);
  await enter(first, 'Anna');
  await enter(second, 'anna');
  await enter(third, 'Anna', 'red');
  await showing(first, PEOPLE, ['Anna (you)', 'anna 2']);
  await showing(third, PEOPLE, ['Anna (you)']);
  await say(first, 'to the blue room');
  await showing(second, SAID, ['to the blue room']);
  await say(third, 'to the red room');
  await showing(third, SAID, ['to the red room']);
  await showing(second, SAID, ['to the blue room']);
});

test(
  'CM-04: the page reconnects by itself as the same user, and messages written while offline arrive once',
  TIMEOUT,
  async (t) => {
    const server = await chat(t);
    const { port } = server;
    const { page: anna } = await visit(t, server.url.href);
    await enter(anna, 'Anna');
    await say(anna, 'before');
    await showing(anna, SAID, ['before']);
    assert.equal(await server.stop(), 0);
    await anna.waitForSelector('#status[data-state=waiting]', { state: 'attached' });
    await say(anna, 'while it was away');
    await showing(anna, '.said.pending .text', ['while it was away']);
    if (PICTURES !== undefined) await anna.screenshot({ path: `${PICTURES}/chat-reconnecting.png` });

    const again = await served('--chat', '--port', String(port));
    t.after(() => again.stop());
    await showing(anna, SAID, ['before', 'while it was away']);
    await showing(anna, '.said.pending .text', []);
    assert.deepEqual(
      (await texts(anna, '.note')).filter((note) => /restarted/.test(note)),
      ['The server was restarted: earlier messages are gone'],
    );
    if (PICTURES !== undefined) await anna.screenshot({ path: `${PICTURES}/chat-restarted.png` });
    await showing(anna, PEOPLE, ['Anna (you)']);
    const colours = await backgrounds(anna, '.face');
    assert.equal(colours.length, 3, 'two messages and one person');
    assert.equal(new Set(colours).size, 1, `one colour for one name: ${colours.join(', ')}`);
    const { page: ben } = await visit(t, again.url.href);
    await enter(ben, 'Ben');
    await showing(ben, SAID, ['while it was away']);
  },
);

test(
  'CM-04 HI-04: a page that is loaded again shows the history, the same user and the typed line',
  TIMEOUT,
  async (t) => {
    const { url } = await chat(t);
    const { page: anna } = await visit(t, url.href);
    const { page: ben } = await visit(t, url.href);
    await enter(anna, 'Anna');
    await enter(ben, 'Ben');
    for (const text of ['one', 'two']) await say(anna, text);
    await showing(ben, SAID, ['one', 'two']);
    await anna.fill('#text', 'not finished');
    await anna.reload();
    await say(ben, 'three');
    await anna.waitForSelector('#status[data-state=open]', { state: 'attached' });
    await showing(anna, SAID, ['one', 'two', 'three']);
    await showing(anna, '.said.mine .text', ['one', 'two']);
    await showing(anna, PEOPLE, ['Anna (you)', 'Ben']);
    assert.equal(await anna.inputValue('#text'), 'not finished');
    // Within the grace time she has not left.
    assert.deepEqual(
      (await texts(ben, '.note')).filter((note) => /Anna/.test(note)),
      [],
    );
    assert.deepEqual(await texts(anna, '.note'), []);
  },
);

test('TL-05 TS-06: the chat over https and wss', TIMEOUT, async (t) => {
  const { url } = await chat(t, '--tls-self-signed');
  assert.equal(url.protocol, 'https:');
  const { page } = await visit(t, url.href, { ignoreHTTPSErrors: true });
  await enter(page, 'Anna');
  await say(page, 'private');
  await showing(page, SAID, ['private']);
});
