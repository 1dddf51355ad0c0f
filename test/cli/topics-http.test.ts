import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { type Served, served } from './fake-io.ts';
import { cutClients, type V1Client, v1Client } from './v1-client.ts';

const TOKEN = 'a-token-of-the-test';
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };

async function topics(t: TestContext, ...flags: string[]): Promise<Served> {
  const server = await served('--topics', '--publish-token', TOKEN, ...flags);
  t.after(() => {
    cutClients();
    return server.stop();
  });
  return server;
}

interface Answer {
  readonly status: number;
  readonly fields: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(server: Served, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
  const body = await response.text();
  return {
    status: response.status,
    fields: response.headers,
    body: body.startsWith('{') ? (JSON.parse(body) as Record<string, unknown>) : { text: body },
  };
}

const post = (server: Served, topic: string, body: string | Buffer, type?: string): Promise<Answer> =>
  ask(server, `/topics/${topic}`, {
    method: 'POST',
    body,
    headers: { ...WITH_TOKEN, ...(type === undefined ? {} : { 'content-type': type }) },
  });

/** A client of hawser.v1 that is subscribed to a topic. */
async function subscriber(server: Served, topic: string): Promise<V1Client> {
  const client = await v1Client(server);
  assert.equal((await client.ask('subscribe', { topic }))['op'], 'ok');
  return client;
}

test('CM-04 HI-01: POST publishes to the subscribers of a topic and answers with the position', async (t) => {
  const server = await topics(t, '--allow-subscribe', 'news:*', '--history', 'news:*:10');
  const { next } = await subscriber(server, 'news:a/b c');
  const first = await post(server, 'news:a%2Fb%20c', 'Grüße', 'text/plain');
  assert.deepEqual(
    [first.status, first.fields.get('content-type')],
    [200, 'application/json; charset=utf-8'],
  );
  const { ok, position, delivery } = first.body as {
    ok: boolean;
    position: { epoch: string; offset: number };
    delivery: { sent: number };
  };
  assert.deepEqual([ok, position.offset, delivery.sent], [true, 1, 1]);
  assert.deepEqual(await next(), { op: 'message', topic: 'news:a/b c', offset: 1, data: 'Grüße' });

  const json = '{"price": 12345678901234567890}';
  await post(server, 'news:a%2Fb%20c', json, 'application/json');
  assert.equal((await next())['data'], json);
  await post(server, 'news:a%2Fb%20c', json, 'application/vnd.api+json; charset=utf-8');
  assert.equal((await next())['data'], json);
  for (const type of ['application/octet-stream', 'application/x-www-form-urlencoded', undefined]) {
    await post(server, 'news:a%2Fb%20c', Buffer.of(0, 255, 16), type);
    assert.equal((await next())['data64'], 'AP8Q', type);
  }
  const { status, body } = await ask(server, '/topics/news:a%2Fb%20c', { headers: WITH_TOKEN });
  assert.deepEqual(
    [status, body],
    [200, { position: { ...position, offset: 6 }, subscribers: 1, presence: 0 }],
  );
});

test('CM-04 HI-01: without history the position is null', async (t) => {
  const server = await topics(t);
  const { status, body } = await post(server, 'news', 'x', 'text/plain');
  assert.deepEqual(
    [status, body],
    [200, { ok: true, position: null, delivery: { sent: 0, skipped: 0, failed: 0 } }],
  );
  const seen = await ask(server, '/topics/news', { headers: WITH_TOKEN });
  assert.deepEqual(seen.body, { position: null, subscribers: 0, presence: 0 });
});

test('CM-04 HI-07: GET counts members', async (t) => {
  const server = await topics(t, '--allow-subscribe', 'room', '--presence', 'room');
  await subscriber(server, 'room');
  await subscriber(server, 'room');
  const { body } = await ask(server, '/topics/room', { headers: WITH_TOKEN });
  assert.deepEqual(body, { position: null, subscribers: 2, presence: 2 });
});

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
const REFUSED: readonly (readonly [
  what: string,
  path: string,
  init: RequestInit,
  status: number,
  code: string,
])[] = [
  ['no token', '/topics/news', { method: 'POST', body: 'x' }, 401, 'unauthorized'],
  ['a wrong token', '/topics/news', { method: 'POST', body: 'x', ...bearer('wrong') }, 401, 'unauthorized'],
  ['a prefix of the token', '/topics/news', bearer(TOKEN.slice(0, -1)), 401, 'unauthorized'],
  ['another scheme', '/topics/news', { headers: { authorization: `Basic ${TOKEN}` } }, 401, 'unauthorized'],
  ['GET without a token', '/topics/news', {}, 401, 'unauthorized'],
  ['an empty topic', '/topics/', bearer(TOKEN), 400, 'topic'],
  ['a topic of 257 bytes', `/topics/${'x'.repeat(257)}`, bearer(TOKEN), 400, 'topic'],
  ['a control character', '/topics/a%0Ab', bearer(TOKEN), 400, 'topic'],
  ['a broken escape', '/topics/%zz', bearer(TOKEN), 400, 'topic'],
  ['bytes that are not UTF-8', '/topics/%ff', bearer(TOKEN), 400, 'topic'],
  ['a slash that is not encoded', '/topics/a/b', bearer(TOKEN), 404, 'topic'],
  ['PUT', '/topics/news', { method: 'PUT', body: 'x', ...bearer(TOKEN) }, 405, 'method'],
];

for (const [what, path, init, status, code] of REFUSED) {
  test(`CM-04 HI-01: ${what} gets ${status}`, async (t) => {
    const server = await topics(t, '--allow-subscribe', '*');
    const { next } = await subscriber(server, 'news');
    const answer = await ask(server, path, init);
    assert.deepEqual([answer.status, answer.body['ok'], answer.body['code']], [status, false, code]);
    if (status === 401) assert.equal(answer.fields.get('www-authenticate'), 'Bearer');
    if (status === 405) assert.equal(answer.fields.get('allow'), 'GET, HEAD, POST');
    // Nothing was published before this message.
    await post(server, 'news', 'after', 'text/plain');
    assert.equal((await next())['data'], 'after');
  });
}

test('CM-04 HI-01: without a configured token every request of a topic gets 401', async (t) => {
  const server = await served('--topics');
  t.after(() => server.stop());
  for (const init of [{ method: 'POST', body: 'x' }, bearer(''), bearer('undefined')]) {
    const { status, body } = await ask(server, '/topics/news', init);
    assert.deepEqual([status, body['code']], [401, 'unauthorized']);
    assert.match(String(body['message']), /--publish-token/);
  }
});

test('CM-04 HI-01: text that is not UTF-8, and text in another charset, get 400', async (t) => {
  const server = await topics(t);
  for (const [body, type] of [
    [Buffer.of(0xff), 'text/plain'],
    [Buffer.of(0xff), 'application/json'],
    [Buffer.from('x'), 'text/plain; charset=iso-8859-1'],
  ] as const) {
    const answer = await post(server, 'news', body, type);
    assert.deepEqual([answer.status, answer.body['code']], [400, 'malformed'], type);
  }
});

test('CM-04 HI-01: a message over maxMessageBytes gets 413', async (t) => {
  const server = await topics(t, '--max-message-bytes', '1000');
  const fits = await post(server, 'news', 'x'.repeat(1_000), 'text/plain');
  assert.equal(fits.status, 200);
  const over = await post(server, 'news', 'x'.repeat(1_001), 'text/plain');
  assert.deepEqual([over.status, over.body['code'], over.body['outcome']], [413, 'too-big', 'not-published']);
});

/** The status and the body of the answer to a head whose body is never sent. */
function answerToHead(
  { port }: Served,
  fields: Readonly<Record<string, string>>,
): Promise<[number | undefined, Readonly<Record<string, unknown>>]> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, path: '/topics/news', method: 'POST', headers: fields }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        asked.destroy();
        resolve([response.statusCode, JSON.parse(text) as Record<string, unknown>]);
      });
    }).on('error', reject);
    asked.flushHeaders();
  });
}

