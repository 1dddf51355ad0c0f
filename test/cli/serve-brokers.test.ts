import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { describe, test, type TestContext } from 'node:test';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { NatsServer, noNats } from '../cluster/nats/server.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import type { Frame } from './v1-client.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const MODULES = join(import.meta.dirname, '..', '..', '..', 'test', 'cluster', 'node_modules');
const TOKEN = 'a-token-of-the-test';
const REDIS_PACKAGES = ['ioredis', 'redis'];
const NATS_PACKAGES = ['@nats-io/transport-node', 'nats'];

const skipWithout = (packages: readonly string[], noServer: string | false): string | false =>
  noServer ||
  (packages.every((name) => existsSync(join(MODULES, name)))
    ? false
    : `needs ${packages.join(' and ')}: npm ci --prefix test/cluster`);

/** A folder of a project in which some packages are installed. */
function project(t: TestContext, ...packages: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-project-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of packages) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(MODULES, name), link);
  }
  return folder;
}

interface Run {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  out(): string;
  err(): string;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown>;
}

const until = (description: string, condition: () => boolean | Promise<boolean>): Promise<boolean> =>
  waitUntil(condition, { description, deadlineMs: 30_000 });

function command(t: TestContext, cwd: string, ...args: string[]): Omit<Run, 'port' | 'url'> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  const kill = (signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown> => {
    child.kill(signal);
    return exited;
  };
  return { child, out: () => out, err: () => err, kill };
}

/** A running `hawser serve` whose URL is known. */
async function serve(t: TestContext, cwd: string, ...args: string[]): Promise<Run> {
  const run = command(t, cwd, ...args);
  await until('the URL', () => run.out().includes('\n') || run.child.exitCode !== null);
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(run.out())?.[1] ?? assert.fail(run.err()));
  return { ...run, port, url: `http://127.0.0.1:${port}` };
}

const topics = (t: TestContext, cwd: string, ...flags: string[]): Promise<Run> =>
  serve(t, cwd, '--topics', '--allow-subscribe', '*', '--publish-token', TOKEN, ...flags);

async function publish({ url }: Run, topic: string, body: string): Promise<Frame> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' };
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body, headers });
  return (await answer.json()) as Frame;
}

interface Client {
  readonly frames: Frame[];
  ask(op: string, fields?: Frame): Promise<Frame>;
  /** Texts of the messages so far. */
  texts(): readonly unknown[];
}

/** A client of hawser.v1 that collects what it receives. */
async function clientOf(t: TestContext, { port }: Run): Promise<Client> {
  const raw = await RawClient.connect({ port });
  t.after(() => raw[Symbol.dispose]());
  assert.equal((await raw.upgrade({ protocols: ['hawser.v1'] })).status, 101);
  const frames: Frame[] = [];
  const read = async (): Promise<void> => {
    for (;;)
      frames.push(JSON.parse((await raw.nextFrame({ deadlineMs: 60_000 })).payload.toString()) as Frame);
  };
  read().catch(() => undefined);
  let ids = 0;
  return {
    frames,
    ask: async (op, fields = {}) => {
      const id = ++ids;
      raw.send(text(JSON.stringify({ op, id, ...fields })));
      const answer = (): Frame | undefined => frames.find((frame) => frame['id'] === id);
      await until(`the answer to ${op}`, () => answer() !== undefined);
      return answer()!;
    },
    texts: () => frames.filter(({ op }) => op === 'message').map(({ data }) => data),
  };
}

const BEGINNING = { epoch: 'none', offset: 0 };

async function brokerFor(
  t: TestContext,
  flag: 'redis' | 'nats',
): Promise<{ url: string; server: RedisServer | NatsServer }> {
  const server = await (flag === 'redis' ? RedisServer.start() : NatsServer.start());
  t.after(() => server.end());
  return { url: `${flag}://127.0.0.1:${server.port}`, server };
}

