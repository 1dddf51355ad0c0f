import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { natsEngine } from '../../../src/cluster/index.ts';
import { connect, type ServerOptions, WebSocketServer } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';
import { type ClientKind, CLIENTS, noClients } from './clients.ts';
import { nats, serverChild, until } from './live.ts';
import { noNats } from './server.ts';

interface Running {
  readonly server: WebSocketServer;
  readonly port: number;
  readonly events: string[];
}

/** A server whose connections subscribe to the topic that is their path, without history. */
async function serverOn(
  t: TestContext,
  url: string,
  kind: ClientKind,
  options: Partial<ServerOptions> = {},
): Promise<Running> {
  const connection = await kind.connect(url);
  const server = new WebSocketServer({ cluster: natsEngine({ connection }), ...options });
  const events: string[] = [];
  server.on('connection', (socket, { url: { pathname } }) => void socket.subscribe(pathname.slice(1)));
  server.on('engineDown', () => void events.push('down'));
  server.on('engineUp', () => void events.push('up'));
  server.on('error', () => {});
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  t.after(async () => {
    await server.shutdown({ timeoutMs: 100 });
    await connection.close();
  });
  return { server, port, events };
}

/** A client that is subscribed to a topic. @returns What it receives. */
async function clientOf(t: TestContext, { port }: Running, topic: string): Promise<readonly string[]> {
  const connection = await connect(`ws://127.0.0.1:${port}/${topic}`);
  t.after(() => connection.terminate());
  const texts: string[] = [];
  connection.on('message', (message) => void texts.push(String(message)));
  return texts;
}

/** Publishes until the subscriber of another server has a message: without history, interest is not awaited. */
const reaches = (from: Running, topic: string, texts: readonly string[]): Promise<boolean> =>
  until('a message of the other server', () => {
    from.server.publish(topic, 'hello');
    return texts.includes('hello');
  });

const apartFrom = (texts: readonly string[]): readonly string[] => texts.filter((text) => text !== 'hello');

