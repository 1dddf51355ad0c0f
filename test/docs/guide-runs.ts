import assert from 'node:assert/strict';
import process from 'node:process';
import { connect as connectTcp } from 'node:net';
import type { TestContext } from 'node:test';
import { type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { METRICS_TYPE } from '../../src/observe/index.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { runCommandLine } from '../../src/cli/commands.ts';
import { fakeIo, served } from '../cli/fake-io.ts';
import { nodeClient } from '../interop/peers.ts';
import { follow } from './readme-runs.ts';
import { messages, statusOf, visit } from './visitors.ts';
import { harbour, run } from './world.ts';

export async function authentication(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const ann = await visit(t, port, { headers: { Cookie: 'user=ann' } });
  assert.equal(await messages(ann)(), 'Hello, ann.');
  assert.equal(await statusOf(port), 401);
}

export async function credentialsEnd(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const ann = await visit(t, port);
  ann.send('no token');
  ann.send('short');
  assert.equal(await messages(ann)(), '{"type":"renew"}');
  assert.equal((await ann.closed).code, 1008);
}

export async function eachMessage(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const [ann, bob] = [await visit(t, port), await visit(t, port)];
  ann.send('{"room":"harbour","text":"ahoy"}');
  assert.equal(await messages(bob)(), '{"from":"ann","text":"ahoy"}');
  ann.send('{"room":"bridge","text":"ahoy"}');
  const { code, reason } = await ann.closed;
  assert.deepEqual([code, reason], [4003, 'not your room']);
}

export async function compression(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const raw = await RawClient.connect({ port });
  t.after(() => raw[Symbol.dispose]());
  await raw.upgrade({ headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
  const secret = await raw.nextFrame();
  assert.deepEqual([secret.rsv1, secret.payload.length], [false, 1_800]);
  raw.send(text('news?'));
  const state = await raw.nextFrame();
  assert.equal(state.rsv1, true);
  assert.ok(state.payload.length < 300);
}

export async function brokenCompression(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  for (const [version, isCompressed] of [
    ['15.2', false],
    ['15.4', true],
    ['26.0', true],
  ] as const) {
    const raw = await RawClient.connect({ port });
    t.after(() => raw[Symbol.dispose]());
    const { fields } = await raw.upgrade({
      headers: {
        'Sec-WebSocket-Extensions': 'permessage-deflate',
        'User-Agent': `Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${version} Safari/605.1.15`,
      },
    });
    assert.equal(fields.has('sec-websocket-extensions'), isCompressed, version);
  }
}

export async function limits(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  assert.equal(await statusOf(port, { Origin: 'https://evil.example' }), 403);
  const guests = [];
  for (let i = 0; i < 10; i++) guests.push(await visit(t, port));
  assert.equal(await statusOf(port), 429);
  guests[0]!.send(Buffer.alloc(16_385));
  assert.equal((await guests[0]!.closed).code, 1009);
}

export async function circuitBreaker(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const ann = await visit(t, await program.port());
  const next = messages(ann);
  const ask = async (what: string): Promise<string> => {
    ann.send(what);
    return String(await next());
  };
  assert.equal(await ask('apple'), '42');
  for (let i = 0; i < 19; i++) assert.equal(await ask('broken'), '{"error":"no price","retryAfterMs":0}');
  const { error, retryAfterMs } = JSON.parse(await ask('apple')) as Record<string, unknown>;
  assert.equal(error, 'no price');
  assert.ok(Number(retryAfterMs) > 0, String(retryAfterMs));
  await waitUntil(() => program.output().includes('prices: closed -> open'));
}

export async function attached(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const ann = await visit(t, port, { path: '/socket' });
  assert.equal(ann.state, 'open');
  assert.equal(await statusOf(port), 404, 'another path');
}

/** Asks the program for a path. */
const answerOf = async (port: number, path: string): Promise<readonly [number, string]> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return [response.status, await response.text()];
};
const READY = [200, '{"ready":true,"reasons":[]}'] as const;

export async function loadControl(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  for (const [path, priority] of [
    ['/orders', 'high'],
    ['/', 'normal'],
  ] as const) {
    const client = await visit(t, port, { path });
    const next = messages(client);
    assert.equal(await next(), priority);
    client.send('ahoy');
    assert.equal(await next(), 'ahoy');
  }
}

export async function tunedLoadControl(t: TestContext, file: string): Promise<void> {
  const client = await visit(t, await run(t, file).port());
  assert.match(String(await messages(client)()), /^(?:normal|elevated|critical)$/);
}

export async function ownSignal(t: TestContext, file: string): Promise<void> {
  const client = await visit(t, await run(t, file).port());
  assert.ok(Number(await messages(client)()) >= 0);
}

export async function testedLoad(t: TestContext, file: string): Promise<void> {
  assert.equal(await run(t, file).ended(), 'critical open\nnormal open\n');
}

export async function endpoints(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  assert.deepEqual(await answerOf(port, '/healthz'), [200, 'ok\n']);
  const [status, body] = await answerOf(port, '/readyz');
  assert.deepEqual([status, body.trim()], READY);
  assert.match((await answerOf(port, '/metrics'))[1], /^hawser_connections_limit 10000$/m);
}

export async function attachedHealth(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  assert.deepEqual(await answerOf(port, '/readyz'), READY);
  assert.match((await answerOf(port, '/metrics'))[1], /^hawser_connections_limit 10000$/m);
  assert.equal((await answerOf(port, '/other'))[0], 404);
}

export async function adminPort(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port(9_090);
  const [status, page] = await answerOf(port, '/');
  assert.equal(status, 200);
  assert.match(page, /^<!doctype html>/);
}

export async function shutdown(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const ann = await visit(t, await program.port());
  // Windows has no SIGTERM that a process can handle.
  if (process.platform === 'win32') return;
  program.child.kill('SIGTERM');
  assert.equal((await ann.closed).code, 1012);
  assert.equal(await program.ended(), '');
}

export async function proxyHeader(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const stream = connectTcp({ port, host: '127.0.0.1' });
  stream.write('PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n');
  const client = RawClient.over(stream);
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 101);
}

export async function behindProxy(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask('/ready'), [200, 'ready\n']);
  assert.deepEqual(await ask('/'), [503, 'not here\n']);
  const headers = {
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'app.example',
    Origin: 'https://app.example',
  };
  assert.equal(await statusOf(port, headers), 101, 'the forwarded origin counts');
}

