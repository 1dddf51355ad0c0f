import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { close, RawClient, text } from '../../src/testing/index.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import { noSignals } from '../platform.ts';
import { type Example, runExample, startExample } from './run-example.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const MOVING = join(ROOT, 'examples', 'moving');

/** A program and the folder whose packages it imports. */
interface Port {
  readonly file: string;
  /** Default: the project itself. */
  readonly packages?: string;
}

const missing = ({ packages }: Port): string | false =>
  packages === undefined || existsSync(join(ROOT, packages, 'node_modules'))
    ? false
    : `needs its packages: npm ci --prefix ${packages}`;

/** The program, next to the packages that it imports. */
function placed(t: TestContext, { file, packages }: Port): string {
  const source = join(MOVING, file);
  if (packages === undefined) return source;
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(ROOT, packages, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const copy = join(folder, 'program.mjs');
  copyFileSync(source, copy);
  return copy;
}

const run = (t: TestContext, port: Port): Promise<Example> => runExample(t, placed(t, port));

const CHATS: Readonly<Record<string, Port>> = {
  ws: { file: 'ws/before.mjs', packages: 'test/interop' },
  Hawser: { file: 'after.mjs' },
};
for (const [what, port] of Object.entries(CHATS)) {
  test(`CD-03: the chat on ${what} behaves as its ports`, { skip: missing(port) }, async (t) => {
    const server = await run(t, port);
    const clients: RawClient[] = [];
    t.after(() => {
      for (const client of clients) client[Symbol.dispose]();
    });
    const join = async (name: string, path = `/chat?name=${name}`, headers = {}) => {
      const client = await RawClient.connect({ port: server.port });
      clients.push(client);
      const { status } = await client.upgrade({ path, headers });
      // The program on ws ends when the sockets of refused clients have closed.
      if (status !== 101) client[Symbol.dispose]();
      return { client, status };
    };
    const next = async (client: RawClient): Promise<unknown> =>
      JSON.parse((await client.nextFrame()).payload.toString());
    assert.equal((await join('', '/chat')).status, 401);
    assert.equal((await join('Eve', undefined, { Origin: 'https://evil.example' })).status, 403);
    const { client: ann } = await join('Ann');
    const { client: bob } = await join('Bob');
    ann.send(text('{"say":"too early"}'));
    ann.send(text('{"join":"harbour"}'));
    assert.deepEqual(await next(ann), { joined: 'harbour' });
    bob.send(text('{"join":"harbour"}'));
    assert.deepEqual(await next(bob), { joined: 'harbour' });
    assert.deepEqual(await next(ann), { came: 'Bob' });
    ann.send(text('{"say":"ahoy"}'));
    assert.deepEqual(await next(bob), { from: 'Ann', text: 'ahoy' });
    bob.send(text('no JSON'));
    const refused = await bob.nextFrame();
    assert.deepEqual([refused.opcode, refused.payload.readUInt16BE()], [8, 1008]);
    bob.send(close(1008));
    bob.stream.end();
    assert.deepEqual(await next(ann), { left: 'Bob' });
    if (noSignals !== false) return;
    server.child.kill('SIGTERM');
    const last = await ann.nextFrame();
    assert.deepEqual([last.opcode, last.payload.readUInt16BE()], [8, 1001]);
    ann.send(close(1001));
    ann.stream.end();
    assert.deepEqual((await server.exit)[0], 0);
  });
}

const SOCKET_IO = 'test/ws/dependants';
for (const [what, server, client] of [
  [
    'Socket.IO',
    { file: 'socket-io/before.mjs', packages: SOCKET_IO },
    { file: 'socket-io/before-client.mjs', packages: SOCKET_IO },
  ],
  ['Hawser', { file: 'socket-io/after.mjs' }, { file: 'socket-io/after-client.mjs' }],
] as const) {
  test(`CD-03: the chat with events and acknowledgements on ${what}`, {
    skip: missing(server),
  }, async (t) => {
    const { port } = await run(t, server);
    const { stdout } = await promisify(execFile)(process.execPath, [
      placed(t, client),
      `http://127.0.0.1:${port}`,
    ]);
    const [refusal, ...lines] = stdout.trim().split('\n');
    assert.match(refusal!, /^without a name: (?:unauthorized|401)$/);
    assert.deepEqual(lines, [
      'too early: join a room first',
      'Ann joins harbour',
      'came: Bob',
      'error: null',
      'said: Bob ahoy',
      'left: Bob',
    ]);
  });
}

const BOTH = ['members: 2', 'ben got: ahoy'];
for (const [what, folder, said] of [
  ['Socket.IO with its Redis adapter', 'before', [...BOTH, 'ben got: welcome back']],
  ['Hawser with redisEngine', 'after', [...BOTH, 'ben got: are you there?', 'ben got: welcome back']],
] as const) {
  const packages = folder === 'before' ? 'test/deploy' : 'examples/cluster';
  const port = (name: string): Port => ({ file: `socket-io-redis/${name}.mjs`, packages });
  test(`CD-03 SC-03: rooms on two servers on ${what}`, {
    skip: missing(port(folder)) || noRedis,
  }, async (t) => {
    const redis = await RedisServer.start();
    t.after(() => redis.end());
    const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const program = placed(t, port(folder));
    const servers = [await runExample(t, program, { env }), await runExample(t, program, { env })];
    const scheme = folder === 'before' ? 'http' : 'ws';
    const { exit, output } = startExample(t, placed(t, port(`${folder}-client`)), {
      args: servers.map((server) => `${scheme}://127.0.0.1:${server.port}`),
    });
    assert.deepEqual(await exit, [0, null], output());
    assert.deepEqual(output().trim().split('\n'), said);
    if (process.platform === 'win32') return; // on Windows a signal kills the process
    for (const { child } of servers) child.kill('SIGTERM');
    for (const server of servers) assert.deepEqual(await server.exit, [0, null], server.output());
  });
}

// uWebSockets.js is not on npm under its name, and Bun is another runtime: their programs are only parsed.
for (const file of ['uwebsockets/before.mjs', 'bun/before.mjs']) {
  test(`CD-03: ${file} is valid JavaScript`, () => {
    const { status, stderr } = spawnSync(process.execPath, ['--check', join(MOVING, file)], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
}
