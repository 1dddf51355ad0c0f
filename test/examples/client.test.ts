import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { harbour } from '../client/reconnect/reconnecting.ts';
import { runExample, startExample } from './run-example.ts';

test('EX-01 client: sends lines, prints answers and the reason of the close', async (t) => {
  const { port } = await runExample(t, 'echo.ts');
  const { child, output, exit, waitForOutput } = startExample(t, 'client.ts', {
    args: [`ws://127.0.0.1:${port}/`],
  });
  await waitForOutput(/^connected/m);
  child.stdin!.write('ahoy\n');
  await waitForOutput(/^ahoy$/m);
  child.stdin!.end();
  assert.deepEqual(await exit, [0, null]);
  assert.match(output(), /^ahoy\nclosed: 1000 {2}\(local-close\)\n/m);
});

test('EX-01 client: without a server, the error names the step that failed', async (t) => {
  const { output, exit } = startExample(t, 'client.ts', { args: ['ws://127.0.0.1:1/'] });
  assert.deepEqual(await exit, [1, null]);
  assert.match(output(), /^ERR_CONNECT: the connection could not be made/);
});

const signal = { skip: process.platform === 'win32' ? 'there a signal kills' : false };

test('EX-01 reconnecting client: it follows the feed across a restart', signal, async (t) => {
  const port = await harbour(t);
  const { child, exit, waitForOutput } = startExample(t, 'reconnecting-client.ts', { args: [port.url] });
  await waitForOutput(/^open$/m);
  port.server().broadcast('before');
  await waitForOutput(/^before$/m);
  await port.leave(1011); // a server error: the client retries within a second
  await waitForOutput(/^down: 1011 \(peer-close\)\nattempt 1 in \d+ ms$/m);
  await port.comeBack();
  await waitForOutput(/^open\n[^]*^open$/m);
  port.server().broadcast('after');
  await waitForOutput(/^after$/m);
  child.kill('SIGINT');
  await waitForOutput(/^closed$/m);
  assert.deepEqual(await exit, [0, null]);
  assert.deepEqual(port.received, ['{"subscribe":"news"}', '{"subscribe":"news"}']);
});

test('EX-01 EX-03 client guide: the program in docs/client.md prints what the page shows', async (t) => {
  const { output, exit } = startExample(t, 'client-guide.ts');
  assert.deepEqual(await exit, [0, null]);
  assert.equal(
    output(),
    'chat.v1 Hello\n1000 true local-close\nERR_RESPONSE response 401 Who are you?\nopen\n101 null []\nopen\n1000 1000\nchat.v1 Hello\n',
  );
});
