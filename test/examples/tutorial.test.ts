import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Connection, ReconnectingClient } from '../../src/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import { solved, stepNamed, withLf } from '../docs/tutorial.ts';
import { messages, statusOf, visit } from '../docs/visitors.ts';
import { run, type Running, type World } from '../docs/world.ts';

const PATIENT = { deadlineMs: 30_000 };
const V1 = ['hawser.v1'];

/** Runs the server of a step, or its copy with the solution of the exercise. */
const serve = (t: TestContext, step: string, world?: World): Running =>
  run(t, join(stepNamed(step).folder, 'server.js'), world);
const serveSolved = (t: TestContext, step: string, world?: World): Running =>
  run(t, join(solved(t, stepNamed(step)), 'server.js'), world);

/** Reads messages until one has this field, as JSON. */
async function until(next: ReturnType<typeof messages>, key: string, value: unknown): Promise<void> {
  const wanted = JSON.stringify(value);
  for (;;) {
    const message = (await next()) ?? assert.fail(`no message with ${key} ${wanted}`);
    const parsed = JSON.parse(String(message)) as Record<string, unknown>;
    if (JSON.stringify(parsed[key]) === wanted) return;
  }
}

/** A client of `hawser.v1`, with the lines that it got in the room. */
function member(t: TestContext, port: number, { path = '/', headers = {} } = {}) {
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}${path}`, { protocols: V1, headers });
  t.after(() => client.close());
  const room = client.topic('room', { since: { epoch: 'none', offset: 0 } });
  const lines: unknown[] = [];
  room.on('message', (message) => void lines.push(JSON.parse(String(message))));
  return { client, room, lines };
}

test('EX-01 tutorial 1: the server sends every message back', async (t) => {
  const client = await visit(t, await serve(t, '1-echo').port());
  const next = messages(client);
  client.send('hello');
  assert.equal(await next(), 'hello');
});

test('EX-01 tutorial 1, solution: the server answers in capital letters, and closes after bye', async (t) => {
  const client = await visit(t, await serveSolved(t, '1-echo').port());
  const next = messages(client);
  client.send('hello');
  assert.equal(await next(), 'HELLO');
  client.send('bye');
  assert.equal((await client.closed).code, 1000);
});

test('EX-01 tutorial 2: the server of the page sends messages back', async (t) => {
  const port = await serve(t, '2-page').port();
  const page = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(withLf(await page.text()), stepNamed('2-page').files.get('page.html'));
  const client = await visit(t, port);
  const next = messages(client);
  client.send('hello');
  assert.equal(await next(), 'hello');
});

test('EX-01 tutorial 3: a message reaches all clients, the sender too', async (t) => {
  const port = await serve(t, '3-everybody').port();
  const [ann, ben] = [await visit(t, port), await visit(t, port)];
  const heard = [messages(ann), messages(ben)];
  ann.send('hello');
  for (const next of heard) assert.equal(await next(), 'hello');
});

test('EX-01 tutorial 3, solution: a message reaches all others', async (t) => {
  const port = await serveSolved(t, '3-everybody').port();
  const [ann, ben] = [await visit(t, port), await visit(t, port)];
  const [first, second] = [messages(ann), messages(ben)];
  ann.send('hello');
  assert.equal(await second(), 'hello');
  ben.send('from ben');
  assert.equal(await first(), 'from ben', 'the sender did not get its own message');
});

/** Opens a connection under a name. */
async function named(t: TestContext, port: number, path: string) {
  const connection: Connection = await visit(t, port, { path });
  return { connection, next: messages(connection) };
}

test('EX-01 tutorial 4: messages have a name, and all clients get the list of members', async (t) => {
  const port = await serve(t, '4-names').port();
  const ann = await named(t, port, '/?name=ann');
  await until(ann.next, 'here', ['ann']);
  const guest = await named(t, port, '/');
  await until(ann.next, 'here', ['ann', 'guest 1']);
  guest.connection.send('hello');
  await until(ann.next, 'from', 'guest 1');
  guest.connection.close();
  await until(ann.next, 'here', ['ann']);
});

test('EX-01 tutorial 4, solution: all clients get the name of a member that left', async (t) => {
  const port = await serveSolved(t, '4-names').port();
  const [ann, ben] = [await named(t, port, '/?name=ann'), await named(t, port, '/?name=ben')];
  ben.connection.close();
  await until(ann.next, 'text', 'ben left.');
});

test('EX-01 tutorial 5: the history has the messages, and the server names the sender', async (t) => {
  const port = await serve(t, '5-nothing-lost').port();
  const ann = member(t, port, { path: '/?name=ann' });
  await ann.client.request('say', 'hello');
  const ben = member(t, port, { path: '/?name=ben' });
  await waitUntil(() => ben.lines.length > 0 && ann.lines.length > 0, PATIENT);
  for (const { lines } of [ann, ben]) assert.deepEqual(lines, [{ from: 'ann', text: 'hello' }]);
  await assert.rejects(ben.room.publish('{"from":"ann"}'), { code: 'forbidden' });
  const other = ben.client.topic('other');
  other.on('error', () => undefined);
  await assert.rejects(other.subscribed(), { code: 'forbidden' });
});

async function signIn(port: number, name: string, password: string) {
  const body = new URLSearchParams({ name, password });
  const answer = await fetch(`http://127.0.0.1:${port}/sign-in`, {
    method: 'POST',
    body,
    redirect: 'manual',
  });
  return { status: answer.status, cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' };
}