for (const [what, fields, status, code] of [
  ['no token', { 'content-length': '4' }, 401, 'unauthorized'],
  ['no token and a body far over the limit', { 'content-length': '999999999' }, 401, 'unauthorized'],
  ['a body far over the limit', { ...WITH_TOKEN, 'content-length': '999999999' }, 413, 'too-big'],
  ['a chunked body', { ...WITH_TOKEN, 'transfer-encoding': 'chunked' }, 411, 'length'],
] as const) {
  test(`CM-04 HI-01: a head with ${what} gets ${status} before its body is sent`, async (t) => {
    const [answered, body] = await answerToHead(await topics(t), fields);
    assert.deepEqual([answered, body['ok'], body['code']], [status, false, code]);
    assert.equal(body['outcome'], 'not-published');
  });
}

test('CM-04 HI-01: a body over maxRequestBodyBytes gets 413 in JSON', async (t) => {
  const server = await topics(t, '--max-request-body-bytes', '100');
  const { status, body } = await post(server, 'news', 'x'.repeat(101), 'text/plain');
  assert.deepEqual([status, body['code']], [413, 'too-big']);
});

test('CM-04 HI-03: a message over the bytes of the history gets 413', async (t) => {
  const server = await topics(t, '--history', 'news:10:1024');
  const { status, body } = await post(server, 'news', 'x'.repeat(5_000), 'text/plain');
  assert.deepEqual(
    [status, body['ok'], body['code'], body['outcome']],
    [413, false, 'too-big', 'not-published'],
  );
});

