import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { RawClient, waitForEvent, waitUntil } from '../../src/testing/index.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

interface Run {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<readonly [code: number | null, signal: string | null]>;
}

function hawser(t: TestContext, ...args: string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const exit = waitForEvent<[number | null, string | null]>(child, 'close', { deadlineMs: 20_000 });
  return { child, out: () => out, err: () => err, exit };
}

async function ready(run: Run): Promise<number> {
  await waitUntil(() => run.out().includes('\n'), { deadlineMs: 20_000, description: 'a line with the URL' });
  return Number(new URL(/(?:ws|http):\S+/.exec(run.out())?.[0] ?? assert.fail(run.err())).port);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`CM-04: the first ${signal} closes every connection with 1001, and exit is 0`, async (t) => {
    const run = hawser(t, 'serve', '--port', '0');
    const client = await RawClient.connect({ port: await ready(run) });
    t.after(() => client[Symbol.dispose]());
    await client.upgrade();
    run.child.kill(signal);
    const frame = await client.nextFrame();
    assert.deepEqual([frame.opcode, frame.payload.readUInt16BE()], [8, 1001]);
    client.send(Buffer.of(0x88, 0x80, 0, 0, 0, 0));
    await client.waitForClose();
    assert.deepEqual(await run.exit, [0, null]);
  });
}

test('CM-04: a second signal ends it at once with 130, while a client does not close', async (t) => {
  const run = hawser(t, 'serve', '--port', '0');
  const client = await RawClient.connect({ port: await ready(run) });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  run.child.kill('SIGINT');
  await client.nextFrame();
  run.child.kill('SIGINT');
  assert.deepEqual(await run.exit, [130, null]);
});

test('CM-04 SD-05: a page that was fetched does not keep the chat from going down', async (t) => {
  const run = hawser(t, 'serve', '--chat', '--port', '0');
  const port = await ready(run);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<title>Hawser chat<\/title>/);
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exit, [0, null]);
});

test('CM-01: wrong usage exits with 2 and prints on standard error alone', async (t) => {
  const run = hawser(t, 'serve', '--port', 'x');
  assert.deepEqual(await run.exit, [2, null]);
  assert.equal(run.out(), '');
  assert.match(run.err(), /^hawser: --port is 'x'[^\n]*\n$/);
});

test('CM-01: a reader of the output that leaves is no error', async (t) => {
  const run = hawser(t, 'serve', '--port', '0', '--json');
  const port = await ready(run);
  run.child.stdout!.destroy();
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  assert.deepEqual(await run.exit, [0, null]);
  assert.equal(run.err().includes('EPIPE'), false);
});
