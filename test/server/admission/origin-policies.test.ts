import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, FOREIGN, MALFORMED, policy, request, SAME, subject } from './origin-cases.ts';
import { isHostname } from '../../../src/options/origins.ts';

test('OR-02 a list of strings compares the same way', () => {
  for (const listed of SAME) {
    const judge = policy(['https://other.example', listed]);
    for (const origin of SAME) assert.equal(codeOf(judge, [origin], 'unrelated'), undefined, origin);
    for (const origin of [...FOREIGN, ...MALFORMED])
      assert.equal(codeOf(judge, [origin]), 'ERR_ORIGIN', origin);
  }
  assert.equal(
    codeOf(policy([]), ['https://good.com']),
    'ERR_ORIGIN',
    'same-origin is not implied by a list',
  );
});

test('OR-02 origins of other schemes can be listed, case ignored', () => {
  const judge = policy(['app://Main', 'chrome-extension://abcdef', 'file://']);
  for (const origin of ['APP://MAIN', 'app://main', 'chrome-extension://abcdef', 'file://']) {
    assert.equal(codeOf(judge, [origin]), undefined, origin);
  }
  for (const origin of [
    'app://main.evil',
    'app://main:80',
    'app://',
    'file:///etc',
    'chrome-extension://abcde',
  ]) {
    assert.equal(codeOf(judge, [origin]), 'ERR_ORIGIN', origin);
  }
});

test('OR-03 a missing Origin passes unless requireOrigin is on', () => {
  for (const allowed of ['same-origin', '*', [], () => false] as const) {
    assert.equal(codeOf(policy(allowed), []), undefined);
    assert.equal(codeOf(policy(allowed, { requireOrigin: true }), []), 'ERR_ORIGIN');
  }
});

test('OR-03 more than one Origin field is refused under every policy', () => {
  for (const allowed of ['same-origin', '*', ['https://good.com', /.*/], () => true] as const) {
    const judge = policy(allowed);
    assert.equal(codeOf(judge, ['https://good.com']), undefined);
    assert.equal(codeOf(judge, ['https://good.com', 'https://good.com']), 'ERR_ORIGIN');
    assert.equal(codeOf(judge, ['', '']), 'ERR_ORIGIN');
  }
});

test('OR-03 * and functions decide about a value that is not a serialized origin, as it was sent', () => {
  const seen: string[] = [];
  const judge = policy((origin) => seen.push(origin) > 0);
  const deny = policy(() => false);
  for (const origin of MALFORMED) {
    assert.equal(codeOf(policy('*'), [origin]), undefined, origin);
    assert.equal(codeOf(judge, [origin]), undefined, origin);
    assert.equal(codeOf(deny, [origin]), 'ERR_ORIGIN', origin);
    assert.equal(codeOf(policy('same-origin'), [origin]), 'ERR_ORIGIN', origin);
    assert.equal(codeOf(policy(['https://good.com', /.*/]), [origin]), 'ERR_ORIGIN', origin);
  }
  assert.deepEqual(seen, MALFORMED);
});

test('OR-03 a listed text with a scheme that is not a serialized origin admits exactly that value', () => {
  const listable = MALFORMED.filter((text) => /^[a-z]+:\/\/[^*,\s]*$/i.test(text));
  assert.ok(listable.length > 3);
  for (const origin of MALFORMED) {
    if (!listable.includes(origin)) assert.throws(() => policy([origin]), { code: 'ERR_OPTION' }, origin);
  }
  for (const origin of listable) {
    const judge = policy([origin, 'https://other.example']);
    assert.equal(codeOf(judge, [origin]), undefined, origin);
    assert.equal(codeOf(judge, [origin, origin]), 'ERR_ORIGIN', origin);
    for (const other of [...FOREIGN, ...MALFORMED, ...SAME]) {
      if (other !== origin) assert.equal(codeOf(judge, [other]), 'ERR_ORIGIN', `${origin}: ${other}`);
    }
  }
});

test('OR-04 a refusal of an origin that is listed with a path or a slash says so', () => {
  const judge = policy(['https://app.example/', 'https://good.com/chat']);
  for (const origin of ['https://app.example', 'HTTPS://good.com:443'])
    assert.match(judge(subject([origin]))?.why ?? '', /browsers send neither/);
  assert.doesNotMatch(judge(subject(['https://evil.com']))?.why ?? '', /browsers/);
});

