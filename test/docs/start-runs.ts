import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type BlankPage, openChromium } from '../interop/open-browser.ts';
import { chromium } from '../interop/peers.ts';
import { ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { run } from './world.ts';

const PATIENT = { deadlineMs: 30_000 };

/** Room 7 of a running server, for a client of the test. */
function member(t: TestContext, port: number) {
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
  t.after(() => client.close());
  return client.topic('room:7');
}

export async function server(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const port = await program.port();
  const heard: unknown[] = [];
  const [one, other] = [member(t, port), member(t, port)];
  other.on('message', (text) => void heard.push(text));
  await other.subscribed();
  await one.publish('here');
  await waitUntil(() => heard.length > 0, PATIENT);
  assert.deepEqual(heard, ['here']);
  assert.match(program.output(), /^The server listens on port 8080\.$/m);
}

export async function client(t: TestContext, file: string): Promise<void> {
  const served = new WebSocketServer({
    protocols: ['hawser.v1'],
    history: { match: 'room:*' },
    authorizeSubscribe: () => true,
    authorizePublish: () => true,
  });
  const { port } = await served.listen(0);
  t.after(() => served.shutdown({ timeoutMs: 1_000 }));
  const room = member(t, port);
  const heard: unknown[] = [];
  room.on('message', (text) => void heard.push(text));
  await room.subscribed();
  const program = run(t, file, { ports: { 8080: port } });
  await waitUntil(() => heard.length > 0, PATIENT);
  assert.deepEqual(heard, [`Process ${program.child.pid} is here.`]);
  await room.publish('welcome');
  await waitUntil(() => program.output() === 'welcome\n', PATIENT);
}

/** The lines that the page shows. */
const linesOf = (page: BlankPage): Promise<readonly string[]> =>
  page.evaluate(() => {
    const { document } = globalThis as unknown as {
      document: { querySelectorAll(what: string): Iterable<{ textContent: string }> };
    };
    return [...document.querySelectorAll('li')].map(({ textContent }) => textContent);
  }, undefined);

export async function page(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const script = await fetch(`http://127.0.0.1:${port}/hawser.js`);
  assert.equal(script.headers.get('content-type'), 'text/javascript');
  if (chromium.peer === undefined) return t.skip(chromium.skip);
  const browser = await openChromium();
  t.after(() => browser.close());
  const opened = await browser.blankPage(`http://127.0.0.1:${port}/`);
  const room = member(t, port);
  let count = 0;
  // The page does not show that it has subscribed. So the test publishes until the page shows a message.
  await waitUntil(async () => {
    await room.publish(`message ${++count}`);
    return (await linesOf(opened)).length > 0;
  }, PATIENT);
  assert.match((await linesOf(opened))[0]!, /^message \d+$/);
}
