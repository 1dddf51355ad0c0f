import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ConnectError, type DownInfo, refuse } from '../../../src/index.ts';
import { close, eventLoopTurns, waitUntil } from '../../../src/testing/index.ts';
import { accepting, scriptedServer } from '../live.ts';
import { boat, harbour, short } from './reconnecting.ts';

test('RC-01: the client reconnects after the server restarts', async (t) => {
  const port = await harbour(t);
  const { client, clock, next, names } = boat(t, port.url);
  const messages: unknown[] = [];
  client.on('message', (message) => void messages.push(message));
  const first = await next('open');
  assert.equal(client.connection, first);
  assert.equal(client.send('one'), true);
  await waitUntil(() => port.received.length === 1);
  port.server().broadcast('from the first');
  await waitUntil(() => messages.length === 1);

  await port.leave();
  const { close } = await next('down');
  assert.equal(close?.code, 1012);
  assert.equal(client.connection, undefined);
  const { attempt, delayMs, close: why } = await next('retry');
  assert.deepEqual([attempt, delayMs, why], [1, 2_550, close]);
  assert.equal(client.state, 'waiting');
  await port.comeBack();
  clock.advance(delayMs - 1);
  await eventLoopTurns(3);
  assert.equal(client.state, 'waiting');
  clock.advance(1);
  assert.notEqual(await next('open'), first);
  client.send('two');
  port.server().broadcast('from the second');
  await waitUntil(() => messages.length === 2 && port.received.length === 2);
  assert.deepEqual(port.received, ['one', 'two']);
  assert.deepEqual(messages, ['from the first', 'from the second']);
  assert.deepEqual(names(), ['open', 'down', 'retry', 'open']);
});

test('RC-02: without a server the delays grow; 10 s of connection reset the count', async (t) => {
  const port = await harbour(t);
  await port.leave();
  const { client, clock, next } = boat(t, port.url);
  const planned = async (): Promise<readonly [number, number]> => {
    const { attempt, delayMs } = await next('retry');
    assert.equal(client.attempts, attempt);
    return [attempt, delayMs];
  };
  const lasting = async (ms: number): Promise<void> => {
    await port.comeBack();
    clock.advance(15_050);
    await next('open');
    for (let passed = 0; passed < ms; passed += 100) clock.advance(100);
    await port.leave(1001);
  };
  const delays = [await planned()];
  for (let i = 1; i < 6; i++) {
    clock.advance(delays[i - 1]![1]);
    delays.push(await planned());
  }
  assert.deepEqual(delays, [
    [1, 550],
    [2, 1_050],
    [3, 2_050],
    [4, 4_050],
    [5, 8_050],
    [6, 15_050],
  ]);
  await lasting(9_900);
  assert.deepEqual(await planned(), [7, 15_050], 'the connection was too short');
  await lasting(10_000);
  assert.deepEqual(await planned(), [1, 2_550]);
});

test('RC-02: the client gives up after maxAttempts consecutive failures', async (t) => {
  const port = await harbour(t);
  await port.leave();
  const { client, clock, next, names } = boat(t, port.url, { maxAttempts: 2 });
  clock.advance((await next('retry')).delayMs);
  clock.advance((await next('retry')).delayMs);
  assert.deepEqual(short(await next('giveUp')), ['attempts', 'ERR_CONNECT']);
  assert.deepEqual(short(await client.closed), ['attempts', 'ERR_CONNECT']);
  assert.deepEqual(names(), ['retry', 'retry', 'giveUp', 'close']);
  assert.equal(client.send('too late'), false);
});

for (const [code, why] of [
  [1000, 'refused'],
  [1009, 'refused'],
  [4000, 'refused'],
  [1008, 'credentials'],
] as const) {
  test(`RC-03: the server closes with ${code} and the credentials cannot change: ${why}`, async (t) => {
    const port = await harbour(t);
    const { next, names } = boat(t, port.url, { token: 'fixed' });
    await next('open');
    const [connection] = port.server().connections;
    connection?.close(code);
    assert.deepEqual(short(await next('close')), [why, code]);
    assert.deepEqual(names(), ['open', 'down', 'giveUp', 'close']);
  });
}

