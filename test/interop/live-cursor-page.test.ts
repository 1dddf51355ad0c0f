import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { runExample } from '../examples/run-example.ts';
import { PAGE_TEST, pagesOfFile, showing, texts } from './pages.ts';
import type { Page } from './peers.ts';

const visit = pagesOfFile();

const move = (page: Page, x: number, y: number): Promise<void> =>
  page.evaluate(
    ({ clientX, clientY }) => {
      const { dispatchEvent, PointerEvent } = globalThis as unknown as {
        readonly dispatchEvent: (event: unknown) => boolean;
        PointerEvent: new (name: string, init: object) => unknown;
      };
      dispatchEvent(new PointerEvent('pointermove', { clientX, clientY }));
    },
    { clientX: x, clientY: y },
  );

test('EX-01 RC-07 live-cursor: pages show the cursors of others, and who is there', PAGE_TEST, async (t) => {
  const { port } = await runExample(t, 'live-cursor.ts');
  const { page: first } = await visit(t, `http://127.0.0.1:${port}/`);
  await showing(first, '#people', ['user 1']);
  const { page: second, context } = await visit(t, `http://127.0.0.1:${port}/`);
  await showing(second, '#people', ['user 1, user 2']);
  await showing(first, '#people', ['user 1, user 2']);
  await move(second, 30, 40);
  await showing(first, '.cursor', ['user 2']);
  const placeOf = (): Promise<string> =>
    first.evaluate(() => {
      const { document } = globalThis as unknown as {
        document: { querySelector(query: string): { readonly style: { readonly translate: string } } };
      };
      return document.querySelector('.cursor').style.translate;
    });
  await move(second, 50, 60);
  await waitUntil(async () => (await placeOf()) === '50px 60px');
  assert.deepEqual(await texts(second, '.cursor'), [], 'a user does not see its own');
  await context.close();
  await showing(first, '#people', ['user 1']);
  await showing(first, '.cursor', []);
});
