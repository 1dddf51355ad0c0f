import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { ReconnectingClient } from '../../src/client/index.ts';
import type { AdminSnapshot } from '../../src/observe/index.ts';
import { runCommandLine } from '../../src/cli/commands.ts';
import { RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { noSignals } from '../platform.ts';
import { fakeIo, type Served, served } from './fake-io.ts';

const until = (description: string, holds: () => unknown): Promise<unknown> =>
  waitUntil(holds, { description, deadlineMs: 60_000 });

/** `hawser serve --workers` whose workers are processes of their own. */
async function workers(t: TestContext, ...flags: string[]): Promise<Served> {
  const io = fakeIo();
  const starting = served('--json', '--workers', '2', '--shutdown-timeout-ms', '500', ...flags, { io });
  const server = await starting;
  t.after(() => server.stop());
  return server;
}

const line = (frame: object): Buffer => text(JSON.stringify(frame));

/** Ids of worker processes by the connections that their events name. */
const processesOf = (server: Served): number[] =>
  server
    .events('workerUp')
    .map((event) => Number(event['process']))
    .filter((id) => id > 0);

test('CM-04 SC-02 serve --workers: kill -9 of a worker; a client resumes on another, nothing is lost or comes twice', async (t) => {
  const flags = ['--allow-subscribe', '*', '--allow-publish', '*', '--history', '*', '--presence', '*'];
  const server = await workers(t, '--topics', ...flags, '--publish-token', 's3cret');
  const publish = async (body: string): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/topics/news`, {
      method: 'POST',
      headers: { authorization: 'Bearer s3cret', 'content-type': 'text/plain' },
      body,
    });
    assert.equal(((await answer.json()) as { readonly ok: boolean }).ok, true);
  };
  const clients = await Promise.all(
    [1, 2].map(async () => {
      const client = new ReconnectingClient(`ws://127.0.0.1:${server.port}/`, {
        protocols: ['hawser.v1'],
        maxFirstDelayMs: 100,
      });
      t.after(() => client.close());
      const topic = client.topic('news');
      const got: string[] = [];
      let [recovered, lost] = [0, 0];
      topic.on('message', (message) => void got.push(String(message)));
      topic.on('recovered', () => void recovered++);
      topic.on('lost', () => void lost++);
      await topic.subscribed();
      return { got, counts: () => [recovered, lost] };
    }),
  );
  for (let i = 0; i < 5; i++) await publish(`before ${i}`);
  await until('five messages', () => clients.every(({ got }) => got.length === 5));
  const [victim] = processesOf(server);
  process.kill(victim!, 'SIGKILL');
  await server.event('workerExit');
  for (let i = 0; i < 5; i++) await publish(`after ${i}`);
  await until('ten messages', () => clients.every(({ got }) => got.length === 10));
  const expected = ['before', 'after'].flatMap((word) => [0, 1, 2, 3, 4].map((i) => `${word} ${i}`));
  for (const { got } of clients) assert.deepEqual(got, expected);
  // One of two connections was on the worker that was killed.
  assert.deepEqual(clients.map(({ counts }) => counts().join()).sort(), ['0,0', '1,0']);
  await server.event('workerRestart');
  await until('the restart', () => processesOf(server).length === 3);
});

test('CM-04 SC-02 serve --relay --workers: a message reaches the connections of all workers', async (t) => {
  const server = await workers(t, '--relay');
  const clients = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const client = await RawClient.connect({ port: server.port });
      t.after(() => client[Symbol.dispose]());
      assert.equal((await client.upgrade()).status, 101);
      return client;
    }),
  );
  const got = clients.slice(1).map(() => [] as string[]);
  clients.slice(1).forEach((client, at) => {
    void (async () => {
      for (;;) got[at]!.push((await client.nextFrame()).payload.toString());
    })().catch(() => undefined);
  });
  // Without history the interest of the other worker is not awaited.
  await until('the message', () => {
    clients[0]!.send(text('hello'));
    return got.every((messages) => messages.includes('hello'));
  });
});

/** Status of a request that names another host than that of its URL. */
async function statusFor(url: string, host: string): Promise<number | undefined> {
  const [response] = (await once(get(url, { headers: { host }, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return response.statusCode;
}

test('CM-04 SC-02 serve --workers --admin-port: one text with the metrics of all workers, and a page and statistics of them', async (t) => {
  const server = await workers(t, '--metrics', '--admin-port', '0', '--admin-token', 'x'.repeat(16));
  const client = await RawClient.connect({ port: server.port });
  t.after(() => client[Symbol.dispose]());
  assert.equal((await client.upgrade()).status, 101);
  client.send(line({ echo: true }));
  await client.nextFrame();
  const url = String(server.events('listening')[0]!['adminUrl']);
  const ask = (path: string, token = 'x'.repeat(16)): Promise<Response> =>
    fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}` } });
  let metrics = '';
  // A worker may listen before its engine has reached the hub.
  await until('both workers', async () => {
    metrics = await (await ask('/metrics')).text();
    return /^hawser_workers 2$/m.test(metrics);
  });
  assert.match(metrics, /^hawser_connections\{state="open"\} 1$/m);
  const page = await fetch(url);
  assert.match(await page.text(), /^<!doctype html>/);
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'sha256-/);
  const stats = (await (await ask('/stats?cluster=1')).json()) as AdminSnapshot['cluster'];
  assert.deepEqual(
    stats.nodes!.map(({ name, load, worker }) => [name, load?.ready, worker?.restarts]),
    [
      ['worker 1', true, 0],
      ['worker 2', true, 0],
    ],
  );
  const { matching } = (await (await ask('/connections?sort=in')).json()) as AdminSnapshot['connections'];
  assert.equal(matching, 1);
  assert.deepEqual(
    [(await ask('/readyz')).status, (await fetch(new URL('/readyz', url))).status],
    [200, 200],
  );
  const drain = await fetch(new URL('/drain', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${'x'.repeat(16)}` },
  });
  assert.equal(drain.status, 403);
  const foreign = { authorization: `Bearer ${'x'.repeat(16)}`, origin: 'https://elsewhere.example' };
  assert.equal((await fetch(new URL('/stats', url), { headers: foreign })).status, 403);
  assert.equal((await ask('/metrics', 'y'.repeat(16))).status, 401);
  assert.equal((await fetch(new URL('/metrics', url))).status, 401);
  for (const [host, status] of [
    ['192.0.2.1:9090', 401],
    ['[2001:db8::1]:9090', 401],
    ['LocalHost:9090', 401],
    ['rebound.example:9090', 403],
  ] as const)
    assert.equal(await statusFor(new URL('/stats', url).href, host), status, host);
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status, 404);
});

