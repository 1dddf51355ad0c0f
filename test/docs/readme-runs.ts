import assert from 'node:assert/strict';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { refuse } from '../../src/index.ts';
import { messages, statusOf, visit } from './visitors.ts';
import { harbour, run } from './world.ts';

const PAGE = { origin: 'https://app.example' };

export async function server(t: TestContext, file: string): Promise<void> {
  const program = run(t, file);
  const port = await program.port();
  const [ann, bob] = [await visit(t, port, PAGE), await visit(t, port, { origin: 'http://localhost:3000' })];
  const heard = [messages(ann), messages(bob)] as const;
  ann.send('to all others');
  assert.equal(await heard[1](), 'to all others');
  bob.send(Buffer.of(1, 2, 3));
  assert.deepEqual(await heard[0](), Buffer.of(1, 2, 3), 'the sender did not receive its own message');
  assert.equal(await statusOf(port, { Origin: 'https://evil.example' }), 403);
  // Windows has no SIGTERM that a process can handle.
  if (process.platform === 'win32') return;
  program.child.kill('SIGTERM');
  for (const { code } of await Promise.all([ann.closed, bob.closed])) assert.equal(code, 1001);
  const log = await program.ended();
  for (const line of ['listening', 'handshake refused', 'origin https://evil.example', 'server closed'])
    assert.ok(log.includes(line), log);
}

export async function client(t: TestContext, file: string): Promise<void> {
  let lastAuthorization: string | undefined;
  const { server, ...world } = await harbour(t, 'app.example', {
    upgrade: ({ request }) => void (lastAuthorization = request.headers['authorization']),
  });
  server.on('message', (connection, message) => {
    connection.send(`${String(message)} to you`);
    connection.close(1000);
  });
  assert.equal(await run(t, file, world).ended(), 'Hello to you\n1000\n');
  assert.equal(lastAuthorization, 'Bearer secret');

  const strict = await harbour(t, 'app.example', { upgrade: () => refuse(401) });
  assert.equal(await run(t, file, strict).ended(), 'ERR_RESPONSE response 401\n');
}

export async function echo(t: TestContext, file: string): Promise<void> {
  const ann = await visit(t, await run(t, file).port());
  ann.send('ahoy');
  assert.equal(await messages(ann)(), 'ahoy');
}

/** A client whose connection is closed twice. After the first close it reconnects with a fresh token. */
export async function follow(t: TestContext, file: string, host: string): Promise<void> {
  const tokens: unknown[] = [];
  const { nextConnection, ...world } = await harbour(t, host, {
    upgrade: ({ request }) => void tokens.push(request.headers['authorization']),
  });
  const program = run(t, file, world);
  for (const [news, code] of [
    ['first', 1011],
    ['second', 1000],
  ] as const) {
    const connection = await nextConnection();
    assert.equal(await messages(connection)(), '{"subscribe":"news"}');
    connection.send(news);
    connection.close(code);
  }
  assert.equal(await program.ended(), 'first\nsecond\n');
  assert.deepEqual(tokens, ['Bearer token-1', 'Bearer token-2']);
}

export async function receiving(t: TestContext, file: string): Promise<void> {
  const stored = JSON.parse(await run(t, file).ended()) as unknown[];
  const byServer = (message: string): unknown => [true, message];
  const expected = ['one', 'one', byServer('one'), 'two', 'two', byServer('two')];
  const sorted = (all: readonly unknown[]): string[] => all.map((each) => JSON.stringify(each)).sort();
  assert.deepEqual(sorted(stored), sorted(expected));
}

export async function sending(t: TestContext, file: string): Promise<void> {
  assert.equal(
    await run(t, file).ended(),
    'text\n<Buffer 01 02 03>\nto the subscribers of a topic\n',
    'the broadcast goes to the others only',
  );
}

export async function admission(t: TestContext, file: string): Promise<void> {
  const port = await run(t, file).port();
  const ann = await visit(t, port, { headers: { Cookie: 'user=ann' }, protocols: ['chat.v1', 'chat.v2'] });
  assert.equal(await messages(ann)(), 'ann');
  assert.equal(ann.protocol, 'chat.v2');
  assert.equal(await statusOf(port), 401);
}
