import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test, type TestContext } from 'node:test';
import { connect, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { redisEngine } from '../../src/cluster/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { CLIENTS, ioredis, nodeRedis } from '../cluster/redis/clients.ts';
import { redis, serverChild } from '../cluster/redis/live.ts';
import { noRedis } from '../cluster/redis/server.ts';
import { fakeIo, served } from '../cli/fake-io.ts';
import { type Browser, chromium, type Page } from './peers.ts';

const { skip } = chromium;
const TIMEOUT = { skip, timeout: 120_000 };
const TOKEN = 'a-token-for-this-page';
/** Where to leave pictures of the page, for people to look at; none are made without it. */
const PICTURES = process.env['HAWSER_SCREENSHOTS'];
let browser: Browser | undefined;

before(async () => {
  if (skip === false) browser = await chromium.peer();
});
after(() => browser?.close());

const NASTY = '<img src=x onerror="document.title=1">';

/** A server with an admin port, a client that talks and one that was refused. */
async function busy(
  t: TestContext,
  admin: Partial<NonNullable<Exclude<ServerOptions['admin'], false>>> = {},
  options: ServerOptions = {},
) {
  const server = new WebSocketServer({
    name: 'eu-1',
    maxConnections: 100,
    ...options,
    admin: { port: 0, ...admin },
  });
  server.on('error', () => undefined);
  server.on('message', (connection, message) => {
    connection.subscribe(NASTY);
    connection.send(message);
  });
  const { port } = await server.listen(0, '127.0.0.1');
  const { port: adminPort } = await server.listenAdmin();
  const client = await connect(`ws://127.0.0.1:${port}/`);
  let echoes = 0;
  client.on('message', (message) => {
    echoes++;
    client.send(message);
  });
  client.send('go');
  await fetch(`http://127.0.0.1:${port}/${encodeURIComponent(NASTY)}`);
  const kicked = await connect(`ws://127.0.0.1:${port}/`);
  kicked.close(4000, NASTY);
  await kicked.closed;
  t.after(async () => {
    client.terminate();
    await server.shutdown();
  });
  return { server, client, url: `http://127.0.0.1:${adminPort}/`, echoes: () => echoes };
}

/** Opens a page in a browser of its own; what it complains about fails the test. */
async function visit(
  t: TestContext,
  url: string,
  options?: Parameters<Browser['newContext']>[0],
): Promise<Page> {
  const context = await browser!.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => void complaints.push(error.message));
  page.on('console', (message) => {
    // The browser itself reports a connection or request that was refused.
    if (message.type() === 'error' && !/WebSocket connection|Failed to load resource/.test(message.text()))
      complaints.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(url);
  return page;
}

interface Element {
  readonly textContent: string;
  readonly hidden: boolean;
}
const texts = (page: Page, selector: string): Promise<string[]> =>
  page.evaluate((query) => {
    const { document } = globalThis as unknown as {
      document: { querySelectorAll(query: string): Iterable<Element> };
    };
    return Array.from(document.querySelectorAll(query), (element) => element.textContent);
  }, selector);
/** How many pixels the page is wider than the screen. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { document, innerWidth } = globalThis as unknown as {
      innerWidth: number;
      document: { documentElement: { scrollWidth: number } };
    };
    return document.documentElement.scrollWidth - innerWidth;
  });
const textOf = async (page: Page, selector: string): Promise<string> =>
  (await texts(page, selector))[0] ?? '';
const shows = (page: Page, selector: string, fits: (text: string) => boolean): Promise<boolean> =>
  waitUntil(async () => fits(await textOf(page, selector)), { deadlineMs: 20_000 });

test('LG-06 TS-06: the admin page shows counts that move, without an error', TIMEOUT, async (t) => {
  let budgetRatio = 0;
  const idle = { eventLoopDelayMs: 0, loopUtilization: 0, heapRatio: 0, rssRatio: 0, cpuRatio: 0 };
  const loadControl = { sampleIntervalMs: 100, probe: () => ({ ...idle, budgetRatio }) };
  const { url, server } = await busy(t, {}, { loadControl });
  const page = await visit(t, url, { viewport: { width: 1280, height: 900 } });
  await shows(page, '#status', (text) => text === 'Live');
  await shows(page, '#connections .value', (text) => text === '1');
  assert.equal(await textOf(page, '#name'), 'eu-1');
  assert.equal(await textOf(page, '#ready'), 'Ready');
  assert.equal(await textOf(page, '#load'), 'Load normal');
  budgetRatio = 0.6;
  await shows(page, '#load', (text) => text === 'Load elevated');
  budgetRatio = 0;
  await shows(page, '#load', (text) => text === 'Load normal');
  await shows(page, '#messages .value', (text) => /^\d.*\/s$/.test(text) && text !== '0/s');
  const first = await textOf(page, '#messages .value');
  await shows(page, '#messages .value', (text) => text !== first);
  await shows(page, '#handler td', (text) => text !== '–');
  await shows(page, '#loop .value', (text) => text.endsWith('%'));
  assert.deepEqual((await texts(page, '#table tbody tr .id')).length, 1);
  // What came from a client is text.
  assert.deepEqual(await texts(page, '#topics tbody td:first-child'), [NASTY]);
  assert.deepEqual(await texts(page, '#refusals tbody td:first-child'), ['ERR_NO_UPGRADE']);
  assert.ok((await texts(page, '#events .text')).some((text) => text.includes(NASTY)));
  assert.equal((await texts(page, 'main img')).length, 0);
  assert.equal(await textOf(page, 'title'), 'eu-1 · Hawser');
  assert.equal((await texts(page, '#drain:not([hidden])')).length, 0, 'no actions');
  assert.equal((await texts(page, 'td.acting:not([hidden])')).length, 0);
  // Sorting and filtering are the server's.
  await page.click('th[data-sort=topics] button');
  await page.waitForSelector('th[data-sort=topics][aria-sort=descending]');
  await page.fill('#filter', 'no such connection');
  await shows(page, '#none', (text) => text === 'No connection matches.');
  await page.fill('#filter', NASTY.toUpperCase());
  await waitUntil(async () => (await texts(page, '#table tbody tr')).length === 1, { deadlineMs: 20_000 });
  const going = server.shutdown({ timeoutMs: 1_000, readyDelayMs: 3_000 });
  await shows(page, '#ready', (text) => text === 'Not ready: shutting down');
  await going;
  await shows(page, '#status', (text) => text.startsWith('Reconnecting'));
});

test(
  'LG-06 TS-06: the page asks for the token, takes it from the URL once, and reconnects by itself',
  TIMEOUT,
  async (t) => {
    const { url } = await busy(t, { token: TOKEN });
    const page = await visit(t, url);
    await page.waitForSelector('#ask-token[open]');
    await page.fill('#token', 'not-the-right-token');
    await page.click('#ask-token button');
    await shows(page, '#notice', (text) => text === 'This token is wrong.');
    await page.fill('#token', TOKEN);
    await page.click('#ask-token button');
    await shows(page, '#status', (text) => text === 'Live');
    const other = await visit(t, `${url}#token=${TOKEN}`);
    await shows(other, '#status', (text) => text === 'Live');
    const hrefOf = (): Promise<string> =>
      other.evaluate(() => (globalThis as unknown as { location: { href: string } }).location.href);
    assert.equal(await hrefOf(), url, 'the token is not left in the URL');
    await other.goto(url);
    await shows(other, '#status', (text) => text === 'Live');
  },
);

test('LG-06 TS-06: with actions, the page closes a connection and drains the server', TIMEOUT, async (t) => {
  const { url, client, server } = await busy(t, { actions: true, token: TOKEN });
  const page = await visit(t, `${url}#token=${TOKEN}`);
  await page.click('#table tbody .acts .button');
  await page.fill('#seconds', '1');
  await page.click('#ask-capture button[value=yes]');
  await shows(page, '#notice', (text) => text.startsWith('Capturing for 1 s'));
  await page.click('#table tbody .acts .danger');
  await page.fill('#reason', 'off you go');
  await page.click('#ask-close button[value=no]');
  await page.click('#table tbody .acts .danger');
  await page.click('#ask-close button[value=yes]');
  const info = await client.closed;
  assert.deepEqual([info.code, info.reason], [1012, 'off you go']);
  await shows(page, '#notice', (text) => text === 'The connection closes.');
  await waitUntil(async () => (await texts(page, '#events .kind')).includes('action'), {
    deadlineMs: 20_000,
  });
  await page.click('#drain');
  await page.click('#ask-drain button[value=yes]');
  await waitUntil(() => !server.ready(), { deadlineMs: 20_000 });
});

test('LG-06 TS-06: the page fits a phone, in light and dark', TIMEOUT, async (t) => {
  const { url } = await busy(t, { actions: true });
  for (const [name, options] of [
    ['light', { viewport: { width: 1280, height: 900 } }],
    ['dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
    ['phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ] as const) {
    const page = await visit(t, url, options);
    await shows(page, '#messages .value', (text) => text.endsWith('/s'));
    assert.ok((await overflow(page)) <= 0, name);
    if (PICTURES !== undefined) await page.screenshot({ path: `${PICTURES}/admin-${name}.png` });
  }
});

const CLUSTERED = { ...TIMEOUT, skip: skip || noRedis || ioredis.skip || nodeRedis.skip };

test(
  'LG-06 SC-09 TS-06: the page shows all servers of a cluster, and which do not answer',
  CLUSTERED,
  async (t) => {
    const { server: broker } = await redis(t);
    const engine = (at: number) => redisEngine({ client: CLIENTS[at]!.client(broker.port) });
    const { url, server } = await busy(t, {}, { cluster: engine(0) });
    const other = new WebSocketServer({ name: NASTY, cluster: engine(1), maxConnections: 1 });
    const { port } = await other.listen(0, '127.0.0.1');
    const guest = await connect(`ws://127.0.0.1:${port}/`);
    t.after(async () => {
      guest.terminate();
      await other.shutdown();
    });
    const child = await serverChild(t, broker);
    await waitUntil(async () => (await server.cluster.nodes()).length === 3, { deadlineMs: 20_000 });
    const page = await visit(t, url, { viewport: { width: 1280, height: 900 } });
    await shows(page, '#answered', (text) => text === '3');
    const names = await texts(page, '#nodes tbody b');
    assert.deepEqual(names.toSorted(), [NASTY, 'child', 'eu-1'].sort(), 'the name of a server is text');
    assert.equal(names[0], 'eu-1', 'this server is first');
    assert.deepEqual(await texts(page, '#nodes .chip:not([hidden])'), ['this server']);
    const states = async (): Promise<string[]> => (await texts(page, '#nodes tbody .level')).toSorted();
    assert.deepEqual(await states(), ['Full', 'Ready', 'Ready']);
    assert.equal(await textOf(page, '#nodes tfoot td:nth-of-type(2)'), '2', 'connections of all servers');
    await shows(page, '#nodes tbody td:nth-of-type(4)', (text) => text !== '0');
    child.signal('SIGSTOP');
    await shows(page, '#answered', (text) => text === '2 of 3 answered');
    assert.deepEqual(await states(), ['Full', 'No answer', 'Ready']);
    for (const [name, options] of [
      ['light', { viewport: { width: 1280, height: 900 } }],
      ['dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
      ['phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
    ] as const) {
      const view = await visit(t, url, options);
      await shows(view, '#answered', (text) => text === '2 of 3 answered');
      await shows(view, '#messages .value', (text) => text.endsWith('/s'));
      assert.ok((await overflow(view)) <= 0, name);
      if (PICTURES !== undefined)
        await view.screenshot({ path: `${PICTURES}/cluster-${name}.png`, fullPage: true });
    }
    const { server: alone } = await busy(t);
    const { port: lonely } = await alone.listenAdmin();
    const small = await visit(t, `http://127.0.0.1:${lonely}/`);
    await shows(small, '#messages .value', (text) => text.endsWith('/s'));
    assert.equal((await texts(small, '#cluster[hidden]')).length, 1, 'a server on its own has no such table');
  },
);

test(
  'LG-06 SC-02 TS-06: the page of serve --workers shows each worker, also one that is restarted',
  TIMEOUT,
  async (t) => {
    const io = fakeIo();
    const flags = ['--json', '--workers', '2', '--admin-port', '0', '--shutdown-timeout-ms', '500'];
    const serving = await served(...flags, { io });
    t.after(() => serving.stop());
    const url = String(serving.events('listening')[0]!['adminUrl']);
    const page = await visit(t, url, { viewport: { width: 1280, height: 900 } });
    await shows(page, '#answered', (text) => text === '2');
    assert.deepEqual(await texts(page, '#nodes tbody b'), ['worker 1', 'worker 2']);
    await shows(page, '#nodes tbody .who', (text) =>
      /^pid \d+ · loop .* · delay p99 .* · 0 restarts$/.test(text),
    );
    const victim = serving.events('workerUp').find((event) => event['number'] === 1)!;
    process.kill(Number(victim['process']), 'SIGKILL');
    await shows(page, '#nodes tbody .who', (text) => text.endsWith(' · 1 restart'));
    await waitUntil(
      async () => (await texts(page, '#events .kind')).some((kind) => /^worker.ended$/i.test(kind)),
      {
        deadlineMs: 20_000,
      },
    );
  },
);
