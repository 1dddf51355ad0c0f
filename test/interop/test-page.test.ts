import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Served, served } from '../cli/fake-io.ts';
import { hiddenColumns, PAGE_TEST, pagesOfFile, PHONE, PICTURES, showing, texts } from './pages.ts';
import type { Page } from './peers.ts';

const visit = pagesOfFile();

async function start(t: TestContext, ...flags: string[]): Promise<Served & { readonly page: string }> {
  const server = await served('--json', ...flags);
  t.after(() => server.stop());
  const { protocol, host } = server.url;
  return { ...server, page: `${protocol === 'wss:' ? 'https' : 'http'}://${host}/` };
}

const isOpen = (page: Page): Promise<unknown> =>
  page.waitForSelector('#status[data-state=open]', { state: 'attached' });
const isClosed = (page: Page): Promise<unknown> =>
  page.waitForSelector('#status[data-state=closed]', { state: 'attached' });

async function send(page: Page, kind: 'text' | 'binary', message: string): Promise<void> {
  await page.click(`#kind input[value=${kind}] + span`);
  await page.fill('#text', message);
  await page.press('#text', 'Enter');
}

const HOSTILE = '<img src=x onerror="document.title=1"> & <b>bold</b>';

test(
  'CM-04: the test page of --echo sends text and bytes, and shows time, size and delay',
  PAGE_TEST,
  async (t) => {
    const server = await start(t, '--echo', '--path', '/socket', '--protocol', 'v1', '--compress');
    const { page } = await visit(t, server.page, { viewport: { width: 1100, height: 720 } });
    await isOpen(page);
    await send(page, 'text', HOSTILE);
    await send(page, 'text', 'Grüße 👋');
    await send(page, 'binary', '48 65 6c 6c 6f 00 ff');
    const sent = [HOSTILE, 'Grüße 👋', '48 65 6c 6c 6f 00 ff  Hello..'];
    await showing(page, '.sent .body', sent);
    await showing(page, '.received .body', sent);
    await showing(page, '.sent .size', [`${Buffer.byteLength(HOSTILE)} B`, '12 B', '7 B']);
    for (const size of await texts(page, '.received .size')) assert.match(size, /^\d+ B · [\d.]+ ms$/);
    for (const time of await texts(page, '#log time')) assert.match(time, /^\d\d:\d\d:\d\d\.\d{3}$/);
    assert.deepEqual(await texts(page, '#log img, #log b'), []);
    assert.equal(await page.textContent('#out'), `3, ${Buffer.byteLength(HOSTILE) + 19} B`);
    assert.equal(await page.textContent('#in'), await page.textContent('#out'));
    assert.match((await page.textContent('#extensions')) ?? '', /^permessage-deflate/);

    await send(page, 'binary', '4');
    await showing(page, '#problem', ['An even number of hex digits, such as 48 65 6c']);
    await page.fill('#protocols', 'v0, v1');
    await page.click('#offer button');
    await showing(page, '#protocol', ['v1']);
    await isOpen(page);
    await page.fill('#code', '1002');
    await page.click('#end button');
    await showing(page, '.note.bad .body', ['A page may close with 1000 or 3000 to 4999, not with 1002']);
    if (PICTURES !== undefined) await page.screenshot({ path: `${PICTURES}/test-page-wide-light.png` });
    await page.fill('#code', '4001');
    await page.fill('#reason', 'enough');
    await page.click('#end button');
    await isClosed(page);
    const closed = await waitUntil(() => server.events('close')[1]);
    assert.deepEqual(
      [closed?.['code'], closed?.['reason'], closed?.['cause']],
      [4001, 'enough', 'peer-close'],
    );
    assert.deepEqual((await texts(page, '.note .body')).slice(-2), [
      'Closing with 4001 “enough”',
      'Closed with 4001',
    ]);
    await page.click('#toggle');
    await isOpen(page);
  },
);

test(
  'CM-04: the test page of --relay shows what the other tab sends, also on a phone',
  PAGE_TEST,
  async (t) => {
    const server = await start(t, '--relay');
    const { page: wide } = await visit(t, server.page, {
      viewport: { width: 1100, height: 720 },
      colorScheme: 'dark',
    });
    const { page: phone } = await visit(t, server.page, PHONE);
    await isOpen(wide);
    await isOpen(phone);
    await send(wide, 'text', '{"seat":"12A","price":49.9}');
    await send(phone, 'binary', '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10');
    await showing(phone, '.received .body', ['{"seat":"12A","price":49.9}']);
    await waitUntil(async () => (await texts(wide, '.received .size'))[0] === '17 B');
    for (const page of [wide, phone]) assert.equal(await hiddenColumns(page), 0);
    if (PICTURES !== undefined) {
      await wide.screenshot({ path: `${PICTURES}/test-page-wide-dark.png` });
      await phone.screenshot({ path: `${PICTURES}/test-page-phone-dark.png` });
      await phone.click('#more');
      await phone.screenshot({ path: `${PICTURES}/test-page-phone-more.png` });
    }
  },
);

test('CM-04 TL-05: the test page over https, and after its server is gone', PAGE_TEST, async (t) => {
  const server = await start(t, '--tls-self-signed');
  const { page } = await visit(t, server.page, { ignoreHTTPSErrors: true });
  await isOpen(page);
  await send(page, 'text', 'private');
  await showing(page, '.received .body', ['private']);
  assert.equal(await server.stop(), 0);
  await isClosed(page);
  assert.equal((await texts(page, '#status-text'))[0], 'Closed, 1001');
});
