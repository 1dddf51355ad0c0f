import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fields } from '../../../src/protocol/handshake/fields.ts';
import { isAuthority, readTarget, targetUrl } from '../../../src/protocol/handshake/target.ts';

const read = (target: string, host = 'h.example') =>
  readTarget({ method: 'GET', target, httpVersion: '1.1', fields: Fields.fromRaw(['Host', host]) });

const GOOD: readonly (readonly [target: string, host: string, path: string, url: string])[] = [
  ['/', 'h.example', '/', 'http://h.example/'],
  ['/chat?a=b&c', 'h.example', '/chat', 'http://h.example/chat?a=b&c'],
  ['/?', 'h.example', '/', 'http://h.example/?'],
  ['//evil.example/x', 'h.example', '//evil.example/x', 'http://h.example//evil.example/x'],
  ['/a/../b/./c', 'h.example', '/b/c', 'http://h.example/b/c'],
  ['/a/%2e%2E/b', 'h.example', '/b', 'http://h.example/b'],
  ['/a/..', 'h.example', '/', 'http://h.example/'],
  ['/\\a\\..\\b', 'h.example', '//b', 'http://h.example//b'],
  ['/.well-known/x', 'h.example', '/.well-known/x', 'http://h.example/.well-known/x'],
  ['/a.b/c..', 'h.example', '/a.b/c..', 'http://h.example/a.b/c..'],
  ['/caf%C3%A9', 'h.example', '/caf%C3%A9', 'http://h.example/caf%C3%A9'],
  ['/a"b', 'h.example', '/a%22b', 'http://h.example/a%22b'],
  ["/!$&'()*+,;=:@-_~", 'h.example', "/!$&'()*+,;=:@-_~", "http://h.example/!$&'()*+,;=:@-_~"],
  ['/?/../?[]|{}^`\\', 'h.example', '/', 'http://h.example/?/../?[]|{}^`\\'],
  ['http://other.example:81/p?q', 'other.example:81', '/p', 'http://other.example:81/p?q'],
  ['HTTPS://other.example', 'other.example', '/', 'http://other.example/'],
  ['ws://other.example?q=/', 'other.example', '/', 'http://other.example/?q=/'],
  ['wss://[::1]:8/a', '[::1]:8', '/a', 'http://[::1]:8/a'],
];
for (const [target, host, path, url] of GOOD) {
  test(`HS-06 ${target}`, () => {
    const result = read(target);
    assert.deepEqual({ host: result.host, path: result.path }, { host, path });
    assert.equal(targetUrl(result, false).href, url);
    assert.equal(targetUrl(result, false).pathname, path);
    assert.equal(targetUrl(result, true).protocol, 'https:');
  });
}

const BAD_TARGETS = [
  '',
  '*',
  '#',
  '/#',
  '/a#b',
  '/?#',
  'chat',
  '?a',
  'host:80',
  'example.com',
  './a',
  '\\a',
  'http:',
  'http:/a',
  'http:a',
  'http://',
  'http:///a',
  'http://?q',
  'http://:80/',
  'http://u@h.example/',
  'http://u:p@h.example/',
  'http://h\\a/',
  'http://h.example:99999/',
  'http://h.example:x/',
  'http://1.2.3.256/',
  'http://[::1/',
  'http://%68/',
  'http://a#b',
  'ftp://h.example/',
  'file:///a',
  'javascript:a',
  'httpx://h/',
  'wsss://h/',
  '/\xe9',
  '/\u0101',
  '/ ',
  '/a b',
  '/\0',
  '/\r\n',
  '/\x7f',
];
for (const target of BAD_TARGETS) {
  test(`HS-06 refuses ${JSON.stringify(target)}`, () => {
    assert.throws(() => read(target), { name: 'HandshakeError', code: 'ERR_TARGET', status: 400 });
  });
}

