import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { RawClient, text, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { noSignals } from '../platform.ts';
import { echo } from './talking.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<readonly [code: number | null, signal: string | null]>;
}

function hawser(t: TestContext, ...args: string[]): Run {
  return running(t, spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }));
}

/** Runs the command in a pseudo-terminal. `out` has everything that the terminal shows. */
function atTerminal(t: TestContext, env: Readonly<Record<string, string>>, ...args: string[]): Run {
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
  return running(
    t,
    spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm', ...env },
    }),
  );
}

function running(t: TestContext, child: ChildProcessWithoutNullStreams): Run {
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const exit = waitForEvent<[number | null, string | null]>(child, 'close', { deadlineMs: 60_000 });
  return { child, out: () => out, err: () => err, exit };
}

async function ready(run: Run): Promise<number> {
  await waitUntil(() => run.out().includes('\n'), { deadlineMs: 60_000, description: 'a line with the URL' });
  return Number(new URL(/(?:ws|http)s?:\S+/.exec(run.out())?.[0] ?? assert.fail(run.err())).port);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`CM-04: the first ${signal} closes every connection with 1001 and exits with 0`, {
    skip: noSignals,
  }, async (t) => {
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

for (const [what, workers] of [
  ['serve', []],
  ['serve --workers, with its workers,', ['--workers', '2']],
] as const) {
  test(`CM-04: with a second signal ${what} exits at once with 130 while a client has not closed`, {
    skip: noSignals,
  }, async (t) => {
    const run = hawser(t, 'serve', '--port', '0', '--shutdown-timeout-ms', '600000', ...workers);
    const client = await RawClient.connect({ port: await ready(run) });
    t.after(() => client[Symbol.dispose]());
    await client.upgrade();
    run.child.kill('SIGINT');
    await client.nextFrame();
    run.child.kill('SIGINT');
    assert.deepEqual(await run.exit, [130, null]);
    await client.waitForClose();
  });
}

test('CM-04 SD-05: an idle HTTP connection of the page does not delay the shutdown of the chat', {
  skip: noSignals,
}, async (t) => {
  const run = hawser(t, 'serve', '--chat', '--port', '0');
  const port = await ready(run);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<title>Hawser chat<\/title>/);
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exit, [0, null]);
});

test('CM-01: wrong usage exits with 2 and prints to standard error only', async (t) => {
  const run = hawser(t, 'serve', '--port', 'x');
  assert.deepEqual(await run.exit, [2, null]);
  assert.equal(run.out(), '');
  assert.match(run.err(), /^hawser: --port is 'x'[^\n]*\n$/);
});

test('CM-01: a closed output pipe is not an error', async (t) => {
  const run = hawser(t, 'serve', '--port', '0', '--json');
  const port = await ready(run);
  run.child.stdout.destroy();
  const client = await RawClient.connect({ port });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  assert.deepEqual(await run.exit, [0, null]);
  assert.equal(run.err().includes('EPIPE'), false);
});

test('CM-05: connect works as a filter: lines in, lines out, and it exits after EOF', async (t) => {
  const { url } = await echo(t);
  const run = hawser(t, 'connect', url, '--wait-ms', '100');
  run.child.stdin.end('one\ntwo');
  assert.deepEqual(await run.exit, [0, null]);
  assert.equal(run.out(), 'one\ntwo\n');
  assert.match(run.err(), /^connected to ws:[^\n]*\nclosed, code 1000 [^\n]*\n$/);
});

test('CM-04: SIGHUP makes serve read its certificate again; without TLS it has no effect', {
  skip: process.platform === 'win32' ? 'there is no SIGHUP' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = (): string => {
    const credentials = selfSigned(['127.0.0.1'], Date.now());
    writeFileSync(cert, credentials.cert);
    writeFileSync(key, credentials.key);
    return credentials.cert;
  };
  write();
  const secure = hawser(t, 'serve', '--port', '0', '--tls-cert', cert, '--tls-key', key);
  const port = await ready(secure);
  const renewed = write();
  secure.child.kill('SIGHUP');
  await waitUntil(() => secure.err().includes('certificate renewed'), { deadlineMs: 60_000 });
  const socket = connectTls({ port, host: '127.0.0.1', ca: renewed });
  await waitForEvent(socket, 'secureConnect', { deadlineMs: 60_000 });
  socket.destroy();
  secure.child.kill('SIGTERM');
  assert.deepEqual(await secure.exit, [0, null]);

  const plain = hawser(t, 'serve', '--port', '0');
  const client = await RawClient.connect({ port: await ready(plain) });
  plain.child.kill('SIGHUP');
  assert.equal((await client.upgrade()).status, 101);
  client[Symbol.dispose]();
  plain.child.kill('SIGTERM');
  assert.deepEqual(await plain.exit, [0, null]);
  assert.doesNotMatch(plain.err(), /certificate/);
});

