import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { NatsServer } from '../cluster/nats/server.ts';
import { RedisServer } from '../cluster/redis/server.ts';
import type { Frame } from './v1-client.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const MODULES = join(import.meta.dirname, '..', '..', '..', 'test', 'cluster', 'node_modules');
const TOKEN = 'a-token-of-the-test';
export const REDIS_PACKAGES = ['ioredis', 'redis'];
export const NATS_PACKAGES = ['@nats-io/transport-node', 'nats'];

export const skipWithout = (packages: readonly string[], noServer: string | false): string | false =>
  noServer ||
  (packages.every((name) => existsSync(join(MODULES, name)))
    ? false
    : `needs ${packages.join(' and ')}: npm ci --prefix test/cluster`);

/** A folder of a project in which some packages are installed. */
export function project(t: TestContext, ...packages: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-project-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of packages) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(MODULES, name), link, 'junction');
  }
  return folder;
}

export interface Run {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  out(): string;
  err(): string;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown>;
}

export const until = (description: string, condition: () => boolean | Promise<boolean>): Promise<boolean> =>
  waitUntil(condition, { description, deadlineMs: 60_000 });

export function command(t: TestContext, cwd: string, ...args: string[]): Omit<Run, 'port' | 'url'> {
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const child = spawn(process.execPath, [MAIN, 'serve', ...port, ...args], {
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
export async function serve(t: TestContext, cwd: string, ...args: string[]): Promise<Run> {
  const run = command(t, cwd, ...args);
  const URL_LINE = /\b(?:ws|http):\/\/127\.0\.0\.1:(\d+).*\n/;
  await until('the URL', () => URL_LINE.test(run.out()) || run.child.exitCode !== null);
  const port = Number(URL_LINE.exec(run.out())?.[1] ?? assert.fail(run.err()));
  return { ...run, port, url: `http://127.0.0.1:${port}` };
}

export const topics = (t: TestContext, cwd: string, ...flags: string[]): Promise<Run> =>
  serve(t, cwd, '--topics', '--allow-subscribe', '*', '--publish-token', TOKEN, ...flags);

export async function publish({ url }: Run, topic: string, body: string): Promise<Frame> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' };
  const answer = await fetch(`${url}/topics/${topic}`, { method: 'POST', body, headers });
  return (await answer.json()) as Frame;
}

export interface Client {
  readonly frames: Frame[];
  ask(op: string, fields?: Frame): Promise<Frame>;
  /** Texts of the messages so far. */
  texts(): readonly unknown[];
}

/** A client of hawser.v1 that collects what it receives. */
export async function clientOf(t: TestContext, { port }: Run): Promise<Client> {
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

export async function brokerFor(
  t: TestContext,
  flag: 'redis' | 'nats',
): Promise<{ url: string; server: RedisServer | NatsServer }> {
  const server = await (flag === 'redis' ? RedisServer.start() : NatsServer.start());
  t.after(() => server.end());
  return { url: `${flag}://127.0.0.1:${server.port}`, server };
}
