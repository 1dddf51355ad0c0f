import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns, waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { python } from './peers.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'examples', 'python', 'hawser_v1.py');
/** The client waits before it connects again. */
const SLOW = { deadlineMs: 60_000 };

async function topics(t: TestContext, port = 0): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer({
    protocols: ['hawser.v1'],
    history: { match: 'news', maxMessages: 1_000 },
    authorizeSubscribe: (_, topic) => topic === 'news',
  });
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  return { server, port: (await server.listen({ port, host: '127.0.0.1' })).port };
}

interface Line {
  readonly event: 'message' | 'gap';
  readonly topic: string;
  readonly data: string | null;
}

function follow(t: TestContext, port: number): Line[] {
  const child = spawn(python.peer!, [PROGRAM, `ws://127.0.0.1:${port}/`, 'news'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = waitForEvent(child, 'close', { deadlineMs: 120_000 });
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
  return lines;
}

test('HI-04: a client in Python loses and repeats nothing while its connections are cut', {
  skip: python.skip,
  timeout: 120_000,
}, async (t) => {
  const { server, port } = await topics(t);
  let subscribed = 0;
  server.on('subscribe', () => void subscribed++);
  const lines = follow(t, port);
  let published = 0;
  for (let cut = 1; cut <= 3; cut++) {
    await waitUntil(() => subscribed === cut, SLOW);
    for (let i = 0; i < 60; i++) {
      server.publish('news', String(++published));
      if (i % 20 === 10) await eventLoopTurns(2);
      if (i === 30) for (const connection of server.connections) connection.terminate();
    }
  }
  await waitUntil(() => lines.at(-1)?.data === String(published), SLOW);
  assert.deepEqual(
    lines,
    Array.from({ length: published }, (_, at) => ({ event: 'message', topic: 'news', data: String(at + 1) })),
  );
});

test('HI-04: a client in Python reports a gap after the histories of the server are gone', {
  skip: python.skip,
  timeout: 120_000,
}, async (t) => {
  const first = await topics(t);
  const before = waitForEvent(first.server, 'subscribe', SLOW);
  const lines = follow(t, first.port);
  await before;
  first.server.publish('news', 'old');
  await waitUntil(() => lines.length === 1, SLOW);
  await first.server.shutdown({ timeoutMs: 1 });
  const second = await topics(t, first.port);
  second.server.publish('news', 'new');
  await waitUntil(() => lines.length === 3, SLOW);
  assert.deepEqual(
    lines.map(({ event, data }) => [event, data]),
    [
      ['message', 'old'],
      ['gap', null],
      ['message', 'new'],
    ],
  );
});
