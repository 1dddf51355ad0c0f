import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../../src/server/opening/refuse.ts';

test('AU-02 refuse makes a Response of exactly that status, headers and body', async () => {
  const response = refuse(401, { headers: { 'WWW-Authenticate': 'Bearer' }, body: 'who are you?' });
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer');
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  assert.equal(await response.text(), 'who are you?');
});

test('AU-02 without options there is no body and no header', async () => {
  const response = refuse(403);
  assert.equal(response.body, null);
  assert.deepEqual([...response.headers], []);
  assert.equal(await response.text(), '');
});

test('AU-02 headers as record, pairs or Headers; bytes as body', async () => {
  const pairs = [
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ] as const;
  assert.deepEqual(refuse(403, { headers: pairs }).headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(
    refuse(302, { headers: new Headers({ location: '/login' }) }).headers.get('location'),
    '/login',
  );
  assert.equal(refuse(429, { headers: { 'retry-after': '7' } }).headers.get('retry-after'), '7');
  const body = await refuse(500, { body: Uint8Array.of(1, 2, 3) }).arrayBuffer();
  assert.deepEqual([...new Uint8Array(body)], [1, 2, 3]);
});

test('AU-02 a status outside 300 to 599 is misuse', () => {
  for (const status of [101, 200, 204, 299, 600, 400.5, NaN, '403' as unknown as number]) {
    assert.throws(() => refuse(status), { name: 'MisuseError', code: 'ERR_ARGUMENT' });
  }
  assert.throws(() => refuse(304, { body: 'x' }), { code: 'ERR_ARGUMENT' });
  assert.equal(refuse(304).status, 304);
});

test('SE-11 CR, LF, NUL and names that are not tokens are misuse', () => {
  for (const headers of [
    { 'x-a': 'a\r\nx-b: c' },
    { 'x-a': 'a\nb' },
    { 'x-a': 'a\0' },
    { 'x a': 'b' },
    { 'x-a\r': 'b' },
  ]) {
    assert.throws(() => refuse(403, { headers: headers as Record<string, string> }), {
      code: 'ERR_ARGUMENT',
    });
  }
});
