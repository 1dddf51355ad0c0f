import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Counted, holesOf, NumberServer } from './number-server.ts';
import { type BlankPage, openChromium, type OpenBrowser, openFirefox } from './open-browser.ts';
import { chromium, firefox } from './peers.ts';

const LONG = { timeout: 180_000 };
const PATIENT = { deadlineMs: 60_000 };

const countedOf = (page: BlankPage): Promise<Counted> =>
  page.evaluate(() => {
    const { counted } = globalThis as unknown as { counted?: Counted };
    return { seen: counted?.seen ?? [], told: counted?.told ?? [] };
  }, undefined);

/** Waits until the page has seen this number. */
async function sees(page: BlankPage, number: number, of = countedOf): Promise<Counted> {
  let counted: Counted = { seen: [], told: [] };
  await waitUntil(
    async () => {
      counted = await of(page);
      return (counted.seen.at(-1) ?? 0) >= number;
    },
    { ...PATIENT, description: `the page to see ${number}` },
  );
  return counted;
}

const count = ({ told }: Counted, name: string): number => told.filter(([each]) => each === name).length;

/** Loads the worker, and asks it for what it has seen. */
async function workerCounted(page: BlankPage, kind: 'web' | 'service'): Promise<Counted> {
  return page.evaluate(async (which) => {
    // Firefox runs each script in a scope of its own, whose globals are gone after it; those of the window stay.
    const { window: scope } = globalThis as unknown as { window: Scope };
    interface Scope {
      asked?: { postMessage(message: unknown, ports: unknown[]): void };
      Worker: new (url: string, options: object) => NonNullable<Scope['asked']>;
      navigator: {
        serviceWorker: {
          register(url: string, options: object): Promise<unknown>;
          ready: Promise<{ active: NonNullable<Scope['asked']> }>;
        };
      };
    }
    if (scope.asked === undefined && which === 'web')
      scope.asked = new scope.Worker('/worker.js', { type: 'module' });
    if (scope.asked === undefined) {
      await scope.navigator.serviceWorker.register('/worker.js', { type: 'module' });
      scope.asked = (await scope.navigator.serviceWorker.ready).active;
    }
    const { port1, port2 } = new MessageChannel();
    return new Promise<Counted>((resolve) => {
      port1.addEventListener('message', (event) => resolve((event as unknown as { data: Counted }).data));
      port1.start();
      scope.asked!.postMessage('counted?', [port2]);
    });
  }, kind);
}

