import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Fields,
  isFieldValue,
  isToken,
  listContains,
  parseTokenList,
} from '../../../src/protocol/handshake/fields.ts';

test('HS-03 names ignore case, values are trimmed, repeated fields are joined in order', () => {
  const fields = Fields.fromRaw([
    'Host',
    ' a ',
    'UPGRADE',
    '\th2c\t ',
    'x-a',
    'b  c',
    'upgrade',
    'websocket',
  ]);
  assert.equal(fields.get('host'), 'a');
  assert.equal(fields.get('upgrade'), 'h2c, websocket');
  assert.equal(fields.get('x-a'), 'b  c');
  assert.equal(fields.get('missing'), undefined);
  assert.deepEqual(fields.all('upgrade'), ['h2c', 'websocket']);
  assert.deepEqual(fields.all('missing'), []);
  assert.deepEqual(
    ['host', 'upgrade', 'missing'].map((name) => fields.count(name)),
    [1, 2, 0],
  );
  assert.deepEqual(
    [...fields],
    [
      ['host', 'a'],
      ['upgrade', 'h2c'],
      ['x-a', 'b  c'],
      ['upgrade', 'websocket'],
    ],
  );
});

test('HS-03 an empty field exists and is joined like others', () => {
  const fields = Fields.fromRaw(['a', '', 'a', ' ', 'b', '']);
  assert.equal(fields.get('a'), ', ');
  assert.equal(fields.get('b'), '');
});

test('GN-11 names of Object.prototype are ordinary names', () => {
  const none = Fields.fromRaw(['a', 'b']);
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', 'length']) {
    assert.equal(none.get(name), undefined, name);
    assert.equal(Fields.fromRaw([name, 'x', name, 'y']).get(name.toLowerCase()), 'x, y', name);
  }
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('SE-02 one field name 10,000 times is read', () => {
  const fields = Fields.fromRaw(Array.from({ length: 10_000 }, () => ['Upgrade', 'websocket']).flat());
  assert.equal(fields.count('upgrade'), 10_000);
  assert.equal(fields.all('upgrade').length, 10_000);
  assert.equal(fields.get('upgrade')?.length, 10_000 * 11 - 2);
});

test('HS-03 GN-07 joining all fields takes linear time', () => {
  const stepsFor = (count: number, name: (i: number) => string): number => {
    let steps = 0;
    const flat = new Proxy(Array.from({ length: count }, (_, i) => [name(i), String(i)]).flat(), {
      get(target, key) {
        steps++;
        return Reflect.get(target, key) as unknown;
      },
    });
    const fields = new Fields(flat);
    const joined = fields.joined();
    const spent = steps;
    for (const [each, value] of joined) assert.equal(value, fields.get(each));
    return spent;
  };
  for (const name of [(i: number) => `x${i}`, () => 'x', (i: number) => `x${i % 7}`]) {
    assert.ok(stepsFor(200, name) <= 2 * stepsFor(100, name));
  }
});

test('RFC 9110 §5.6.2 a token is one or more token characters', () => {
  const allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (let code = 0; code < 0x180; code++) {
    const char = String.fromCharCode(code);
    assert.equal(isToken(char), allowed.includes(char), `U+${code.toString(16)}`);
    assert.equal(isToken(`a${char}b`), allowed.includes(char), `U+${code.toString(16)} inside`);
  }
  assert.equal(isToken(''), false);
  assert.equal(isToken(allowed), true);
});

test('HS-02, SE-11 a field value has no control characters but tabs, and nothing above U+00FF', () => {
  for (let code = 0; code < 0x300; code++) {
    const allowed = code === 9 || (code >= 0x20 && code !== 0x7f && code <= 0xff);
    assert.equal(isFieldValue(`a${String.fromCharCode(code)}`), allowed, `U+${code.toString(16)}`);
  }
  assert.equal(isFieldValue(''), true);
});

test('HS-03 Cookie fields are joined with a semicolon', () => {
  const fields = Fields.fromRaw([
    'Cookie',
    'a=1; b=2',
    'X',
    '1',
    'cookie',
    'c="3, 4"',
    'X',
    '2',
    'COOKIE',
    'd=5',
  ]);
  assert.equal(fields.get('cookie'), 'a=1; b=2; c="3, 4"; d=5');
  assert.equal(fields.joined().get('cookie'), 'a=1; b=2; c="3, 4"; d=5');
  assert.equal(fields.get('x'), '1, 2');
  assert.deepEqual(fields.all('cookie'), ['a=1; b=2', 'c="3, 4"', 'd=5']);
});

const TOKEN_LISTS: readonly (readonly [value: string, tokens: string[] | undefined])[] = [
  ['chat', ['chat']],
  ['chat, superchat', ['chat', 'superchat']],
  [' \ta\t,b ,\t c ', ['a', 'b', 'c']],
  ['a,a', ['a', 'a']],
  ['__proto__,constructor', ['__proto__', 'constructor']],
  ['', []],
  [' ', []],
  [',', []],
  [' ,\t, ', []],
  ['a,', ['a']],
  [',a', ['a']],
  ['a,,b', ['a', 'b']],
  [', chat,,superchat,', ['chat', 'superchat']],
  [',a b', undefined],
  ['a b', undefined],
  ['a;b', undefined],
  ['"a"', undefined],
  ['caf\xe9', undefined],
  ['\u0101', undefined],
];
for (const [value, tokens] of TOKEN_LISTS) {
  test(`HS-16 token list ${JSON.stringify(value)}`, () => assert.deepEqual(parseTokenList(value), tokens));
}

const MEMBERSHIPS: readonly (readonly [list: string, contains: boolean])[] = [
  ['upgrade', true],
  ['Upgrade', true],
  ['keep-alive, UPGRADE', true],
  ['keep-alive,\tupgrade ,x', true],
  [', ,upgrade,', true],
  ['upgrade/1', false],
  ['upgrades', false],
  ['xupgrade', false],
  ['up grade', false],
  ['keep-alive upgrade', false],
  ['"upgrade"', false],
  ['upgrade,', true],
  ['keep-alive,,upgrade', true],
  ['', false],
  [',,,,,,,,,,', false],
];
for (const [list, contains] of MEMBERSHIPS) {
  test(`HS-05 ${JSON.stringify(list)} ${contains ? 'contains' : 'lacks'} upgrade`, () =>
    assert.equal(listContains(list, 'upgrade'), contains));
}