export async function reconnecting(t: TestContext, file: string): Promise<void> {
  await follow(t, file, 'feed.example');
}

export async function ownCode(t: TestContext, file: string): Promise<void> {
  const { nextConnection, ...world } = await harbour(t, 'feed.example');
  const program = run(t, file, world);
  (await nextConnection()).close(4001);
  const again = await nextConnection();
  again.send('again');
  again.close(4002);
  assert.equal(await program.ended(), 'again\n');
}

const TOPICS: ServerOptions = {
  protocols: ['hawser.v1'],
  history: { match: '*' },
  authorizeSubscribe: () => true,
  authorizePublish: () => true,
};

export async function topicsOfClient(t: TestContext, file: string): Promise<void> {
  const { server, ...world } = await harbour(t, 'app.example', TOPICS);
  server.handle('price', (_, data) => data);
  assert.equal(await run(t, file, world).ended(), 'published 1\n{ sku: 4711 }\n');
}

export async function browserTopic(t: TestContext, file: string): Promise<void> {
  const { server, nextConnection, ...world } = await harbour(t, 'app.example', TOPICS);
  const program = run(t, file, world);
  const first = await nextConnection();
  await waitUntil(() => first.topics.has('room:7'));
  server.publish('room:7', 'one');
  await waitUntil(() => program.output() === 'one\n');
  first.close(1012);
  const second = await nextConnection();
  await waitUntil(() => second.topics.has('room:7'));
  server.publish('room:7', 'two');
  await waitUntil(() => program.output() === 'one\ntwo\n');
  second.close(1000);
  await program.ended();
}

export async function browserPosition(t: TestContext, file: string): Promise<void> {
  const { server, nextConnection, ...world } = await harbour(t, 'app.example', TOPICS);
  const program = run(t, file, world);
  const connection = await nextConnection();
  await waitUntil(() => connection.topics.has('news'));
  server.publish('news', 'headline');
  await waitUntil(() => program.output() === 'headline\n');
  connection.close(1000);
  assert.equal(await program.ended(), 'headline\n1\n');
}

export async function configured(t: TestContext, file: string): Promise<void> {
  assert.equal(
    await run(t, file).ended(),
    'maxConnections: 10, now 20\nnothing has changed: maxConnections is 0; it must be a whole number from 1 to 10000000\n',
  );
}

export async function certificateFiles(t: TestContext, file: string): Promise<void> {
  assert.equal(await run(t, file).ended(), 'tls does not fit together\n');
}

export async function allowedHosts(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  assert.equal(await statusOf(port), 101);
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example'])
    assert.equal(await statusOf(port, { Host: host }), 403, host);
}

export async function suiteFromProgram(t: TestContext, file: string): Promise<void> {
  const server = new WebSocketServer();
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  assert.match(await run(t, file, { ports: { 9001: port } }).ended(), /^(\d+) of \1 cases passed\n$/);
}