test('CM-04 SC-02 the first signal stops all workers in order: clients get 1001, and the command exits with 0', async () => {
  const server = await served('--json', '--workers', '2', { io: fakeIo() });
  const client = await RawClient.connect({ port: server.port });
  await client.upgrade();
  const exit = server.stop();
  const frame = await client.nextFrame();
  assert.deepEqual([frame.opcode, frame.payload.readUInt16BE()], [8, 1001]);
  client.send(Buffer.of(0x88, 0x80, 0, 0, 0, 0));
  await client.waitForClose();
  assert.equal(await exit, 0);
  client[Symbol.dispose]();
  // A worker that needs more than a second after its server has shut down gets SIGTERM: on Windows always, on a busy machine too.
  const exits = server.events('workerExit').map(({ code, signal }) => `${String(code)} ${String(signal)}`);
  assert.equal(exits.length, 2);
  for (const exit of exits) assert.match(exit, /^(0 null|null SIGTERM)$/);
  assert.equal(server.events('shutdown').length, 1);
});

test('CM-04 SC-02 a worker that cannot listen ends the command with one line', async () => {
  const taken = await served({ io: fakeIo() });
  const io = fakeIo();
  assert.equal(
    await runCommandLine(['serve', '--workers', '2', '--port', String(taken.port)], io, '0.0.0'),
    1,
  );
  assert.match(io.errLines.at(-1)!, /^hawser: worker [12] ended before it listened \(exit code 1\)/);
  await taken.stop();
});

for (const [flags, message] of [
  [['--workers', '1025'], /--workers is '1025'; it must be a whole number from 0 to 1024/],
  [['--workers', '2', '--tls-self-signed'], /--tls-self-signed and --workers exclude each other/],
  [['--workers', '2', '--metrics'], /--metrics with --workers needs --admin-port/],
  [
    ['--workers', '2', '--admin-port', '0', '--admin-actions'],
    /--admin-actions and --workers exclude each other/,
  ],
] as const)
  test(`CM-04 SC-02 serve ${flags.join(' ')} is refused`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine(['serve', ...flags], io, '0.0.0'), 2);
    assert.match(io.errLines[0]!, message);
  });

for (const [options, message] of [
  [{ admin: { port: 0, actions: true } }, /admin\.actions in \S+ and --workers exclude each other/],
  [{ endpoints: { metrics: '/metrics' } }, /endpoints\.metrics in \S+ with --workers needs --admin-port/],
] as const)
  test(`CF-04 CM-04 serve --workers is refused with ${JSON.stringify(options)} in its file`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'hawser.json');
    writeFileSync(file, JSON.stringify(options));
    const io = fakeIo();
    assert.equal(await runCommandLine(['serve', '--workers', '2', '--config', file], io, '0.0.0'), 2);
    assert.match(io.errLines[0]!, message);
  });

test('CF-04 CM-04 serve --workers: every worker follows the file after SIGHUP', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'hawser.json');
  writeFileSync(file, JSON.stringify({ maxMessageBytes: 1_000 }));
  const server = await workers(t, '--config', file);
  const opcodeOfAnswer = async (): Promise<number> => {
    const client = await RawClient.connect({ port: server.port });
    assert.equal((await client.upgrade()).status, 101);
    client.send(text('12345678901'));
    const { opcode } = await client.nextFrame();
    client[Symbol.dispose]();
    return opcode;
  };
  for (let at = 0; at < 4; at++) assert.equal(await opcodeOfAnswer(), 1);
  writeFileSync(file, JSON.stringify({ maxMessageBytes: 10 }));
  server.io.hangUp();
  // The workers take connections in turns.
  let closed = 0;
  await until('a Close from every worker', async () => {
    closed = (await opcodeOfAnswer()) === 8 ? closed + 1 : 0;
    return closed === 6;
  });
});

test('CF-04 CM-04 serve --workers: SIGHUP before the workers listen ends none of them', {
  skip: noSignals,
}, async (t) => {
  const io = fakeIo();
  const hangsUp = {
    ...io,
    onHangUp: (listener: () => void) => {
      listener();
      return io.onHangUp(listener);
    },
  };
  const server = await served('--json', '--workers', '2', '--shutdown-timeout-ms', '500', { io: hangsUp });
  t.after(() => server.stop());
  assert.deepEqual(server.events('workerExit'), []);
});