test('OR-03 null is admitted as a literal, by * and by a function, but not by a pattern', () => {
  assert.equal(codeOf(policy(['null']), ['null']), undefined);
  assert.equal(codeOf(policy('*'), ['null']), undefined);
  assert.equal(
    codeOf(
      policy((origin) => origin === 'null'),
      ['null'],
    ),
    undefined,
  );
  assert.equal(codeOf(policy([/.*/, /null/]), ['null']), 'ERR_ORIGIN');
});

test('OR-02 a pattern must match the whole origin, as browsers write it', () => {
  const judge = policy([/https:\/\/(\w+\.)?good\.com/, /http:\/\/a|http:\/\/b/g]);
  for (const origin of ['https://good.com', 'HTTPS://WWW.GOOD.COM:443', 'http://a', 'http://b', 'http://b']) {
    assert.equal(codeOf(judge, [origin]), undefined, origin);
  }
  for (const origin of [
    'https://good.com.evil.com',
    'https://notgood.com',
    'https://good.com:444',
    'http://ab',
    'http://good.com',
  ]) {
    assert.equal(codeOf(judge, [origin]), 'ERR_ORIGIN', origin);
  }
  const sticky = policy([/good/y, /https:\/\/good\.com/gm]);
  for (let i = 0; i < 3; i++) assert.equal(codeOf(sticky, ['https://good.com']), undefined);
});

test('OR-01 a function gets the canonical origin and the request, and admits only by returning true', () => {
  const seen: unknown[] = [];
  const judge = policy((...given) => {
    seen.push(given);
    return true;
  });
  assert.equal(codeOf(judge, ['HTTPS://Good.Com:443']), undefined);
  assert.deepEqual(seen, [['https://good.com', request]]);
  assert.equal(
    codeOf(
      policy(() => false),
      ['https://good.com'],
    ),
    'ERR_ORIGIN',
  );
  for (const answer of [1, 'yes', {}, undefined, null, Promise.resolve(true)]) {
    const loose = policy((() => answer) as unknown as () => boolean);
    assert.throws(() => codeOf(loose, ['https://good.com']), /must return true or false/);
  }
});

test('SE-28 an error of the function reaches the caller', () => {
  const judge = policy(() => {
    throw new RangeError('mine');
  });
  assert.throws(() => judge(subject(['https://good.com'])), RangeError);
});

test('OR-05 SE-05 a host outside allowedHosts is refused, whatever the origin', () => {
  const judge = policy('*', { allowedHosts: ['localhost', 'App.Example', '[::1]', '127.0.0.1'] });
  for (const host of ['localhost', 'LOCALHOST:8080', 'app.example', '[::1]:80', '[0::1]', '127.0.0.1:1']) {
    assert.equal(codeOf(judge, [], host), undefined, host);
  }
  for (const host of [
    '',
    'evil.com',
    'localhost.evil.com',
    'notlocalhost',
    'localhost.',
    'localhost@evil.com',
    'evil.com/localhost',
    '127.0.0.2',
    'undefined',
    'local host',
    'localhost:x',
  ]) {
    assert.equal(codeOf(judge, [], host), 'ERR_HOST_NOT_ALLOWED', host);
    assert.equal(codeOf(judge, [`http://${host}`], host, false), 'ERR_HOST_NOT_ALLOWED', host);
  }
});

test('OR-05 allowedHosts accepts authorities and refuses other texts', () => {
  for (const name of ['localhost', 'a_b.example', '[::1]', '127.0.0.1'])
    assert.equal(isHostname(name), true, name);
  for (const name of [
    '',
    'localhost:80',
    'localhost:',
    '[::1]:80',
    '::1',
    'http://a',
    'a/b',
    'a b',
    '*',
    'bücher.example',
    'a@b',
    '1.2.3.400',
  ]) {
    assert.equal(isHostname(name), false, name);
  }
});

test('CF-01 an entry of the list that could admit nothing is refused', () => {
  for (const entry of [
    '*',
    'same-origin',
    'good.com',
    '',
    'https://*.good.com',
    'https://a.example, https://b.example',
  ]) {
    assert.throws(() => policy([entry]), { code: 'ERR_OPTION' }, entry);
  }
});