export async function movedFromWs(t: TestContext, file: string): Promise<void> {
  assert.equal(await run(t, file).ended(), 'you asked for /chat\nhello\nclosed with 1000\n');
}

export async function extensions(t: TestContext, file: string): Promise<void> {
  assert.equal(await run(t, file).ended(), 'Hello\ntrue Error: the checksum differs\n');
}

/** The loop of the tested client, with Node's built-in WebSocket. */
export async function browserLoop(t: TestContext, file: string): Promise<void> {
  if (nodeClient.peer === undefined) return t.skip(nodeClient.skip);
  const io = fakeIo();
  const exit = runCommandLine(['conform', '--listen', '0', '--only', 'lengths.*'], io, '0.0.0');
  const url = await waitUntil(() => /ws:\/\/[^\s]+/.exec([...io.errLines, ...io.outLines].join('\n'))?.[0], {
    deadlineMs: 30_000,
  });
  const program = run(t, file, {
    ports: { 9001: Number(new URL(url!).port) },
    execArgv: [...nodeClient.peer, '--no-warnings'],
  });
  // Without this, the test would wait for a loop that does not begin.
  assert.equal(await program.ended(), '');
  assert.equal(await exit, 0, io.outLines.join('\n'));
}

/** A client sends a message, then the metrics count it. */
async function scraped(t: TestContext, file: string, path: string): Promise<void> {
  const port = await run(t, file).port();
  const client = await visit(t, port);
  client.send('one');
  const text = await waitUntil(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    assert.equal(response.headers.get('content-type'), METRICS_TYPE);
    const found = await response.text();
    return found.includes('hawser_messages_received_total{kind="text"} 1\n') ? found : undefined;
  });
  assert.match(text!, /^hawser_connections\{state="open"\} 1$/m);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
}

export const metricsOfOwnPort = (t: TestContext, file: string): Promise<void> => scraped(t, file, '/metrics');
export const metricsOfNode = (t: TestContext, file: string): Promise<void> => scraped(t, file, '/metrics');

export async function metricsOfSeveral(t: TestContext, file: string): Promise<void> {
  const text = await run(t, file).ended();
  for (const name of ['chat', 'feed'])
    assert.match(text, new RegExp(`^hawser_connections\\{server="${name}",state="open"\\} 0$`, 'm'));
}

export async function tracedClient(t: TestContext, file: string): Promise<void> {
  const seen: unknown[] = [];
  const server = new WebSocketServer({
    upgrade: ({ request }) => void seen.push(request.headers['traceparent']),
  });
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown());
  await run(t, file, { ports: { 8080: port } }).ended();
  assert.deepEqual(seen, ['of the caller']);
}

export async function channels(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const port = await program.port();
  const client = await visit(t, port, { headers: { 'X-Request-Id': 'r-17' } });
  assert.equal(await messages(client)(), 'your request was r-17');
  client.close();
  await waitUntil(() => /^[0-9a-f-]{36} closed with 1000$/m.test(program.output()));
}

/** The client of a push server: a message before the server restarts, and what it prints after. */
export async function pushClient(t: TestContext, file: string): Promise<void> {
  const flags = [
    '--topics',
    '--allow-subscribe',
    'news:*',
    '--history',
    'news:*',
    '--publish-token',
    's3cret',
  ];
  const server = await served(...flags);
  t.after(() => server.stop());
  const url = `http://127.0.0.1:${server.port}/topics/news:sport`;
  const headers = { authorization: 'Bearer s3cret', 'content-type': 'text/plain' };
  const program = run(t, file, { ports: { 8080: server.port } });
  const subscribers = async (): Promise<number> =>
    ((await (await fetch(url, { headers })).json()) as { subscribers: number }).subscribers;
  await waitUntil(async () => (await subscribers()) === 1, { deadlineMs: 30_000 });
  await fetch(url, { method: 'POST', body: 'Goal!', headers });
  await waitUntil(() => program.output() === 'Goal!\n', { deadlineMs: 30_000 });
  assert.equal(await server.stop(), 0);
  const again = await served(...flags, '--port', String(server.port));
  t.after(() => again.stop());
  await waitUntil(() => program.output() === 'Goal!\nload everything again\n', { deadlineMs: 30_000 });
  program.child.kill();
}

export async function localSocket(t: TestContext, file: string): Promise<void> {
  const [path, state] = (await run(t, file).ended()).trim().split('\n');
  assert.match(path!, process.platform === 'win32' ? /^\\\\\.\\pipe\\app-\d+$/ : /\/app-\d+\.sock$/);
  assert.equal(state, 'open');
}
