import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { type LoadPlan, type LoadResult, LoadRun } from '../../src/load/index.ts';
import { waitUntil } from '../../src/testing/index.ts';

/** Runs an echo load against a server that does not answer the first so many messages. */
async function run(t: TestContext, dropped: number, plan: Partial<LoadPlan> = {}): Promise<LoadResult> {
  const server = new WebSocketServer();
  let received = 0;
  server.on('message', (connection, message) => void (++received > dropped && connection.send(message)));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  const over = new AbortController();
  const load = new LoadRun(
    {
      mode: 'echo',
      target: { url: `ws://127.0.0.1:${port}/`, headers: [], protocols: [], tls: {} },
      connections: 4,
      payload: { bytes: 20, binary: false, multibyte: false },
      compress: false,
      pipeline: 1,
      publishes: 1,
      ratePerSecond: undefined,
      rampMs: 0,
      warmUpMs: 0,
      durationMs: 600_000,
      timeoutMs: 60_000,
      traffic: 0,
      keep: 0,
      serverPid: undefined,
      leave: 'close',
      verbatim: false,
      ...plan,
    },
    { signal: over.signal },
  );
  const result = load.run();
  await waitUntil(() => received > 200, { description: 'messages' });
  over.abort();
  return result;
}

test('CM-08: a load that ends with closing handshakes knows of messages that were never answered', async (t) => {
  const { unanswered, messages } = await run(t, 3);
  assert.equal(unanswered, 3);
  assert.ok(messages > 0);
});

test('CM-08: answers that come during the closing handshake count as answers', async (t) => {
  assert.equal((await run(t, 0)).unanswered, 0);
});

test('CM-08: a load that ends with resets does not know of unanswered messages', async (t) => {
  assert.equal((await run(t, 3, { leave: 'reset' })).unanswered, undefined);
});