test('RC-03: an unexpected response of an ingress during a deploy is not final; the client connects afterwards', async (t) => {
  const answers = ['404 Not Found', '200 OK', '302 Found', '400 Bad Request'];
  const server = await scriptedServer(t, (socket, request) => {
    const status = answers.shift();
    if (status === undefined) socket.write(accepting(request));
    else socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
  });
  const { client, clock, next, names } = boat(t, server.url);
  const statuses: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { error, delayMs } = await next('retry');
    statuses.push((error as ConnectError).status);
    clock.advance(delayMs);
  }
  await next('open');
  assert.deepEqual(statuses, [404, 200, 302, 400]);
  assert.deepEqual(names(), ['retry', 'retry', 'retry', 'retry', 'open']);
  client.connection?.terminate();
  client.close();
});

test('RC-01 CC-01: in `open` the connection has the fields of its 101', async (t) => {
  let count = 0;
  const server = await scriptedServer(t, (socket, request) => {
    socket.write(accepting(request, `Set-Cookie: a=${++count}\r\nSet-Cookie: b=${count}\r\n`));
  });
  const { client, clock, next } = boat(t, server.url);
  const cookies: unknown[] = [];
  client.on('open', ({ response }) => void cookies.push(response?.headers.getSetCookie()));
  (await next('open')).terminate();
  clock.advance((await next('retry')).delayMs);
  (await next('open')).terminate();
  assert.deepEqual(cookies, [
    ['a=1', 'b=1'],
    ['a=2', 'b=2'],
  ]);
});

test('RC-03: the client gives up after maxUnexpectedResponses unexpected responses', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  });
  const { clock, next, names } = boat(t, server.url, { maxUnexpectedResponses: 2 });
  clock.advance((await next('retry')).delayMs);
  const { why, error } = await next('giveUp');
  assert.deepEqual([why, (error as ConnectError).status], ['refused', 404]);
  assert.equal(names().filter((name) => name === 'retry').length, 1);
});

test('RC-03: after 401 the client tries once with a fresh token; a second 401 is final', async (t) => {
  const good = new Set(['second']);
  const port = await harbour(t, {
    upgrade: ({ request }) => {
      const [, token = ''] = request.headers['authorization']?.split(' ') ?? [];
      return good.has(token) ? undefined : refuse(401);
    },
  });
  const tokens = ['first', 'second', 'third', 'fourth'];
  const attempts: number[] = [];
  const { clock, next } = boat(t, port.url, {
    token: async ({ attempt }) => {
      attempts.push(attempt);
      return tokens.shift()!;
    },
  });
  const { error, delayMs } = await next('retry');
  assert.equal((error as ConnectError).status, 401);
  clock.advance(delayMs);
  await next('open');
  good.clear();
  for (let i = 0; i < 100; i++) clock.advance(100);
  await port.leave(1012);
  await port.comeBack();
  clock.advance((await next('retry')).delayMs); // third: 401
  clock.advance((await next('retry')).delayMs); // fourth: 401
  assert.deepEqual(short(await next('giveUp')), ['credentials', 'ERR_RESPONSE']);
  assert.deepEqual(attempts, [0, 1, 1, 2]);
  assert.deepEqual(tokens, []);
});

test('RC-03: after 401 the same token is not sent again', async (t) => {
  let handshakes = 0;
  const port = await harbour(t, {
    upgrade: () => {
      handshakes++;
      return refuse(401);
    },
  });
  const { clock, next } = boat(t, port.url, { token: () => 'same' });
  clock.advance((await next('retry')).delayMs);
  assert.deepEqual(short(await next('giveUp')), ['credentials', 'ERR_RESPONSE']);
  assert.equal(handshakes, 1);
});

test('RC-03: after 1008 a fresh ticket in the URL counts as fresh credentials', async (t) => {
  const tickets: string[] = [];
  const port = await harbour(t, {
    upgrade: ({ request }) => void tickets.push(request.url.searchParams.get('ticket') ?? ''),
  });
  let count = 0;
  const { clock, next } = boat(t, () => `${port.url}?ticket=${++count}`);
  await next('open');
  const [connection] = port.server().connections;
  connection!.expiresAt = Date.now() - 1;
  const { close } = await next('down');
  assert.equal(close?.code, 1008);
  clock.advance((await next('retry')).delayMs);
  await next('open');
  assert.deepEqual(tickets, ['1', '2']);
});