for (const { name, skip, open } of [
  { name: 'Chromium', skip: chromium.skip, open: openChromium },
  { name: 'Firefox', skip: firefox.skip, open: openFirefox },
]) {
  describe(`hawser/browser in ${name}`, { skip }, () => {
    let browser: OpenBrowser | undefined;
    before(async () => {
      browser = await open(true);
    }, LONG);
    after(() => browser?.close());

    test(
      `RC-07 RC-06: ${name} shows each of 100 numbers a second once while the network is cut ten times`,
      LONG,
      async (t) => {
        const server = await NumberServer.start(t, 10_000);
        const page = await browser!.blankPage(`${server.url}/`);
        await waitUntil(async () => count(await countedOf(page), 'open') === 1, PATIENT);
        await waitUntil(() => server.subscriberCount === 1, PATIENT);
        server.startPublishing();
        for (let cuts = 1; cuts <= 10; cuts++) {
          await sees(page, server.last + 20);
          server.cut();
          await waitUntil(async () => count(await countedOf(page), 'down') === cuts, PATIENT);
          server.restore();
          await waitUntil(async () => count(await countedOf(page), 'recovered') === cuts, PATIENT);
        }
        server.stopPublishing();
        const counted = await sees(page, server.last);
        assert.deepEqual(holesOf(counted), []);
        assert.deepEqual([counted.seen.length, count(counted, 'lost')], [server.last, 0]);
      },
    );

    test(
      `RC-07 RC-06: ${name} is told exactly where the history does not reach, and after a new epoch`,
      LONG,
      async (t) => {
        const server = await NumberServer.start(t, 50);
        const page = await browser!.blankPage(`${server.url}/`);
        await waitUntil(async () => count(await countedOf(page), 'open') === 1, PATIENT);
        await waitUntil(() => server.subscriberCount === 1, PATIENT);
        server.publish(10);
        await sees(page, 10);
        server.cut();
        await waitUntil(async () => count(await countedOf(page), 'down') === 1, PATIENT);
        server.publish(100);
        server.restore();
        assert.deepEqual(holesOf(await sees(page, 110)), [[10, 61]]);
        await server.restart();
        await waitUntil(async () => count(await countedOf(page), 'open') === 3, PATIENT);
        server.publish(5);
        const counted = await sees(page, 115);
        assert.deepEqual(holesOf(counted), [[10, 61]]);
        assert.deepEqual([count(counted, 'recovered'), count(counted, 'lost')], [0, 2]);
      },
    );

    // Firefox does not restore a page that had an open WebSocket, and no command of it freezes a page.
    if (open === openChromium) {
      test(
        `RC-07 RC-05: ${name} restores a page from memory, which reconnects and misses nothing`,
        LONG,
        async (t) => {
          const server = await NumberServer.start(t, 1_000);
          const page = await browser!.blankPage(`${server.url}/`);
          await waitUntil(async () => count(await countedOf(page), 'open') === 1, PATIENT);
          await waitUntil(() => server.subscriberCount === 1, PATIENT);
          server.publish(10);
          await sees(page, 10);
          await page.goto(`${server.url}/empty`);
          server.publish(10);
          await page.evaluate(() => {
            (globalThis as unknown as { history: { back(): void } }).history.back();
          }, undefined);
          // A script that runs during the navigation fails.
          const isBack = async (): Promise<boolean> => count(await countedOf(page), 'recovered') === 1;
          await waitUntil(() => isBack().catch(() => false), PATIENT);
          // A page that is loaded anew would begin with the next number.
          const counted = await sees(page, 20);
          assert.deepEqual(holesOf(counted), []);
          assert.deepEqual(
            counted.told.map(([event]) => event),
            ['open', 'down', 'open', 'recovered'],
          );
        },
      );

      test(`RC-07 RC-05: ${name} thaws after its connection was cut, and misses nothing`, LONG, async (t) => {
        const server = await NumberServer.start(t, 1_000);
        const page = await browser!.blankPage(`${server.url}/`);
        await waitUntil(async () => count(await countedOf(page), 'open') === 1, PATIENT);
        await waitUntil(() => server.subscriberCount === 1, PATIENT);
        server.publish(10);
        await sees(page, 10);
        await browser!.setFrozen!(page, true);
        server.publish(10);
        server.cut();
        server.publish(10);
        server.restore();
        await browser!.setFrozen!(page, false);
        const counted = await sees(page, 30);
        assert.deepEqual(holesOf(counted), []);
      });
    }

    for (const kind of ['web', 'service'] as const) {
      test(`RC-07: ${name} runs the client in a ${kind} worker, which has no window`, LONG, async (t) => {
        const server = await NumberServer.start(t, 1_000);
        const page = await browser!.blankPage(`${server.url}/empty`);
        const of = (from: BlankPage): Promise<Counted> => workerCounted(from, kind);
        await waitUntil(async () => count(await of(page), 'open') === 1, PATIENT);
        await waitUntil(() => server.subscriberCount === 1, PATIENT);
        server.publish(10);
        await sees(page, 10, of);
        server.cut();
        server.publish(10);
        server.restore();
        const counted = await sees(page, 20, of);
        assert.deepEqual([holesOf(counted), count(counted, 'recovered')], [[], 1]);
      });
    }
  });
}
