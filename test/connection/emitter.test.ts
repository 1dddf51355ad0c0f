import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerError } from '../../src/index.ts';
import { pair, text, waitUntil } from '../../src/testing/index.ts';
import { live } from '../server/live.ts';

/** Every way to add a listener, with the number of two messages that it receives. */
const WAYS = [
  ['on', 2],
  ['addListener', 2],
  ['prependListener', 2],
  ['once', 1],
  ['prependOnceListener', 1],
] as const;

for (const [way, hears] of WAYS) {
  test(`EV-05: a buffered message goes to a connection listener added by ${way}`, async () => {
    await using both = await pair();
    both.server.send('one');
    both.server.send('two');
    const heard: unknown[] = [];
    await waitUntil(() => both.client.bufferedBytes === 0);
    both.client[way]('message', (message) => void heard.push(message));
    await waitUntil(() => heard.length === hears);
    assert.deepEqual(heard, ['one', 'two'].slice(0, hears));
  });

  test(`EV-05 ER-05: a rejection of a server listener added by ${way} is reported as an error`, async (t) => {
    const { server, join, errors } = live(t);
    const { raw } = await join();
    server[way]('message', () => Promise.reject(new Error(way)));
    raw.send(text('x'));
    await waitUntil(() => errors.length > 0);
    const [error] = errors.splice(0);
    assert.ok(error instanceof PeerError && error.code === 'ERR_HANDLER');
    assert.equal((error.cause as Error).message, way);
  });
}

test('EV-05: listeners run in order; off, removeListener and removeAllListeners remove them', async (t) => {
  const { server, join } = live(t);
  const { raw, connection } = await join();
  const heard: string[] = [];
  const [first, second, third] = ['first', 'second', 'third'].map((name) => () => void heard.push(name)) as [
    () => void,
    () => void,
    () => void,
  ];
  server.on('message', second).prependListener('message', first).addListener('message', third);
  const say = async (count: number): Promise<void> => {
    raw.send(text('x'));
    await waitUntil(() => heard.length === count);
  };
  await say(3);
  assert.deepEqual(heard.splice(0), ['first', 'second', 'third']);
  server.off('message', first).removeListener('message', third);
  await say(1);
  assert.deepEqual(heard.splice(0), ['second']);
  server.removeAllListeners();
  connection.on('message', () => void heard.push('connection'));
  await say(1);
  assert.deepEqual(heard.splice(0), ['connection']);
});
