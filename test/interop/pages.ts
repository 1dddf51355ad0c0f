import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, type TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Browser, type BrowserContext, chromium, type Page } from './peers.ts';

/** Folder for pictures of pages, for people to look at; `undefined` makes none. */
export const PICTURES = process.env['HAWSER_SCREENSHOTS'];
/** Options of a test that opens a page. */
export const PAGE_TEST = { skip: chromium.skip, timeout: 120_000 };

type ContextOptions = Parameters<Browser['newContext']>[0];
/** A phone with a dark theme. */
export const PHONE: ContextOptions = {
  viewport: { width: 390, height: 780 },
  colorScheme: 'dark',
  isMobile: true,
  hasTouch: true,
};

/** Starts one browser for the tests of a file. @returns Opens a page in a context of its own; its complaints fail the test. */
export function pagesOfFile(): (
  t: TestContext,
  url: string,
  options?: ContextOptions,
) => Promise<{ page: Page; context: BrowserContext }> {
  let browser: Browser | undefined;
  before(async () => {
    if (chromium.skip === false) browser = await chromium.peer();
  });
  after(() => browser?.close());
  return async (t, url, options) => {
    const context = await browser!.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => void complaints.push(error.message));
    page.on('console', (message) => {
      // The browser itself reports a connection that was refused or cut.
      if (message.type() === 'error' && !message.text().includes('WebSocket connection')) {
        complaints.push(message.text());
      }
    });
    t.after(async () => {
      await context.close();
      assert.deepEqual(complaints, []);
    });
    await page.goto(url);
    return { page, context };
  };
}

/** The text of each element that matches. */
export const texts = (page: Page, selector: string): Promise<string[]> =>
  page.evaluate((query) => {
    const { document } = globalThis as unknown as {
      document: { querySelectorAll(query: string): Iterable<{ textContent: string }> };
    };
    return Array.from(document.querySelectorAll(query), (element) => element.textContent);
  }, selector);

/** Waits until elements have exactly these texts. */
export async function showing(page: Page, selector: string, expected: readonly string[]): Promise<void> {
  let seen: string[] = [];
  try {
    await waitUntil(
      async () => {
        // A page that navigates answers no question.
        seen = await texts(page, selector).catch(() => ['(no answer)']);
        return JSON.stringify(seen) === JSON.stringify(expected);
      },
      { deadlineMs: 15_000 },
    );
  } catch {
    assert.deepEqual(seen, expected);
  }
}

/** Columns of the page that stand outside of its window: 0 if nothing has to be scrolled sideways. */
export const hiddenColumns = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { document } = globalThis as unknown as {
      document: { documentElement: { readonly scrollWidth: number; readonly clientWidth: number } };
    };
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
  });
