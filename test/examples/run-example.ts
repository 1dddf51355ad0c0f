import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { RawClient, type RawUpgradeOptions, text, waitForEvent, waitUntil } from '../../src/testing/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** A process must start before it can answer, and the machine may be busy. */
const START = { deadlineMs: 30_000 };

/** A program in its own process; killed at the end of the test. */
export interface Running {
  readonly child: ChildProcess;
  /** Its output so far. */
  readonly output: () => string;
  readonly waitForOutput: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly exit: Promise<readonly [code: number | null, signal: string | null]>;
}

export interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `examples/<name>`: `echo.ts`, or `express/server.js`; or a program by its absolute path. */
export function startExample(t: TestContext, name: string, options: RunOptions = {}): Running {
  const { args = [], env = {} } = options;
  const file = name.endsWith('.ts')
    ? join(ROOT, 'build', 'examples', name.replace(/\.ts$/, '.js'))
    : isAbsolute(name)
      ? name
      : join(ROOT, 'examples', name);
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  const exit = waitForEvent<[number | null, string | null]>(child, 'close', { deadlineMs: 120_000 });
  t.after(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return {
    child,
    output: () => printed,
    exit,
    waitForOutput: async (pattern) => {
      const found = await waitUntil(() => pattern.exec(printed), {
        ...START,
        description: `${pattern} in the output of ${name}:\n${printed}`,
      });
      return found ?? assert.fail();
    },
  };
}

/** A server among the examples, on a free port. */
export interface Example extends Running {
  readonly port: number;
  /** Opens a WebSocket that is closed at the end of the test. */
  readonly join: (upgrade?: RawUpgradeOptions) => Promise<RawClient>;
  /** Sends a request to its port. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

/** Like {@link startExample}, then waits for the URL that it prints. */
export async function runExample(t: TestContext, name: string, options?: RunOptions): Promise<Example> {
  const running = startExample(t, name, options);
  const [, port = assert.fail()] = await running.waitForOutput(/^\w+:\/\/127\.0\.0\.1:(\d+)/m);
  return {
    ...running,
    port: Number(port),
    join: async (upgrade) => {
      const client = await RawClient.connect({ port: Number(port) });
      t.after(() => client[Symbol.dispose]());
      const { status } = await client.upgrade(upgrade);
      assert.equal(status, 101);
      return client;
    },
    fetch: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
  };
}

/** Status of the response to a handshake. */
export async function statusOf({ port }: Example, upgrade: RawUpgradeOptions): Promise<number> {
  using client = await RawClient.connect({ port });
  return (await client.upgrade(upgrade)).status;
}

/** Sends a text and waits for the next message. */
export async function ask(client: RawClient, question: string): Promise<string> {
  client.send(text(question));
  return (await client.nextFrame()).payload.toString();
}
