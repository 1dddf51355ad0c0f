import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '../../../src/protocol/handshake/http-head.ts';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import { bodyLength, namesHost, readPlainTarget } from '../../../src/protocol/handshake/plain-request.ts';

const head = (rawHeaders: readonly string[], target = '/') => ({
  method: 'POST',
  target,
  httpVersion: '1.1',
  fields: Fields.fromRaw(rawHeaders),
});

const LENGTHS: readonly (readonly [
  rule: string,
  raw: readonly string[],
  length: number | { status: number },
])[] = [
  ['none', [], 0],
  ['zero', ['Content-Length', '0'], 0],
  ['leading zeros', ['Content-Length', '007'], 7],
  ['the limit', ['Content-Length', '65536'], 65_536],
  ['one more', ['Content-Length', '65537'], { status: 413 }],
  ['2^53 + 1', ['Content-Length', '9007199254740993'], { status: 413 }],
  ['1,000 digits', ['Content-Length', '9'.repeat(1000)], { status: 413 }],
  ['twice the same', ['Content-Length', '5', 'content-length', '5'], 5],
  ['two different', ['Content-Length', '5', 'Content-Length', '6'], { status: 400 }],
  ['two spellings', ['Content-Length', '5', 'Content-Length', '05'], { status: 400 }],
  ['a list', ['Content-Length', '5, 5'], { status: 400 }],
  ['empty', ['Content-Length', ''], { status: 400 }],
  ['negative', ['Content-Length', '-1'], { status: 400 }],
  ['signed', ['Content-Length', '+1'], { status: 400 }],
  ['hexadecimal', ['Content-Length', '0x10'], { status: 400 }],
  ['exponent', ['Content-Length', '1e3'], { status: 400 }],
  ['fraction', ['Content-Length', '1.0'], { status: 400 }],
  ['inner blank', ['Content-Length', '1 0'], { status: 400 }],
  ['chunked', ['Transfer-Encoding', 'chunked'], { status: 411 }],
  ['another coding', ['Transfer-Encoding', 'gzip'], { status: 411 }],
  ['empty coding', ['Transfer-Encoding', ''], { status: 411 }],
  ['both', ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], { status: 400 }],
];
for (const [rule, raw, length] of LENGTHS) {
  test(`HS-14 body: ${rule}`, () => assert.deepEqual(bodyLength(head(raw), 65_536), length));
}

test('HS-14 the longest body is an argument', () => {
  assert.equal(bodyLength(head(['Content-Length', '11']), 11), 11);
  assert.deepEqual(bodyLength(head(['Content-Length', '12']), 11), { status: 413 });
});

test('HS-14 the URL of a plain request has scheme, host, path and query', () => {
  assert.equal(readPlainTarget(head(['Host', 'a:81'], '/b?c'), false).href, 'http://a:81/b?c');
  assert.equal(readPlainTarget(head(['Host', 'a:81'], 'http://d/b'), true).href, 'https://d/b');
  for (const target of ['*', '/#', 'a:80'])
    assert.throws(() => readPlainTarget(head(['Host', 'a'], target), false), { code: 'ERR_TARGET' });
  for (const raw of [[], ['Host', ''], ['Host', 'a', 'Host', 'a']]) {
    assert.throws(() => readPlainTarget(head(raw), false, undefined, 'own:80'), { code: 'ERR_HOST' });
  }
});

test('RFC 9112 §3.3 an HTTP/1.0 request without Host is for the address that received it', () => {
  const old = (raw: readonly string[], target = '/b'): RequestHead => ({
    ...head(raw, target),
    httpVersion: '1.0',
  });
  const own = '127.0.0.1:8080';
  assert.equal(readPlainTarget(old([]), false, undefined, own).href, 'http://127.0.0.1:8080/b');
  assert.equal(readPlainTarget(old([]), true, 'f.example', own).href, 'https://f.example/b');
  assert.equal(readPlainTarget(old(['Host', 'a']), false, undefined, own).href, 'http://a/b');
  assert.equal(readPlainTarget(old([], 'http://d/b'), false, undefined, own).href, 'http://d/b');
  assert.throws(() => readPlainTarget(old(['Host', '']), false, undefined, own), { code: 'ERR_HOST' });
  assert.deepEqual(
    [old([]), old(['Host', 'a']), old([], 'http://d/'), head([]), head(['Host', 'a'])].map(namesHost),
    [false, true, true, true, true],
  );
});
