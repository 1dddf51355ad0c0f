import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RawClient } from '../../src/testing/index.ts';
import { fakeIo, type Served, served } from './fake-io.ts';
import { hawser } from './talking.ts';
import { cutClients, v1Client } from './v1-client.ts';

async function topics(t: TestContext, ...flags: string[]): Promise<Served> {
  const server = await served('--topics', ...flags);
  t.after(() => {
    cutClients();
    return server.stop();
  });
  return server;
}

test('CM-04: --topics prints its URL, and where programs publish', async (t) => {
  const { io, port } = await topics(t);
  assert.deepEqual(io.outLines, [
    `Hawser topics is listening on ws://127.0.0.1:${port}/ and takes POST http://127.0.0.1:${port}/topics/<topic>, with a playground at http://127.0.0.1:${port}/`,
  ]);
});

test('CM-04 HI-02: names and prefixes are allowed, everything else is refused', async (t) => {
  const server = await topics(
    t,
    '--allow-subscribe',
    'news',
    '--allow-subscribe',
    'room:*',
    '--allow-publish',
    'room:*',
    '--allow-publish',
    'inbox',
  );
  const { ask } = await v1Client(server);
  const results: unknown[] = [];
  for (const topic of ['news', 'news:1', 'room:', 'room:1', 'rooms', 'inbox', '*']) {
    const { code: subscribing = 'ok' } = await ask('subscribe', { topic });
    const { code: publishing = 'ok' } = await ask('publish', { topic, data: 'x' });
    results.push([topic, subscribing, publishing]);
  }
  assert.deepEqual(results, [
    ['news', 'ok', 'forbidden'],
    ['news:1', 'forbidden', 'forbidden'],
    ['room:', 'ok', 'ok'],
    ['room:1', 'ok', 'ok'],
    ['rooms', 'forbidden', 'forbidden'],
    ['inbox', 'forbidden', 'ok'],
    ['*', 'forbidden', 'forbidden'],
  ]);
});

test('CM-04 HI-02: without flags everything is refused', async (t) => {
  const { ask } = await v1Client(await topics(t));
  assert.equal((await ask('subscribe', { topic: 'news' }))['code'], 'forbidden');
  assert.equal((await ask('publish', { topic: 'news', data: 'x' }))['code'], 'forbidden');
  assert.equal((await ask('presence', { topic: 'news' }))['code'], 'forbidden');
});

test('CM-04: a client without hawser.v1 is refused with 400', async (t) => {
  const { port } = await topics(t);
  const raw = await RawClient.connect({ port });
  t.after(() => raw[Symbol.dispose]());
  assert.equal((await raw.upgrade()).status, 400);
});

test('CM-04 HI-03: numbers of --history are split from the right, so a topic may contain colons', async (t) => {
  const server = await topics(
    t,
    '--allow-subscribe',
    '*',
    '--allow-publish',
    '*',
    '--history',
    'room:*:2',
    '--history',
    'a:1:3:1000:60000',
    '--history',
    'plain',
  );
  const { ask, next } = await v1Client(server);
  const kept = async (topic: string): Promise<number | undefined> => {
    for (let i = 0; i < 5; i++) await ask('publish', { topic, data: String(i) });
    const answer = await ask('subscribe', { topic, since: { epoch: 'none', offset: 0 } });
    const missed = answer['missed'] as number | undefined;
    for (let i = 0; i < (missed ?? 0); i++) await next();
    return missed;
  };
  assert.equal(await kept('room:7'), 2);
  assert.equal(await kept('a:1'), 3);
  assert.equal(await kept('plain'), 5);
  assert.equal(await kept('other'), undefined);
});

test('CM-04 HI-07: with --presence every subscriber is a member', async (t) => {
  const server = await topics(t, '--allow-subscribe', '*', '--presence', 'room:*');
  const [a, b] = [await v1Client(server), await v1Client(server)];
  await a.ask('subscribe', { topic: 'room:1' });
  await b.ask('subscribe', { topic: 'room:1' });
  assert.equal((await a.ask('presence', { topic: 'room:1' }))['count'], 2);
  assert.equal((await a.ask('presence', { topic: 'news' }))['code'], 'no-presence');
});