test('RC-02 RC-03: 503 is retried after Retry-After, and 403 is final', async (t) => {
  let answer = (): Response => refuse(503, { headers: { 'retry-after': '7' } });
  const port = await harbour(t, { upgrade: () => answer() });
  const { clock, next } = boat(t, port.url);
  const { delayMs } = await next('retry');
  assert.equal(delayMs, 7_550);
  answer = () => refuse(403);
  clock.advance(delayMs);
  const end = await next('giveUp');
  assert.equal((end.error as ConnectError).status, 403);
});

test('RC-03: shouldReconnect overrules in both directions; undefined keeps the rules', async (t) => {
  const asked: DownInfo[] = [];
  const opinions = [true, undefined, false];
  const port = await harbour(t);
  const { clock, next } = boat(t, port.url, {
    shouldReconnect: (info) => {
      asked.push(info);
      return opinions[asked.length - 1];
    },
  });
  for (const code of [4000, 1011, 1012]) {
    await next('open');
    const [connection] = port.server().connections;
    connection?.close(code);
    await next('down');
    if (code !== 1012) clock.advance((await next('retry')).delayMs);
  }
  assert.deepEqual(short(await next('giveUp')), ['refused', 1012]);
  assert.deepEqual(
    asked.map(({ close }) => close?.code),
    [4000, 1011, 1012],
  );
});

test('RC-03: if shouldReconnect throws, the rules apply', async (t) => {
  const fault = new Error('oops');
  const port = await harbour(t);
  const { next } = boat(t, port.url, {
    shouldReconnect: () => {
      throw fault;
    },
  });
  await next('open');
  await port.leave(1012);
  await next('retry');
  const { code, cause } = await next('error');
  assert.deepEqual([code, cause], ['ERR_HANDLER', fault]);
});

for (const [name, opinion] of [
  ['a promise', async () => false],
  ['a promise that rejects', () => Promise.reject(new Error('oops'))],
  ['null', () => null],
] as const) {
  test(`RC-03: if shouldReconnect returns ${name}, that is reported and the rules apply`, async (t) => {
    const port = await harbour(t);
    const { next } = boat(t, port.url, { shouldReconnect: opinion as never });
    await next('open');
    const [connection] = port.server().connections;
    connection?.close(4000);
    const { code, cause } = await next('error');
    assert.deepEqual([code, (cause as { code?: string }).code], ['ERR_HANDLER', 'ERR_ARGUMENT']);
    assert.match(
      (cause as Error).message,
      /shouldReconnect: its result is .*; it must be true, false or undefined/,
    );
    assert.deepEqual(short(await next('giveUp')), ['refused', 4000]);
  });
}

test('RC-01: url, protocols, headers and token are called before every attempt; a failure of one is retried', async (t) => {
  const seen: unknown[] = [];
  const port = await harbour(t, {
    protocols: ['a', 'b'],
    upgrade: ({ request, protocols }) =>
      void seen.push([
        request.url.pathname,
        [...protocols],
        request.headers['x-turn'],
        request.headers['authorization'],
      ]),
  });
  let turn = 0;
  const { clock, next } = boat(
    t,
    async () => {
      turn++;
      if (turn === 1) throw new Error('no address yet');
      return new URL(`/turn-${turn}`, port.url);
    },
    {
      protocols: () => [turn === 2 ? 'a' : 'b'],
      headers: async () => new Headers({ 'x-turn': String(turn) }),
      token: () => (turn === 2 ? undefined : `t${turn}`),
    },
  );
  const { error, delayMs } = await next('retry');
  assert.equal(error?.message, 'no address yet');
  clock.advance(delayMs);
  assert.equal((await next('open')).protocol, 'a');
  await port.leave();
  await port.comeBack();
  clock.advance((await next('retry')).delayMs);
  assert.equal((await next('open')).protocol, 'b');
  assert.deepEqual(seen, [
    ['/turn-2', ['a'], '2', undefined],
    ['/turn-3', ['b'], '3', 'Bearer t3'],
  ]);
});

