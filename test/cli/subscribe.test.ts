import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';
import { echo, hawser } from './talking.ts';

/** The client waits before it connects again. */
const SLOW = { deadlineMs: 60_000 };

async function topics(t: TestContext, port = 0, options: object = {}) {
  const server = new WebSocketServer({
    protocols: ['hawser.v1'],
    history: { match: 'news', maxMessages: 100 },
    presence: { match: 'room', graceMs: 0 },
    authorizeSubscribe: (_, topic) => topic !== 'secret',
    authorizePublish: (_, topic) => topic !== 'secret',
    ...options,
  });
  t.after(() => server.shutdown({ timeoutMs: 1 }));
  const address = await server.listen({ port, host: '127.0.0.1' });
  return { server, port: address.port, url: `ws://127.0.0.1:${address.port}/` };
}

interface Follower {
  readonly io: FakeIo;
  readonly exit: Promise<number>;
  readonly events: (name: string) => Record<string, unknown>[];
}

/** Runs `hawser subscribe`; it is interrupted at the end of the test. */
function follow(t: TestContext, ...args: string[]): Follower {
  const io = fakeIo();
  const exit = hawser(io, 'subscribe', ...args);
  t.after(() => {
    io.interrupt();
    return exit;
  });
  const events = (name: string): Record<string, unknown>[] =>
    io.outLines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === name);
  return { io, exit, events };
}

const subscribed = (server: WebSocketServer, topic: string, count = 1): Promise<unknown> =>
  waitUntil(() => server.topics.subscriberCount(topic) === count, SLOW);

test('CM-07: each message is a line, and the end says where to continue', async (t) => {
  const { server, url } = await topics(t);
  const { io, exit } = follow(t, url, 'news', '--count', '3');
  await waitUntil(() => io.errLines.some((line) => line.startsWith('news: subscribed')));
  server.publish('news', 'one');
  server.publish('news', 'two\u001b[2J\nlines');
  server.publish('news', Buffer.of(0, 255));
  server.publish('news', 'too much');
  assert.equal(await exit, 0);
  assert.deepEqual(io.outLines, ['one', 'two\\u{1b}[2J\\u{a}lines', '00ff']);
  const { epoch } = await server.position('news');
  assert.deepEqual(io.errLines, [
    `connected to ${url}`,
    `news: subscribed, position ${epoch}:0`,
    `news: continue with --since ${epoch}:3`,
  ]);
});

test('CM-07: --since prints what was missed', async (t) => {
  const { server, url } = await topics(t);
  for (const text of ['one', 'two', 'three']) server.publish('news', text);
  const { epoch } = await server.position('news');
  const { io, exit } = follow(t, url, 'news', '--since', `${epoch}:1`, '--count', '2');
  assert.equal(await exit, 0);
  assert.deepEqual(io.outLines, ['two', 'three']);
  assert.ok(io.errLines.includes('news: recovered 2 missed messages'), io.errLines.join('\n'));
});

test('CM-07 HI-04: --since of another history prints what there is, and says that messages are lost', async (t) => {
  const { server, url } = await topics(t);
  server.publish('news', 'one');
  const { epoch } = await server.position('news');
  const { io, exit } = follow(t, url, 'news', '--since', 'other:7', '--count', '1');
  assert.equal(await exit, 0);
  assert.deepEqual(io.outLines, ['one']);
  const line = `news: messages are lost; the topic goes on, position ${epoch}:0`;
  assert.ok(io.errLines.includes(line), io.errLines.join('\n'));
});

test('CM-07: with several topics each line begins with its topic and a tab', async (t) => {
  const { server, url } = await topics(t);
  const { io, exit } = follow(t, url, 'news', 'weather', 'news', '--count', '2');
  await subscribed(server, 'news');
  await subscribed(server, 'weather');
  server.publish('news', 'a');
  await waitUntil(() => io.outLines.length === 1);
  server.publish('weather', 'b');
  assert.equal(await exit, 0);
  assert.deepEqual(io.outLines, ['news\ta', 'weather\tb']);
});

