import { Firefox } from './firefox.ts';
import { type BrowserContext, chromium, firefox, type Page } from './peers.ts';

/** An empty page, so that scripts have an origin. Functions run in the page and cannot use variables of the test. */
export interface BlankPage {
  goto(url: string): Promise<unknown>;
  evaluate<Result, Argument>(
    run: (argument: Argument) => Result,
    argument: Argument,
  ): Promise<Awaited<Result>>;
}
export interface OpenBrowser {
  /** @param url The URL of an empty page. */
  blankPage(url: string): Promise<BlankPage>;
  /** Freezes the page as a browser does in the background, or thaws it. Only Chromium can be asked to. */
  setFrozen?(page: BlankPage, frozen: boolean): Promise<void>;
  close(): Promise<void>;
}

/** @param restoresPages As in {@link chromium}. */
export async function openChromium(restoresPages?: boolean): Promise<OpenBrowser> {
  const browser = await chromium.peer!(restoresPages);
  const contexts = new Map<BlankPage, readonly [BrowserContext, Page]>();
  return {
    async blankPage(url) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      contexts.set(page, [context, page]);
      await page.goto(url);
      return page;
    },
    async setFrozen(of, frozen) {
      const [context, page] = contexts.get(of)!;
      const session = await context.newCDPSession(page);
      await session.send('Page.setWebLifecycleState', { state: frozen ? 'frozen' : 'active' });
    },
    close: () => browser.close(),
  };
}

export async function openFirefox(): Promise<OpenBrowser> {
  const browser = await Firefox.launch(firefox.peer!);
  return {
    async blankPage(url) {
      await browser.goto(url);
      return browser;
    },
    close: () => browser.close(),
  };
}
