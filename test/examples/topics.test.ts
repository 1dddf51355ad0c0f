import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ReconnectingClient } from '../../src/client/index.ts';
import { served } from '../cli/fake-io.ts';
import { PAGE_TEST, pagesOfFile, PICTURES, showing } from '../interop/pages.ts';
import { curl, type Page } from '../interop/peers.ts';
import { runExample } from './run-example.ts';

const visit = pagesOfFile();

async function say(page: Page, text: string): Promise<void> {
  await page.fill('input', text);
  await page.press('input', 'Enter');
}

test('EX-01 HI-04 chat-history: a page that is loaded again shows what was said', PAGE_TEST, async (t) => {
  const { port, output } = await runExample(t, 'chat-history.ts');
  const url = `http://127.0.0.1:${port}/`;
  const { page: anna } = await visit(t, url);
  const { page: ben } = await visit(t, url);
  await showing(anna, '#status', ['2 here']);
  await say(anna, 'one');
  await showing(anna, 'li', ['one']);
  await showing(ben, 'li', ['one']);
  await say(ben, '<b>two</b>');
  await showing(anna, 'li', ['one', '<b>two</b>']);
  await anna.reload();
  await showing(anna, 'li', ['one', '<b>two</b>']);
  await showing(anna, '#status', ['2 here']);
  assert.equal(output(), `${url}\n`);
});

test('EX-01 HI-02 chat-history: other topics and long messages are refused', async (t) => {
  const { port } = await runExample(t, 'chat-history.ts');
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
  t.after(() => client.close());
  const other = client.topic('news');
  other.on('error', () => undefined);
  await assert.rejects(other.subscribed(), { code: 'forbidden' });
  const room = client.topic('room:harbour');
  assert.equal((await room.publish('x'.repeat(500))).position?.offset, 1);
  await assert.rejects(room.publish('x'.repeat(501)), { code: 'forbidden' });
});

const DASHBOARD = { ...PAGE_TEST, skip: PAGE_TEST.skip || curl.skip };

test(
  'EX-01 HI-04 dashboard: values that curl publishes are on the page, also on a page that is opened later',
  DASHBOARD,
  async (t) => {
    const dashboard = await runExample(t, 'dashboard/server.js');
    const origin = `http://127.0.0.1:${dashboard.port}`;
    const flags = ['--allow-subscribe', 'metric:*', '--history', 'metric:*:1', '--allowed-origin', origin];
    const server = await served('--topics', ...flags, '--publish-token', 's3cret');
    t.after(() => server.stop());
    const publish = async (name: string, value: object): Promise<void> => {
      const url = `http://127.0.0.1:${server.port}/topics/metric:${name}`;
      const fields = ['-H', 'Authorization: Bearer s3cret', '-H', 'Content-Type: application/json'];
      const { stdout } = await promisify(execFile)(curl.peer!, [
        '-sS',
        url,
        ...fields,
        '-d',
        JSON.stringify(value),
      ]);
      assert.equal((JSON.parse(stdout) as { ok: boolean }).ok, true, stdout);
    };
    const url = `${origin}/?server=ws://127.0.0.1:${server.port}/&metrics=cpu,memory`;
    const { page } = await visit(t, url);
    await showing(page, '#status', ['live']);
    await showing(page, 'output', ['–', '–']);
    await publish('cpu', { value: 41, unit: ' %' });
    await showing(page, 'output', ['41 %', '–']);
    await publish('memory', { value: 3 });
    await publish('cpu', { value: 42, unit: ' %' });
    await showing(page, 'output', ['42 %', '3']);
    const { page: later } = await visit(t, url);
    await showing(later, 'output', ['42 %', '3']);
    if (PICTURES !== undefined) await later.screenshot({ path: `${PICTURES}/dashboard.png` });
  },
);