test('CM-07 HI-04: after cut connections the command connects again, and no message is missing or repeated', async (t) => {
  const { server, url } = await topics(t);
  const { io, exit, events } = follow(t, url, 'news', '--json', '--count', '90');
  let published = 0;
  for (let cut = 0; cut < 2; cut++) {
    await waitUntil(() => events('subscribed').length + events('recovered').length > cut, SLOW);
    for (let i = 0; i < 30; i++) {
      if (i === 15) for (const connection of server.connections) connection.terminate();
      server.publish('news', String(published++));
    }
  }
  await waitUntil(() => events('recovered').length === 2, SLOW);
  for (let i = 0; i < 30; i++) server.publish('news', String(published++));
  assert.equal(await exit, 0, io.errLines.join('\n'));
  assert.deepEqual(
    events('message').map(({ topic, offset, data }) => [topic, offset, data]),
    Array.from({ length: 90 }, (_, i) => ['news', i + 1, String(i)]),
  );
  assert.equal(events('down').length, 2);
  assert.ok(events('retry').length >= 2);
  assert.equal(events('end')[0]?.['offset'], 90);
});

test('CM-07 HI-04: after a restart of the server the command says that messages are lost', async (t) => {
  const first = await topics(t);
  const { io, exit, events } = follow(t, first.url, 'news', '--json', '--count', '2');
  await waitUntil(() => events('subscribed').length === 1);
  first.server.publish('news', 'old');
  await waitUntil(() => events('message').length === 1);
  await first.server.shutdown({ timeoutMs: 1 });
  const second = await topics(t, first.port);
  second.server.publish('news', 'new');
  assert.equal(await exit, 0, io.errLines.join('\n'));
  assert.deepEqual(
    events('message').map(({ data, offset }) => [data, offset]),
    [
      ['old', 1],
      ['new', 1],
    ],
  );
  assert.equal(events('lost').length, 1);
});

test('CM-07 HI-07: --presence prints who comes and leaves', async (t) => {
  let keys = 0;
  const { server, url } = await topics(t, 0, {
    authorizeSubscribe: () => ({ presence: { key: `user ${++keys}`, info: { age: 7 } } }),
  });
  const { io } = follow(t, url, 'room', '--presence');
  await waitUntil(() => io.errLines.includes('room: subscribed'));
  const other = follow(t, url, 'room');
  await subscribed(server, 'room', 2);
  await waitUntil(() => io.errLines.includes('room: user 2 is here {"age":7}'));
  other.io.interrupt();
  assert.equal(await other.exit, 130);
  await waitUntil(() => io.errLines.includes('room: user 2 has left'));
});

test('CM-07: a topic that the server refuses ends the command with 1', async (t) => {
  const { url } = await topics(t);
  const { io, exit } = follow(t, url, 'news', 'secret');
  assert.equal(await exit, 1);
  assert.match(io.errLines.at(-1) ?? '', /^hawser: secret: forbidden: /);
});

test('CM-07: a server that does not speak hawser.v1 ends the command with 1', async (t) => {
  const { url } = await echo(t);
  const { io, exit } = follow(t, url, 'news');
  assert.equal(await exit, 1);
  assert.match(io.errLines.at(-1) ?? '', /hawser\.v1/);
});

test('CM-07: a refused connection at the start is one sentence and exit 1', async (t) => {
  const { server, url } = await topics(t);
  await server.shutdown();
  const { io, exit } = follow(t, url, 'news');
  assert.equal(await exit, 1);
  assert.match(io.errLines.at(-1) ?? '', /^hawser: 127\.0\.0\.1:\d+ refuses connections/);
  const asJson = follow(t, url, 'news', '--json');
  assert.equal(await asJson.exit, 1);
  assert.equal(asJson.events('failed')[0]?.['code'], 'ERR_CONNECT');
});

test('CM-07: SIGINT ends the command with 130 and a clean close', async (t) => {
  const { server, url } = await topics(t);
  const { io, exit } = follow(t, url, 'news');
  await subscribed(server, 'news');
  const closed = new Promise<number>((resolve) => void server.once('close', (_, { code }) => resolve(code)));
  io.interrupt();
  assert.equal(await exit, 130);
  assert.equal(await closed, 1000);
});