test('CF-04: a process follows its file after SIGHUP; a variable of the environment wins over the file', {
  skip: process.platform === 'win32' ? 'there is no SIGHUP' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'hawser.json');
  const write = (options: object): void => writeFileSync(file, JSON.stringify({ port: 0, ...options }));
  write({ maxMessageBytes: 1_000, maxTopics: 5 });
  const env = { ...process.env, HAWSER_MAX_TOPICS: '9' };
  const run = running(
    t,
    spawn(process.execPath, [MAIN, 'serve', '--config', file], { stdio: ['pipe', 'pipe', 'pipe'], env }),
  );
  const client = await RawClient.connect({ port: await ready(run) });
  t.after(() => client[Symbol.dispose]());
  await client.upgrade();
  write({ maxMessageBytes: 'many' });
  run.child.kill('SIGHUP');
  await waitUntil(() => run.err().includes('configuration not changed'), { deadlineMs: 60_000 });
  client.send(text('12345678901'));
  assert.equal((await client.nextFrame()).payload.toString(), '12345678901');
  write({ maxMessageBytes: 10, maxTopics: 6 });
  run.child.kill('SIGHUP');
  await waitUntil(() => run.err().includes('"text":"configured"'), { deadlineMs: 60_000 });
  assert.match(run.err(), /"configured","options":\["maxMessageBytes","maxFrameBytes"\]/);
  client.send(text('12345678901'));
  const { opcode, payload } = await client.nextFrame();
  assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1009]);
  client[Symbol.dispose]();
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exit, [0, null]);
});

const NO_TERMINAL = process.platform === 'linux' ? false : 'needs the script of util-linux';

for (const [env, colours] of [
  [{ NO_COLOR: '' }, true],
  [{ NO_COLOR: '1' }, false],
] as const) {
  test(`CM-05: at a terminal messages are printed above the line being typed, ${colours ? 'in colour' : 'without colour if NO_COLOR is set'}`, {
    skip: NO_TERMINAL,
  }, async (t) => {
    const { url } = await echo(t);
    const state = mkdtempSync(join(tmpdir(), 'hawser-'));
    t.after(() => rmSync(state, { recursive: true }));
    const run = atTerminal(t, { ...env, XDG_STATE_HOME: state }, 'connect', url);
    const shows = (part: string): Promise<unknown> =>
      waitUntil(() => run.out().includes(part), { deadlineMs: 60_000, description: part });
    await shows('/help lists the commands');
    await shows('> ');
    run.child.stdin.write('hello\r');
    await shows(colours ? '\u001b[36m<\u001b[0m hello' : '< hello');
    assert.equal(run.out().includes('\u001b[36m'), colours);
    run.child.stdin.write('/quit\r');
    assert.deepEqual(await run.exit, [0, null]);
    assert.match(run.out(), /closed, code 1000 /);
    assert.equal(readFileSync(join(state, 'hawser', 'connect-history'), 'utf8'), 'hello\n/quit\n');
  });
}

test('CM-08: at a terminal bench shows its progress on one line', { skip: NO_TERMINAL }, async (t) => {
  const { url } = await echo(t);
  const run = atTerminal(
    t,
    { NO_COLOR: '1' },
    'bench',
    url,
    '-c',
    '2',
    '--duration-ms',
    '600',
    '--warm-up-ms',
    '10',
  );
  assert.deepEqual(await run.exit, [0, null]);
  const [, ...drawn] = run.out().split('\r\u001b[K');
  assert.ok(drawn.length >= 2 && !drawn.slice(0, -1).join('').includes('\n'), run.out());
});
