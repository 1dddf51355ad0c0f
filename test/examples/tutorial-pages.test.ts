import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { solved, stepNamed } from '../docs/tutorial.ts';
import { run } from '../docs/world.ts';
import { PAGE_TEST, pagesOfFile, showing, texts } from '../interop/pages.ts';
import type { Page } from '../interop/peers.ts';
import { waitUntil } from '../../src/testing/index.ts';

const visit = pagesOfFile();
const LINES = '#messages li';

async function say(page: Page, text: string): Promise<void> {
  await page.fill('#say input', text);
  await page.press('#say input', 'Enter');
}

/** Runs a step, and returns the address of its page. */
async function urlOf(t: TestContext, folder: string): Promise<string> {
  const port = await run(t, join(folder, 'server.js')).port();
  return `http://127.0.0.1:${port}/`;
}

test('EX-01 tutorial 2: the page shows what the server sends back, as text', PAGE_TEST, async (t) => {
  const { page } = await visit(t, await urlOf(t, solved(t, stepNamed('2-page'))));
  await showing(page, LINES, ['The connection is open.']);
  await say(page, '<b>hello</b>');
  await showing(page, LINES, ['The connection is open.', '<b>hello</b>']);
});

test('EX-01 tutorial 3: both windows show the same messages', PAGE_TEST, async (t) => {
  const url = await urlOf(t, stepNamed('3-everybody').folder);
  const [one, two] = [(await visit(t, url)).page, (await visit(t, url)).page];
  await say(one, 'hello');
  for (const page of [one, two]) await showing(page, LINES, ['hello']);
});

test('EX-01 tutorial 4: the pages list the members and name the sender', PAGE_TEST, async (t) => {
  const url = await urlOf(t, stepNamed('4-names').folder);
  const { page: ann } = await visit(t, `${url}?name=ann`);
  const { page: ben, context } = await visit(t, `${url}?name=ben`);
  for (const page of [ann, ben]) await showing(page, '#people', ['ann, ben']);
  await say(ben, 'hello');
  for (const page of [ann, ben]) await showing(page, LINES, ['ben: hello']);
  await context.close();
  await showing(ann, '#people', ['ann']);
});

/** The user's network is off, as with Offline in the developer tools. The browser itself reports attempts that fail. */
test(
  'EX-01 tutorial 5: a page that was offline gets what it missed, and sends what it could not',
  PAGE_TEST,
  async (t) => {
    const url = await urlOf(t, solved(t, stepNamed('5-nothing-lost')));
    const { page: ann } = await visit(t, `${url}?name=ann`);
    const { page: ben, context } = await visit(t, `${url}?name=ben`);
    for (const page of [ann, ben]) await showing(page, '#people', ['ann, ben']);
    await say(ann, 'one');
    for (const page of [ann, ben]) await showing(page, LINES, ['ann: one']);

    await context.setOffline(true);
    await say(ann, 'two');
    await showing(ann, LINES, ['ann: one', 'ann: two']);
    await waitUntil(async () => (await texts(ben, '#state'))[0] === 'offline', { deadlineMs: 60_000 });
    assert.deepEqual(await texts(ben, LINES), ['ann: one']);
    await say(ben, 'three');
    await context.setOffline(false);
    await showing(ann, LINES, ['ann: one', 'ann: two', 'ben: three']);
    await showing(ben, LINES, ['ann: one', '1 messages while you were away:', 'ann: two', 'ben: three']);

    await ben.reload();
    await showing(ben, LINES, ['ann: one', 'ann: two', 'ben: three']);
  },
);

test('EX-01 tutorial 6: a user signs in with the form, and out with the button', PAGE_TEST, async (t) => {
  const { page } = await visit(t, await urlOf(t, solved(t, stepNamed('6-strangers'))));
  await page.fill('[name=name]', 'ann');
  await page.fill('[name=password]', 'harbour');
  await page.click('button');
  await showing(page, '#people', ['ann']);
  await say(page, 'hello');
  await showing(page, LINES, ['ann: hello']);
  await page.click('form[action="/sign-out"] button');
  await showing(page, 'h1', ['Sign in']);
});