test('RC-01: an attempt fails when url, headers or token does not settle within connectTimeoutMs', async (t) => {
  const signals: AbortSignal[] = [];
  const { clock, next } = boat(
    t,
    ({ signal }) => {
      signals.push(signal);
      return new Promise<string>(() => {});
    },
    { connectTimeoutMs: 3_000 },
  );
  await waitUntil(() => signals.length === 1);
  clock.advance(3_000);
  const { error } = await next('retry');
  assert.equal((error as ConnectError).code, 'ERR_CONNECT_TIMEOUT');
  assert.equal(signals[0]?.aborted, true);
});

test('RC-01: an invalid result of such a function ends the client instead of retrying', async (t) => {
  const { next } = boat(t, 'ws://127.0.0.1:1/', { token: () => 'line\nbreak' });
  const end = await next('giveUp');
  assert.deepEqual(short(end), ['refused', 'ERR_OPTION']);
  const { next: nextOf } = boat(t, () => 'ftp://127.0.0.1/');
  assert.deepEqual(short(await nextOf('giveUp')), ['refused', 'ERR_URL']);
});

test('GN-07: failing listeners are reported and do not affect the client', async (t) => {
  const port = await harbour(t);
  const { client, clock, next } = boat(t, port.url);
  const fail = (): never => {
    throw new Error('listener');
  };
  for (const name of ['open', 'message', 'down', 'retry', 'unsent', 'error', 'close'] as const)
    client.on(name, fail);
  client.on('message', async () => fail());
  await next('open');
  port.server().broadcast('one');
  port.server().broadcast('two');
  for (let i = 0; i < 5; i++) assert.equal((await next('error')).code, 'ERR_HANDLER');
  assert.equal(client.state, 'open');
  await port.leave();
  await port.comeBack();
  clock.advance((await next('retry')).delayMs);
  await next('open');
  client.close();
  await client.closed;
});

test('RC-01: the client notices a server that closes before `open` was emitted', async (t) => {
  const port = await harbour(t);
  port.server().on('connection', (connection) => {
    connection.send('last words');
    connection.close(1011);
  });
  const { client, next, names } = boat(t, port.url);
  const messages: unknown[] = [];
  client.on('message', (message) => void messages.push(message));
  const { close } = await next('down');
  assert.equal(close?.code, 1011);
  await next('retry');
  assert.deepEqual(names(), ['open', 'down', 'retry']);
  assert.deepEqual(messages, ['last words']);
});

test('RC-01: the client notices a Close in the same packet as the 101', async (t) => {
  const { url } = await scriptedServer(t, (socket, request) => {
    socket.end(Buffer.concat([Buffer.from(accepting(request)), close(1011, '', { mask: false })]));
  });
  const { next, names } = boat(t, url);
  assert.equal((await next('down')).close?.code, 1011);
  await next('retry');
  assert.deepEqual(names(), ['open', 'down', 'retry']);
});

test('RC-03: shouldReconnect: true keeps the wider spread of the rules', async (t) => {
  const port = await harbour(t);
  const { next } = boat(t, port.url, { shouldReconnect: () => true });
  await next('open');
  await port.leave(1012);
  assert.equal((await next('retry')).delayMs, 2_550);
});

test('RC-01: the client retries when the server disconnects before it answers', async (t) => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const { next } = boat(t, `ws://127.0.0.1:${port}`);
  assert.ok((await next('retry')).error instanceof ConnectError);
});

test('BP-15 GN-05: a key needs onOverflow conflate, also while there is no connection', (t) => {
  const { client } = boat(t, 'ws://127.0.0.1:1/');
  assert.throws(() => client.send('x', { key: 'a' }), {
    code: 'ERR_OPTION',
    message: /client\.send: key is "a"; .*'conflate'/,
  });
  assert.equal(client.queuedMessages, 0);
  const { client: conflating } = boat(t, 'ws://127.0.0.1:1/', { onOverflow: 'conflate' });
  assert.equal(conflating.send('x', { key: 'a' }), true);
});