describe('serve with brokers', { concurrency: 3 }, () => {
  for (const [flag, name] of [
    ...REDIS_PACKAGES.map((name) => ['redis', name] as const),
    ...NATS_PACKAGES.map((name) => ['nats', name] as const),
  ]) {
    const skip = flag === 'redis' ? skipWithout(REDIS_PACKAGES, noRedis) : skipWithout(NATS_PACKAGES, noNats);
    test(`SC-03 CM-04: two servers with --${flag} and the package ${name} share topics and members`, {
      skip,
    }, async (t) => {
      const { url } = await brokerFor(t, flag);
      const folder = project(t, name);
      const [a, b] = await Promise.all(
        [0, 1].map(() => topics(t, folder, `--${flag}`, url, '--presence', '*')),
      );
      const [near, far] = [await clientOf(t, a!), await clientOf(t, b!)];
      for (const client of [near, far])
        assert.equal((await client.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      // Without history the interest is not awaited.
      await until('a message of the other server', async () => {
        await publish(a!, 'news', 'hello');
        return far.texts().includes('hello');
      });
      assert.deepEqual((await publish(b!, 'news', 'back'))['ok'], true);
      await until('a message back', () => near.texts().includes('back'));
      await until('both members', async () => (await near.ask('presence', { topic: 'news' }))['count'] === 2);
      await a!.kill('SIGTERM');
      assert.equal(a!.child.exitCode, 0, a!.err());
    });
  }

  test('HI-03 CM-04: with --redis a history survives the kill -9 of a server, and clients resume after its restart', {
    skip: skipWithout(REDIS_PACKAGES, noRedis),
  }, async (t) => {
    const { url } = await brokerFor(t, 'redis');
    const folder = project(t, 'ioredis');
    const flags = ['--redis', url, '--history', '*'];
    const first = await topics(t, folder, ...flags);
    const before = (await publish(first, 'news', 'one'))['position'];
    await publish(first, 'news', 'two');
    await first.kill('SIGKILL');
    const second = await topics(t, folder, ...flags);
    const client = await clientOf(t, second);
    const { recovered, missed } = await client.ask('subscribe', { topic: 'news', since: before });
    assert.deepEqual([recovered, missed], [true, 1]);
    await publish(second, 'news', 'three');
    await until('two messages', () => client.texts().length === 2);
    assert.deepEqual(client.texts(), ['two', 'three']);
  });

  test('CM-04: the chat with --redis loses nothing when its server is killed and restarted', {
    skip: skipWithout(REDIS_PACKAGES, noRedis),
  }, async (t) => {
    const { url } = await brokerFor(t, 'redis');
    const folder = project(t, 'ioredis');
    const request = async (client: Client, name: string, value: object): Promise<Frame> =>
      JSON.parse(
        String((await client.ask('request', { name, data: JSON.stringify(value) }))['data']),
      ) as Frame;
    const enter = async (run: Run, session: string, since: object): Promise<Client & { answer: Frame }> => {
      const client = await clientOf(t, run);
      await request(client, 'enter', { name: session, session });
      const answer = await client.ask('subscribe', { topic: 'room:lobby', since });
      return { ...client, answer };
    };
    const said = (client: Client): unknown[] =>
      client.texts().map((data) => (JSON.parse(String(data)) as Frame)['text']);

    const first = await serve(t, folder, '--chat', '--redis', url);
    const anna = await enter(first, 'Anna', BEGINNING);
    for (const word of ['one', 'two'])
      assert.deepEqual(await request(anna, 'say', { room: 'lobby', text: word, ref: word }), { ok: true });
    await until('both messages', () => said(anna).length === 2);
    const { epoch } = anna.answer;
    await first.kill('SIGKILL');

    const second = await serve(t, folder, '--chat', '--redis', url);
    const ben = await enter(second, 'Ben', BEGINNING);
    assert.deepEqual(await request(ben, 'say', { room: 'lobby', text: 'three', ref: '3' }), { ok: true });
    const back = await enter(second, 'Anna', { epoch, offset: 2 });
    assert.deepEqual(
      [back.answer['recovered'], back.answer['epoch'], back.answer['missed']],
      [true, epoch, 1],
    );
    await until('the missed message', () => said(back).length === 1);
    await until('all messages', () => said(ben).length === 3);
    assert.deepEqual([said(back), said(ben)], [['three'], ['one', 'two', 'three']]);
  });

  for (const [flag, packages, noServer] of [
    ['redis', REDIS_PACKAGES, noRedis],
    ['nats', NATS_PACKAGES, noNats],
  ] as const) {
    test(`SC-07 CM-04: with --${flag} the server starts without its broker, says so on one line, and recovers`, {
      skip: skipWithout(packages, noServer),
    }, async (t) => {
      const { url, server } = await brokerFor(t, flag);
      await server.kill();
      const run = await topics(t, project(t, packages[0]!), `--${flag}`, url, '--json');
      const client = await clientOf(t, run);
      assert.equal((await client.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      await until('engineDown', () => run.out().includes('"event":"engineDown"'));
      assert.match(
        run.err(),
        /Redis: connect ECONNREFUSED|NATS cannot be reached; the server runs without it/,
      );
      await server.run();
      await until('engineUp', () => run.out().includes('"event":"engineUp"'));
      assert.equal((await publish(run, 'news', 'after'))['ok'], true);
      await until('the message', () => client.texts().includes('after'));
      assert.equal(run.out().split('"event":"engineDown"').length, 2);
      await run.kill('SIGTERM');
      assert.equal(run.child.exitCode, 0);
    });

    test(`GN-08 CM-04: without a client package --${flag} fails with a sentence that names it`, async (t) => {
      const folder = project(t);
      const run = command(t, folder, '--topics', `--${flag}`, `${flag}://127.0.0.1`);
      await until('the end', () => run.child.exitCode !== null);
      assert.equal(run.child.exitCode, 1);
      const needs = `--${flag} needs the package ${packages.join(' or ')}, which is not installed in ${folder}: npm install ${packages[0]}`;
      assert.equal(run.err(), `hawser: ${needs}\n`);
    });
  }

  test('CM-04: with --nats a server that is stopped before NATS can be reached ends at once', {
    skip: skipWithout(NATS_PACKAGES, noNats),
  }, async (t) => {
    const { url, server } = await brokerFor(t, 'nats');
    await server.kill();
    const run = await topics(t, project(t, 'nats'), '--nats', url);
    await until('the line', () => run.err().includes('NATS cannot be reached'));
    await run.kill('SIGTERM');
    assert.equal(run.child.exitCode, 0);
  });

  for (const [args, message] of [
    [
      ['--topics', '--redis', 'secret'],
      '--redis must be a URL such as redis://127.0.0.1:6379, or one that begins with rediss:',
    ],
    [
      ['--topics', '--nats', 'http://x'],
      '--nats must be a URL such as nats://127.0.0.1:4222, or one that begins with tls:',
    ],
    [
      ['--topics', '--nats', 'nats://x', '--redis', 'redis://x'],
      '--redis and --nats exclude each other: give one of them',
    ],
    [
      ['--topics', '--nats', 'nats://x', '--history', '*'],
      '--nats does not go with --history: NATS stores no messages; use --redis',
    ],
    [
      ['--chat', '--nats', 'nats://x'],
      '--nats does not go with --chat: NATS stores no messages; use --redis',
    ],
    [['--relay', '--redis', 'redis://x'], '--redis needs --topics or --chat'],
  ] as const)
    test(`CM-04: serve ${args.join(' ')} is refused`, async (t) => {
      const run = command(t, tmpdir(), ...args);
      await until('the end', () => run.child.exitCode !== null);
      assert.equal(run.child.exitCode, 2);
      assert.equal(run.err(), `hawser: ${message}. See hawser serve --help.\n`);
    });
});