const WRONG: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /a URL is missing/],
  [['localhost:1'], /a topic is missing/],
  [['localhost:1', ''], /'' is no topic: it must not be empty/],
  [['localhost:1', 'x'.repeat(257)], /at most 256 bytes/],
  [['localhost:1', 'news', '--since', '41'], /--since is '41'; it must be/],
  [['localhost:1', 'news', '--since', 'k3Fq:-1'], /--since is 'k3Fq:-1'/],
  [['localhost:1', 'a', 'b', '--since', 'k3Fq:1'], /--since is for one topic/],
  [['localhost:1', 'news', '--count', '0'], /--count is '0'/],
  [['http://', 'news'], /URL|url/],
];
for (const [args, says] of WRONG) {
  test(`CM-07 GN-05: subscribe ${args.join(' ').slice(0, 50)} is wrong usage`, async () => {
    const io = fakeIo();
    assert.equal(await hawser(io, 'subscribe', ...args), 2, io.errLines.join('\n'));
    assert.match(io.errLines[0] ?? '', says);
  });
}

test('CM-06: send --topic publishes each message and prints its position', async (t) => {
  const { server, url } = await topics(t);
  const { io: seen, exit: done } = follow(t, url, 'news', '--count', '3');
  await subscribed(server, 'news');
  await waitUntil(() => seen.errLines.length === 2);
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', url, '--topic', 'news', 'one', 'two'), 0, io.errLines.join('\n'));
  const { epoch } = await server.position('news');
  assert.deepEqual(io.outLines, [`${epoch}:1`, `${epoch}:2`]);
  const bytes = fakeIo();
  assert.equal(await hawser(bytes, 'send', url, '--topic', 'news', '--binary', '00ff', '--json'), 0);
  assert.deepEqual(
    bytes.outLines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => event === 'published')
      .map(({ topic, offset }) => [topic, offset]),
    [['news', 3]],
  );
  assert.equal(await done, 0);
  assert.deepEqual(seen.outLines, ['one', 'two', '00ff']);
  const without = fakeIo();
  assert.equal(await hawser(without, 'send', url, '--topic', 'weather', 'sun'), 0);
  assert.deepEqual(without.outLines, ['published']);
});

test('CM-06: send --topic publishes more messages than may be unanswered at a time', async (t) => {
  const { server, url } = await topics(t);
  const io = fakeIo();
  const texts = Array.from({ length: 100 }, (_, i) => String(i));
  assert.equal(await hawser(io, 'send', url, '--topic', 'news', ...texts), 0, io.errLines.join('\n'));
  assert.equal((await server.position('news')).offset, 100);
});

test('CM-06: send --topic ends with 1 if the server refuses, does not answer, or does not speak hawser.v1', async (t) => {
  const { url } = await topics(t);
  const refused = fakeIo();
  assert.equal(await hawser(refused, 'send', url, '--topic', 'secret', 'a', 'b'), 1);
  assert.match(
    refused.errLines.at(-1) ?? '',
    /^hawser: the server refused message 1: forbidden: .*; 1 more messages failed$/,
  );
  const other = fakeIo();
  assert.equal(await hawser(other, 'send', (await echo(t)).url, '--topic', 'news', 'a'), 1);
  assert.match(other.errLines.at(-1) ?? '', /the server does not speak hawser\.v1/);
  const silent = await topics(t, 0, { authorizePublish: () => new Promise<boolean>(() => undefined) });
  const unanswered = fakeIo();
  assert.equal(await hawser(unanswered, 'send', silent.url, '--topic', 'news', 'a', '--wait-ms', '50'), 1);
  assert.match(unanswered.errLines.at(-1) ?? '', /did not answer message 1, which may have been published/);
});

test('CM-06 GN-05: send --topic with --expect is wrong usage', async () => {
  const io = fakeIo();
  assert.equal(await hawser(io, 'send', 'localhost:1', '--topic', 'news', 'a', '--expect', '1'), 2);
});