const AUTHORITIES: readonly (readonly [text: string, valid: boolean])[] = [
  ['a', true],
  ['localhost', true],
  ['localhost:8080', true],
  ['LOCALHOST:0', true],
  ['a.example.', true],
  ['a_b.example', true],
  ['-a.example', true],
  ['xn--bcher-kva.example', true],
  ['127.0.0.1', true],
  ['255.255.255.255:65535', true],
  ['[::1]', true],
  ['[::FFFF:1.2.3.4]:80', true],
  ['a:', true],
  ['', false],
  [':80', false],
  ['a:65536', false],
  ['a:80:80', false],
  ['a:-1', false],
  ['1.2.3.256', false],
  ['a.1', false],
  ['[::1', false],
  ['[]', false],
  ['::1', false],
  ['[::1]a', false],
  ['[g::1]', false],
  ['a b', false],
  ['a/b', false],
  ['a\\b', false],
  ['a?b', false],
  ['a#b', false],
  ['u@a', false],
  ['a,b', false],
  ['a%62', false],
  ['a<b', false],
  // Punycode labels that decode to nothing: the URL parser of Node 24 accepts them, earlier ones do not.
  ['xn--a', URL.canParse('http://xn--a')],
  ['b\xfccher.example', false],
  ['http://a', false],
];
for (const [text, valid] of AUTHORITIES) {
  test(`HS-05 RFC 9110 §7.2 ${JSON.stringify(text)} is ${valid ? 'a' : 'no'} Host`, () => {
    assert.equal(isAuthority(text), valid);
    if (valid) assert.equal(read('/', text).host, text);
    else assert.throws(() => read('/', text), { code: 'ERR_HOST', status: 400 });
  });
}

test('HS-05 exactly one Host is required, even with an absolute target', () => {
  for (const target of ['/', 'http://a/']) {
    for (const raw of [
      [],
      ['Host', ''],
      ['Host', ' '],
      ['Host', 'a', 'HOST', 'a'],
      ['Host', 'a', 'Host', ''],
    ]) {
      const head = { method: 'GET', target, httpVersion: '1.1', fields: Fields.fromRaw(raw) };
      assert.throws(() => readTarget(head), { code: 'ERR_HOST', status: 400 });
    }
  }
  assert.throws(() => read('http://a/', 'b c'), { code: 'ERR_HOST' });
});

const textOf = (chars: string) =>
  fc.array(fc.constantFrom(...chars.split('')), { maxLength: 24 }).map((list) => list.join(''));

test('HS-05 every accepted authority is the host and port of a URL', () => {
  fc.assert(
    fc.property(textOf('aZ09-.._~:[]xn--1256fF%@/?#\\!$,'), (text) => {
      if (!isAuthority(text)) return;
      const { href, host, pathname } = new URL(`http://${text}`);
      assert.equal(pathname, '/');
      assert.equal(href, `http://${host}/`);
    }),
    { numRuns: 20_000 },
  );
});

test('HS-05 an authority of usual labels and numbers is valid if and only if the URL parser accepts it', () => {
  const pieces =
    '0 1 09 25 255 256 0x1 a b1 1b - a- com xn-- xn--a XN--p1ai . . . : :0 :80 :59999 :60000 :65535 :65536 :000080';
  const piece = fc.constantFrom(...pieces.split(' '));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 9 }), (chosen) => {
      const text = chosen.join('');
      const isParsed = /^[\w.-]+(?::\d*)?$/.test(text) && URL.canParse(`http://${text}`);
      assert.equal(isAuthority(text), isParsed, text);
    }),
    { numRuns: 20_000 },
  );
});

test('HS-06 the path equals that of the URL for every target', () => {
  fc.assert(
    fc.property(textOf('aB9/..%2eE\\?"<>^`{|}[]~!$&\'()*+,;=:@-_'), (text) => {
      const target = read(`/${text}`);
      assert.equal(targetUrl(target, false).pathname, target.path);
    }),
    { numRuns: 20_000 },
  );
});

test('SE-03 long hosts and targets take linear time', () => {
  for (const part of ['a', 'a.', '1.', '-', 'xn-', '[', ':1', 'xn--']) isAuthority(part.repeat(50_000));
  for (const part of ['/', '/a', '/.', '/a.', '?', '/../', '\\', '%2e/']) read(`/${part.repeat(50_000)}`);
  for (const part of ['a', 'a.', '@', ':']) assert.throws(() => read(`http://${part.repeat(50_000)}@/`));
});
