import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget, WebSocketServer } from '../../../src/index.ts';
import { VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { listening } from '../live.ts';

const post = (fields: string): string => `POST /x?y=1 HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\n`;
const echo = ({ body }: { readonly body: Buffer }): Response => new Response(body.toString());

for (const [what, fields] of [
  ['a body that does not arrive', 'Content-Length: 60000'],
  ['a body over maxRequestBodyBytes', 'Content-Length: 65537'],
  ['a body in chunks', 'Transfer-Encoding: chunked'],
] as const) {
  test(`HS-14 SE-07: requestHead answers before ${what} is read or checked`, async (t) => {
    const memoryBudget = new MemoryBudget({ maxBytes: 100_000 });
    const { connect, refusals, server } = await listening(t, {
      memoryBudget,
      requestHead: ({ method, url, headers, remoteAddress }) =>
        new Response(`${method} ${url.pathname}${url.search} ${headers.get('x-a')} ${remoteAddress}`, {
          status: 401,
        }),
      request: () => assert.fail('the request hook was called'),
    });
    const client = await connect();
    client.send(post(`X-A: b\r\n${fields}`));
    assert.equal((await client.nextHead()).status, 401);
    // What the client still sends is discarded, so that it can read the answer.
    client.send(Buffer.alloc(50_000));
    assert.equal(String(await client.receivedUntilEnd()), 'POST /x?y=1 b 127.0.0.1');
    assert.equal(memoryBudget.usedBytes, 0);
    client.stream.destroy();
    await waitUntil(() => server.stats().handshakes.pending === 0);
    assert.deepEqual(refusals, []);
  });
}

for (const [how, decide] of [
  ['at once', () => undefined],
  ['later', () => new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))],
] as const) {
  test(`HS-14: after requestHead has returned undefined ${how}, the body is read`, async (t) => {
    const { connect } = await listening(t, { requestHead: decide, request: echo });
    const [whole, cut, none] = [await connect(), await connect(), await connect()];
    whole.send(`${post('Content-Length: 4')}bodyGET / HTTP/1.1\r\n`);
    cut.send(`${post('Content-Length: 4')}bo`);
    none.send(post('X-A: b'));
    none.stream.end();
    assert.equal((await whole.nextHead()).status, 200);
    assert.equal(String(await whole.receivedUntilEnd()), 'body');
    cut.send('dy');
    assert.equal((await cut.nextHead()).status, 200);
    assert.equal(String(await cut.receivedUntilEnd()), 'body');
    assert.equal((await none.nextHead()).status, 200);
    assert.equal(String(await none.receivedUntilEnd()), '');
  });
}

test('HS-14: a request that ends before its body has no answer', async (t) => {
  const { connect, server } = await listening(t, { requestHead: () => undefined, request: echo });
  const client = await connect();
  client.send(`${post('Content-Length: 4')}bo`);
  client.stream.end();
  assert.equal(String(await client.receivedUntilEnd()), '');
  await waitUntil(() => server.stats().handshakes.pending === 0);
});

test('HS-14: after requestHead has returned undefined, a body is refused as without it', async (t) => {
  const { connect, refusals } = await listening(t, { requestHead: () => undefined, request: echo });
  for (const [fields, status] of [
    ['Content-Length: 65537', 413],
    ['Transfer-Encoding: chunked', 411],
  ] as const) {
    const client = await connect();
    client.send(post(fields));
    assert.equal((await client.nextHead()).status, status);
    assert.equal(refusals.pop()?.code, 'ERR_REQUEST_BODY');
  }
});

for (const [what, decide, message] of [
  ['throws', () => assert.fail('a secret'), /a secret/],
  ['rejects', () => Promise.reject(new Error('a secret')), /a secret/],
  ['returns true', () => true as never, /the requestHead hook returned true; it must return a Response/],
] as const) {
  test(`HS-14: a requestHead hook that ${what} is an error event, and the client gets 500`, async (t) => {
    const { connect, errors } = await listening(t, { requestHead: decide, request: echo });
    const client = await connect();
    client.send(post('Content-Length: 4'));
    assert.equal((await client.nextHead()).status, 500);
    assert.equal(String(await client.receivedUntilEnd()).includes('secret'), false);
    const [error] = errors.splice(0);
    assert.match(String((error as Error).cause), message);
  });
}

test('HS-14 HS-21: a requestHead hook that does not decide within handshakeTimeoutMs gets 503', async (t) => {
  const clock = new VirtualClock();
  let wasAsked = false;
  const { connect, refusals } = await listening(t, {
    clock,
    requestHead: () => {
      wasAsked = true;
      return new Promise<undefined>(() => {});
    },
    request: echo,
  });
  const client = await connect();
  client.send(post('Content-Length: 4'));
  await waitUntil(() => wasAsked);
  clock.advance(10_000);
  assert.equal((await client.nextHead()).status, 503);
  assert.equal(refusals[0]?.code, 'ERR_UPGRADE_TIMEOUT');
  clock.advance(1_000);
});

test('HS-14: requestHead without request is refused', () => {
  assert.throws(() => new WebSocketServer({ requestHead: () => undefined }), {
    code: 'ERR_OPTION',
    message: /requestHead.*without the option request/,
  });
});
