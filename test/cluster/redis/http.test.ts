import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PUBLISH_TIMEOUT_MS } from '../../../src/cli/config/serve-config.ts';
import { topicServer } from '../../../src/cli/topics/serve-topics.ts';
import { redisEngine } from '../../../src/cluster/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { CLIENTS, ioredis } from './clients.ts';
import { redis, until } from './live.ts';
import { noRedis } from './server.ts';

const TOKEN = 'a-token-of-the-test';
const everyTopic = (): boolean => true;

test('CM-04 SC-07 after Redis was killed, HTTP requests for topics get 503 in JSON', {
  skip: noRedis || ioredis.skip,
}, async (t) => {
  const broker = await redis(t);
  const clock = new VirtualClock();
  const server = topicServer(
    {
      clock,
      cluster: redisEngine({ client: CLIENTS[0]!.client(broker.server.port) }),
      heartbeat: false,
      upgradeTimeoutMs: PUBLISH_TIMEOUT_MS,
    },
    {
      maySubscribe: everyTopic,
      mayPublish: everyTopic,
      hasMembers: (topic) => topic === 'room',
      hasHistory: (topic) => topic !== 'plain',
      history: [{ match: /(?!plain).*/ }],
      presence: [{ match: 'room' }],
      token: TOKEN,
    },
    undefined,
  );
  t.after(() => server.shutdown({ timeoutMs: 100 }));
  let isDown = false;
  server.on('engineDown', () => (isDown = true));
  const { port } = await server.listen(0, '127.0.0.1');
  const ask = async (method: string, topic: string): Promise<[number, Record<string, unknown>]> => {
    const response = await fetch(`http://127.0.0.1:${port}/topics/${topic}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' },
      ...(method === 'POST' && { body: 'text' }),
    });
    return [response.status, (await response.json()) as Record<string, unknown>];
  };
  const [published, { position }] = await ask('POST', 'room');
  assert.deepEqual([published, (position as { offset: number }).offset], [200, 1]);
  await broker.server.kill();
  await until('the engine is down', () => isDown);
  const answers = ['room', 'plain'].map((topic) => ask('POST', topic));
  const settled = Promise.all(answers);
  let isSettled = false;
  void settled.then(() => (isSettled = true));
  await until('both messages were given up', () => {
    clock.advance(1_000);
    return isSettled;
  });
  assert.deepEqual(
    (await settled).map(([status, { ok, code, outcome }]) => [status, ok, code, outcome]),
    [
      [503, false, 'unavailable', 'not-published'],
      [503, false, 'unavailable', 'unknown'],
    ],
  );
  for (const topic of ['room', 'other']) {
    const [status, { ok, code, message, outcome }] = await ask('GET', topic);
    assert.deepEqual([status, ok, code, outcome], [503, false, 'unavailable', undefined]);
    assert.equal(typeof message, 'string');
  }
});