test('CM-04 HI-01: a message as long as the limit of messages is published, beyond 64 KiB', async (t) => {
  const server = await topics(t, '--allow-subscribe', 'news');
  const { next } = await subscriber(server, 'news');
  const long = 'x'.repeat(1_000_000);
  assert.equal((await post(server, 'news', long, 'text/plain')).status, 200);
  assert.equal((await next())['data'], long);
});

test('CM-04: /healthz, /readyz and a page of text', async (t) => {
  const server = await topics(t);
  assert.equal((await ask(server, '/healthz')).status, 200);
  assert.equal((await ask(server, '/readyz')).status, 200);
  const page = await ask(server, '/');
  assert.equal(page.status, 200);
  assert.match(String(page.body['text']), /curl http:\/\/127\.0\.0\.1:\d+\/topics\/<topic>/);
  assert.equal((await ask(server, '/', { method: 'POST', body: 'x' })).status, 405);
  assert.equal((await ask(server, '/other')).status, 404);
});

test('CM-04 HI-01: HEAD of a topic has no body', async (t) => {
  const { port } = await topics(t);
  const lengths = await new Promise<[number | undefined, number]>((resolve, reject) => {
    request({ port, path: '/topics/news', method: 'HEAD', headers: WITH_TOKEN }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve([response.statusCode, bytes]));
    })
      .on('error', reject)
      .end();
  });
  assert.deepEqual(lengths, [200, 0]);
});

test('CM-04: / of --topics is the playground for browsers, and a text for other programs', async (t) => {
  const server = await topics(t, '--path', '/socket');
  const browser = await ask(server, '/', {
    headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
  });
  assert.equal(browser.fields.get('content-type'), 'text/html; charset=utf-8');
  const html = String(browser.body['text']);
  assert.match(html, /<meta name="hawser-mode" content="topics">/);
  assert.match(html, /<meta name="hawser-socket-path" content="\/socket">/);
  assert.match(
    browser.fields.get('content-security-policy') ?? '',
    /^default-src 'none'; script-src 'sha256-/,
  );
  const other = await ask(server, '/');
  assert.equal(other.fields.get('content-type'), 'text/plain; charset=utf-8');
  assert.match(String(other.body['text']), /^A Hawser server of topics\.\n\nTry it: /);
  for (const each of [browser, other]) assert.equal(each.fields.get('vary'), 'accept');
  assert.equal((await ask(server, '/else', { headers: { accept: 'text/html' } })).status, 404);
  assert.equal((await ask(server, '/', { method: 'POST' })).status, 405);
});