test('EX-01 tutorial 6: strangers and other origins are refused, users are not', async (t) => {
  const port = await serve(t, '6-strangers').port();
  const at = `http://127.0.0.1:${port}/`;
  assert.equal(withLf(await (await fetch(at)).text()), stepNamed('6-strangers').files.get('sign-in.html'));
  for (const [name, password] of [
    ['ann', 'lighthouse'],
    ['nobody', 'harbour'],
    ['', ''],
  ] as const)
    assert.deepEqual(await signIn(port, name, password), { status: 401, cookie: '' });
  const { status, cookie } = await signIn(port, 'ann', 'harbour');
  assert.equal(status, 303);
  const [page, script] = [
    await fetch(at, { headers: { cookie } }),
    await fetch(`${at}hawser.js`, { headers: { cookie } }),
  ];
  assert.equal(withLf(await page.text()), stepNamed('6-strangers').files.get('page.html'));
  assert.equal(script.headers.get('content-type'), 'text/javascript');
  for (const [headers, expected] of [
    [{}, 401],
    [{ cookie: 'session=ann.9999999999999.forged' }, 401],
    [{ cookie: cookie.replace('ann', 'ben') }, 401],
    [{ cookie, origin: 'https://evil.example' }, 403],
    [{ cookie, host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` }, 101],
  ] as const)
    assert.equal(await statusOf(port, headers), expected, JSON.stringify(headers));
});

test('EX-01 tutorial 6: messages have 1 to 500 characters, and a flood closes the connection', async (t) => {
  const port = await serve(t, '6-strangers').port();
  const { cookie } = await signIn(port, 'ann', 'harbour');
  const ann = member(t, port, { headers: { cookie } });
  await ann.client.request('say', 'x'.repeat(500));
  for (const text of ['', 'x'.repeat(501), 7])
    await assert.rejects(ann.client.request('say', text), { code: 'invalid' });
  const connection = await visit(t, port, { protocols: V1, headers: { cookie } });
  for (let i = 0; i < 30; i++) connection.send('{"op":"ping"}');
  assert.equal((await connection.closed).code, 1008);
});

test('EX-01 tutorial 6, solution: signing out closes the connections of the user only', async (t) => {
  const port = await serveSolved(t, '6-strangers').port();
  const [ann, ben] = [await signIn(port, 'ann', 'harbour'), await signIn(port, 'ben', 'lighthouse')];
  const open = (cookie: string) => visit(t, port, { protocols: V1, headers: { cookie } });
  const [first, second, other] = [await open(ann.cookie), await open(ann.cookie), await open(ben.cookie)];
  const answer = await fetch(`http://127.0.0.1:${port}/sign-out`, {
    method: 'POST',
    headers: { cookie: ann.cookie },
    redirect: 'manual',
  });
  assert.equal(answer.status, 303);
  assert.match(answer.headers.get('set-cookie') ?? '', /^session=; .*Max-Age=0/);
  for (const { closed } of [first, second]) assert.equal((await closed).code, 1008);
  assert.equal(other.state, 'open');
});

const installed = existsSync(join(stepNamed('7-two-nodes').folder, 'node_modules', 'redis'));
const TWO_NODES = {
  skip:
    noRedis || (installed ? false : 'needs the package redis: npm ci --prefix examples/tutorial/7-two-nodes'),
};

test(
  'EX-01 tutorial 7: two nodes share the room, and a client resumes at the other node',
  TWO_NODES,
  async (t) => {
    const redis = await RedisServer.start();
    t.after(() => redis.end());
    const world = { ports: { 6379: redis.port }, env: { SECRET: 'of all nodes' } };
    const nodes = [serve(t, '7-two-nodes', world), serve(t, '7-two-nodes', { ...world, args: ['8081'] })];
    const [port, other] = await Promise.all(nodes.map((node) => node.port()));
    await waitUntil(() => nodes[1]!.output().includes('Open http://localhost:8081/'), PATIENT);
    const { cookie } = await signIn(port!, 'ann', 'harbour');
    const ann = member(t, port!, { headers: { cookie } });
    const ben = member(t, other!, {
      headers: { cookie: (await signIn(other!, 'ben', 'lighthouse')).cookie },
    });
    await ann.client.request('say', 'one');
    await ben.client.request('say', 'two');
    const both = [
      { from: 'ann', text: 'one' },
      { from: 'ben', text: 'two' },
    ];
    await waitUntil(() => ann.lines.length >= 2 && ben.lines.length >= 2, PATIENT);
    assert.deepEqual([ann.lines, ben.lines], [both, both]);

    nodes[0]!.child.kill('SIGKILL');
    await ben.client.request('say', 'three');
    const again = new ReconnectingClient(`ws://127.0.0.1:${other}/`, { protocols: V1, headers: { cookie } });
    t.after(() => again.close());
    const resumed: unknown[] = [];
    const room = again.topic('room', { since: ann.room.position });
    room.on('message', (message) => void resumed.push(JSON.parse(String(message))));
    await waitUntil(() => resumed.length > 0, PATIENT);
    assert.deepEqual(resumed, [{ from: 'ben', text: 'three' }]);
  },
);

test('EX-01 tutorial 7: without SECRET the server says what to set', TWO_NODES, async (t) => {
  const { output, child } = serve(t, '7-two-nodes', { env: { SECRET: '' } });
  await waitUntil(() => child.exitCode !== null, PATIENT);
  assert.match(output(), /Set SECRET to the secret of all nodes\./);
});

test('EX-01 tutorial 7, solution: one node counts the connections of all', TWO_NODES, async (t) => {
  const redis = await RedisServer.start();
  t.after(() => redis.end());
  const world = { ports: { 6379: redis.port }, env: { SECRET: 'of all nodes' } };
  const [one, two] = [
    serveSolved(t, '7-two-nodes', world),
    serveSolved(t, '7-two-nodes', { ...world, args: ['8081'] }),
  ];
  const [port, other] = [await one.port(), await two.port()];
  const { cookie } = await signIn(port, 'ann', 'harbour');
  for (const each of [port, other]) await member(t, each, { headers: { cookie } }).room.subscribed();
  // A server learns of the others in intervals.
  await waitUntil(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/count`);
    return (await answer.text()) === '2 connections on 2 servers\n';
  }, PATIENT);
});
