import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitForEvent } from '../../src/testing/index.ts';
import { type EchoServer, echoServer } from './echo-server.ts';
import { ws, type WsClient } from './peers.ts';

const { skip } = ws;

async function connect(
  t: TestContext,
  { url }: EchoServer,
  protocols: readonly string[] = [],
): Promise<WsClient> {
  const client = new ws.peer!(url, protocols, { perMessageDeflate: false });
  t.after(() => client.terminate());
  await waitForEvent(client, 'open');
  return client;
}

const answer = (client: WsClient): Promise<[data: Buffer, isBinary: boolean]> =>
  waitForEvent<[Buffer, boolean]>(client, 'message');

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576];

test('TS-06: ws sends and receives text and binary messages of every length form', { skip }, async (t) => {
  const client = await connect(t, await echoServer(t));
  for (const size of SIZES) {
    const bytes = Buffer.alloc(size, 'äb');
    const text = 'é'.repeat(size / 2);
    client.send(bytes);
    const [data, isBinary] = await answer(client);
    assert.equal(isBinary, true);
    assert.equal(Buffer.compare(data, bytes), 0, `${size} bytes`);
    client.send(text);
    const [echoed, alsoBinary] = await answer(client);
    assert.equal(alsoBinary, false);
    assert.equal(echoed.toString(), text);
  }
  client.close();
});

test('TS-06 §5.4: fragments of ws arrive as one message, and pings in between are answered', {
  skip,
}, async (t) => {
  const client = await connect(t, await echoServer(t));
  const pong = waitForEvent<[Buffer]>(client, 'pong');
  client.send('one ', { fin: false });
  client.ping('in between');
  client.send('two ', { fin: false });
  client.send('three', { fin: true });
  const [data] = await answer(client);
  assert.equal(data.toString(), 'one two three');
  assert.equal((await pong)[0].toString(), 'in between');
  client.close();
});

test('TS-06 §5.5.2: ws answers a ping of the server', { skip }, async (t) => {
  const echo = await echoServer(t);
  const client = await connect(t, echo);
  const [connection] = echo.server.connections;
  const pong = waitForEvent<[Buffer]>(connection!, 'pong');
  client.send('ping hello');
  assert.equal((await pong)[0].toString(), 'hello');
  client.close();
});

for (const [code, reason] of [
  [1000, ''],
  [1001, 'going'],
  [1003, 'x'],
  [3000, 'Grüße'],
  [4999, 'x'.repeat(123)],
] as const) {
  test(`TS-06 §7.1: ws closes with ${code}, and both sides report it`, { skip }, async (t) => {
    const echo = await echoServer(t);
    const client = await connect(t, echo);
    client.close(code, reason);
    const [seenCode] = await waitForEvent<[number, Buffer]>(client, 'close');
    const info = await echo.nextClose();
    assert.equal(seenCode, code);
    assert.deepEqual(
      [info.code, info.reason, info.wasClean, info.cause, info.initiator],
      [code, reason, true, 'peer-close', 'remote'],
    );
  });

  test(`TS-06 §7.1: the server closes with ${code}, and ws reports it`, { skip }, async (t) => {
    const echo = await echoServer(t);
    const client = await connect(t, echo);
    const close = waitForEvent<[number, Buffer]>(client, 'close');
    const [connection] = echo.server.connections;
    connection!.close(code, reason);
    const [seenCode, seenReason] = await close;
    assert.deepEqual([seenCode, seenReason.toString()], [code, reason]);
    const info = await echo.nextClose();
    assert.deepEqual(
      [info.code, info.sentCode, info.wasClean, info.cause],
      [code, code, true, 'local-close'],
    );
  });
}

test('TS-06 §7.4.1: when ws disconnects without Close, the code is 1006', { skip }, async (t) => {
  const echo = await echoServer(t);
  const client = await connect(t, echo);
  client.terminate();
  const { code, wasClean } = await echo.nextClose();
  assert.deepEqual([code, wasClean], [1006, false]);
});

test('TS-06 §4.2.2: ws gets the subprotocol that the server prefers', { skip }, async (t) => {
  const echo = await echoServer(t, { protocols: ['v2', 'v1'] });
  const client = await connect(t, echo, ['v1', 'v2']);
  assert.equal(client.protocol, 'v2');
  client.close();
});

for (const [what, options, path, status] of [
  ['another path', { path: '/socket' }, '', 404],
  ['a foreign origin', { allowedOrigins: ['https://app.example'], requireOrigin: true }, '', 403],
  ['no room', { upgrade: () => new Response(null, { status: 401 }) }, '', 401],
] as const) {
  test(`TS-06 §4.2.2: ws gets status ${status} for ${what}`, { skip }, async (t) => {
    const { url } = await echoServer(t, options);
    const client = new ws.peer!(url + path);
    client.on('error', () => undefined);
    const [, response] = await waitForEvent<[unknown, { statusCode: number; resume(): void }]>(
      client,
      'unexpected-response',
    );
    response.resume();
    client.terminate();
    assert.equal(response.statusCode, status);
  });
}

test('TS-06 TS-07: fifty ws clients connect at once, and each gets its own echoes', { skip }, async (t) => {
  const echo = await echoServer(t);
  const clients = await Promise.all(Array.from({ length: 50 }, () => connect(t, echo)));
  const answers = clients.map(async (client, i) => {
    const seen: string[] = [];
    client.on('message', (data: Buffer) => void seen.push(data.toString()));
    for (let n = 0; n < 20; n++) client.send(`${i}:${n}`);
    client.close();
    await waitForEvent(client, 'close');
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, n) => `${i}:${n}`),
    );
  });
  await Promise.all(answers);
});