describe('servers', { skip: noNats || noClients, concurrency: 4 }, () => {
  test('SC-03 a message that is published on one server reaches the subscribers of the others, of both packages, in order', async (t) => {
    const { url } = await nats(t);
    const [a, b] = await Promise.all(CLIENTS.map((kind) => serverOn(t, url, kind)));
    const [near, far] = [await clientOf(t, a!, 'news'), await clientOf(t, b!, 'news')];
    await reaches(a!, 'news', far);
    const texts = Array.from({ length: 500 }, (_, at) => `message ${at}`);
    const results = await Promise.all(texts.map((text) => a!.server.publish('news', text).relayed!));
    assert.ok(results.every((result) => result.ok && result.position === undefined));
    await until('all messages', () => apartFrom(far).length >= texts.length);
    assert.deepEqual(apartFrom(far), texts);
    await until('all messages', () => apartFrom(near).length >= texts.length);
    assert.deepEqual(apartFrom(near), texts, 'the own echo is dropped');
  });

  test('SC-07 NATS is killed: engineDown and engineUp once, local delivery goes on, relayed says what happened, ready follows requireEngine', async (t) => {
    const broker = await nats(t);
    const clock = new VirtualClock();
    const a = await serverOn(t, broker.url, CLIENTS[0]!, { requireEngine: true });
    const slow = await serverOn(t, broker.url, CLIENTS[1]!, { clock });
    const [near, far] = [await clientOf(t, a, 'news'), await clientOf(t, slow, 'news')];
    await reaches(a, 'news', far);
    assert.equal(a.server.ready(), true);
    await broker.kill();
    await until('engineDown', () => a.events.length === 1 && slow.events.length === 1);
    assert.equal(a.server.ready(), false);
    const kept = a.server.publish('news', 'while NATS is down');
    await until('the local delivery', () => near.includes('while NATS is down'));
    // A message that waits for 10 s is given up.
    const lost = slow.server.publish('news', 'too late');
    assert.equal(lost.sent, 1);
    let result: Awaited<typeof lost.relayed>;
    void lost.relayed!.then((settled) => (result = settled));
    await until('the end of 10 s', () => {
      clock.advance(250);
      return result !== undefined;
    });
    assert.ok(result?.ok === false);
    assert.deepEqual(
      [(result.error as { code?: string }).code, result.outcome],
      ['ERR_ENGINE_DOWN', 'unknown'],
    );
    await broker.run();
    await until('engineUp', () => a.events.length === 2 && slow.events.length === 2);
    assert.deepEqual(
      [a.events, slow.events],
      [
        ['down', 'up'],
        ['down', 'up'],
      ],
    );
    assert.equal((await kept.relayed!).ok, true);
    assert.equal(a.server.ready(), true);
    assert.equal(far.includes('too late'), true, 'the own subscriber has it');
    assert.equal(near.includes('too late'), false);
    await until('a message after the outage', () => {
      a.server.publish('news', 'after');
      return far.includes('after');
    });
  });

  test('SC-07 a message over max_payload is delivered to no subscriber, this server included', async (t) => {
    const { url } = await nats(t, 'max_payload: 4096');
    const a = await serverOn(t, url, CLIENTS[0]!);
    const near = await clientOf(t, a, 'news');
    await until('the engine', () => a.server.publish('news', 'hello') !== undefined && near.length > 0);
    await a.server.publish('news', 'x').relayed;
    const { sent, relayed } = a.server.publish('news', 'x'.repeat(4_050));
    const result = await relayed!;
    assert.ok(!result.ok);
    assert.deepEqual(
      [sent, (result.error as { code?: string }).code, result.outcome],
      [0, 'ERR_ENGINE_REFUSED', 'not-published'],
    );
    const fits = a.server.publish('news', 'y'.repeat(3_900));
    assert.deepEqual([fits.sent, (await fits.relayed!).ok], [1, true]);
    await until('the message that fits', () => near.at(-1)?.startsWith('y') === true);
    assert.equal(
      near.some((text) => text.length === 4_050),
      false,
    );
    assert.equal(a.server.publish('news', 'z'.repeat(4_050), { local: true }).sent, 1);
  });

  test('HI-07 members come and go across servers; those of a server that is killed with -9 leave when its entry expires', async (t) => {
    const { url } = await nats(t);
    const clock = new VirtualClock();
    const presence = { match: 'room', graceMs: 100 };
    const a = await serverOn(t, url, CLIENTS[1]!, { presence, clock });
    const b = await serverOn(t, url, CLIENTS[0]!, { presence });
    const changes: string[] = [];
    a.server.on('join', (_, { key }) => void changes.push(`join ${key}`));
    a.server.on('leave', (_, { key }) => void changes.push(`leave ${key}`));
    a.server.watch('room');
    b.server.on('connection', (socket) => void socket.enter('room', { key: 'of b', info: { n: 1 } }));
    const member = await connect(`ws://127.0.0.1:${b.port}/room`);
    await until('the join', () => changes.includes('join of b'));
    const { count, members } = await b.server.presence('room');
    assert.deepEqual([count, members![0]!.key, members![0]!.info], [1, 'of b', { n: 1 }]);
    member.terminate();
    await until('the leave', () => {
      clock.advance(50);
      return changes.includes('leave of b');
    });

    const child = await serverChild(t, url);
    await until('the member of the child', () => changes.includes('join of the child'));
    assert.equal((await b.server.presence('room')).count, 1);
    child.signal('SIGKILL');
    await child.exited;
    assert.equal((await a.server.presence('room')).count, 1, 'until its entry expires');
    for (let ms = 0; ms < 20_000; ms += 1_000) clock.advance(1_000);
    assert.equal(changes.includes('leave of the child'), false);
    await until('the leave', () => {
      clock.advance(500);
      return changes.includes('leave of the child');
    });
    assert.equal((await a.server.presence('room')).count, 0);
    assert.deepEqual(changes, ['join of b', 'leave of b', 'join of the child', 'leave of the child']);
  });
});
