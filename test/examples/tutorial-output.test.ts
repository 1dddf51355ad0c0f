import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { Screen } from '../cli/screen.ts';
import { hawser } from '../cli/talking.ts';
import { FENCES } from '../docs/fences.ts';
import { stepNamed } from '../docs/tutorial.ts';
import { run, type Running } from '../docs/world.ts';

const PATIENT = { deadlineMs: 30_000 };

const serve = (t: TestContext, step: string): Running => run(t, join(stepNamed(step).folder, 'server.js'));

/** The blocks of output on the page of a step. */
const outputOn = (step: string): string[] =>
  FENCES.filter(({ page, language }) => page === stepNamed(step).page && language === 'text').map(
    ({ code }) => code,
  );

test('EX-03 tutorial 1: server and terminal show what the page shows', async (t) => {
  const [ofServer, ofTerminal] = outputOn('1-echo');
  const server = serve(t, '1-echo');
  const port = await server.port();
  await waitUntil(() => server.output() === ofServer, PATIENT);

  const screen = new Screen(80);
  const io = fakeIo(true, { output: screen, hasColours: false });
  const exit = hawser(io, 'connect', `localhost:${port}`);
  await waitUntil(() => screen.text === '>', PATIENT);
  for (const text of ['hello', 'ahoy']) {
    io.input.write(`${text}\r`);
    await waitUntil(() => screen.text.endsWith(`< ${text}\n>`), PATIENT);
  }
  io.input.write('\u0004');
  assert.equal(await exit, 0);
  const [opened, closed] = io.errLines;
  assert.deepEqual(
    [opened?.replace(`:${port}`, ':8080'), ...screen.text.split('\n'), closed],
    ofTerminal
      ?.trimEnd()
      .split('\n')
      .map((line) => line.trimEnd()),
  );
});

test('EX-03 tutorial 6: a stranger reads the refusal that the page shows', async (t) => {
  const port = await serve(t, '6-strangers').port();
  const io = fakeIo();
  assert.equal(await hawser(io, 'connect', `localhost:${port}`), 1);
  assert.deepEqual([`${io.errLines[0]}\n`], outputOn('6-strangers'));
});