test('CM-04: --verbose logs what clients publish and what is refused', async (t) => {
  const server = await topics(t, '--verbose', '--allow-publish', 'news', '--publish-token', 'secret');
  const { io } = server;
  const { ask } = await v1Client(server);
  await ask('subscribe', { topic: 'other' });
  await ask('publish', { topic: 'news', data: 'Grüße' });
  await ask('publish', { topic: 'other', data: 'x' });
  await fetch(`http://127.0.0.1:${server.port}/topics/news`, {
    method: 'POST',
    body: 'abc',
    headers: { authorization: 'Bearer secret' },
  });
  const lines = io.errLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const about = (what: string): unknown[] =>
    lines.filter((line) => line['text'] === what).map(({ topic, bytes }) => [topic, bytes]);
  assert.deepEqual(about('subscription refused'), [['other', undefined]]);
  assert.deepEqual(about('publish accepted'), [['news', 7]]);
  assert.deepEqual(about('publish refused'), [['other', 1]]);
  assert.deepEqual(about('published over HTTP'), [['news', 3]]);
  assert.ok(!io.errLines.join('').includes('secret'));
});

test('CM-04: HAWSER_PUBLISH_TOKEN sets the token; the flag wins', async (t) => {
  const io = fakeIo();
  io.variables.set('HAWSER_PUBLISH_TOKEN', 'from-the-environment');
  const status = async (server: Served, token: string): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${server.port}/topics/news`, {
        headers: { authorization: `Bearer ${token}` },
      })
    ).status;
  const first = await served({ io }, '--topics');
  t.after(() => first.stop());
  assert.equal(await status(first, 'from-the-environment'), 200);
  const other = fakeIo();
  other.variables.set('HAWSER_PUBLISH_TOKEN', 'from-the-environment');
  const second = await served({ io: other }, '--topics', '--publish-token', 'from-the-flag');
  t.after(() => second.stop());
  assert.equal(await status(second, 'from-the-flag'), 200);
  assert.equal(await status(second, 'from-the-environment'), 401);
});

const WRONG: readonly (readonly [flags: readonly string[], says: RegExp])[] = [
  [['--history', 'news'], /--history needs --topics/],
  [['--chat', '--publish-token', 'x'], /--publish-token needs --topics/],
  [['--topics', '--chat'], /--chat and --topics exclude each other/],
  [['--topics', '--history', ''], /--history is '', which is no topic/],
  [['--topics', '--history', ':5'], /--history is ':5', which is no topic/],
  [['--topics', '--history', 'news:0'], /--history is 'news:0': maxMessages is 0; it must be/],
  [['--topics', '--history', 'news:1:0'], /--history is 'news:1:0': maxBytes is 0; it must be/],
  [['--topics', '--history', 'news:1:1:0'], /--history is 'news:1:1:0': ttlMs is 0; it must be/],
  [['--topics', '--allow-subscribe', 'x'.repeat(257)], /at most 256 bytes/],
  [['--topics', '--allow-publish', 'a\nb'], /control characters/],
  [['--topics', '--presence', ''], /--presence is ''/],
  [['--topics', '--publish-token', 'a b'], /--publish-token is not a token/],
  [['--topics', '--publish-token', 'x'.repeat(257)], /--publish-token is not a token/],
  [['--echo', '--redis', 'redis://localhost'], /--redis needs --topics or --chat/],
];

for (const [flags, says] of WRONG) {
  test(`CM-04 GN-05: serve ${flags.join(' ').slice(0, 60)} is wrong usage`, async () => {
    const io = fakeIo();
    assert.equal(await hawser(io, 'serve', '--port', '0', ...flags), 2);
    assert.match(io.errLines[0] ?? '', says);
  });
}
