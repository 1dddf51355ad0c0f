import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressMatcher, isAddressOrRange } from '../../src/options/addresses.ts';
import { addressKey, normalizeAddress } from '../../src/sockets/ip-address.ts';

const NORMAL = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['::ffff:192.0.2.1%eth0', '192.0.2.1'],
  ['::ffff:192.0.2.01', '::ffff:192.0.2.01'],
  ['::ffff:1', '::ffff:1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['::1', '::1'],
  ['::', '::'],
  ['::192.0.2.1', '::192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.1'],
  ['1::ffff:192.0.2.1', '1::ffff:192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['', ''],
  ['not:an:address', 'not:an:address'],
] as const;
for (const [address, normal] of NORMAL) {
  test(`RG-04 ${address || 'empty'} is shown as ${normal || 'empty'}`, () => {
    assert.equal(normalizeAddress(address), normal);
  });
}

const SAME = [
  { bits: 64, addresses: ['2001:db8::1', '2001:DB8:0:0:ffff::', '2001:0db8::192.0.2.1', '2001:db8::1%eth0'] },
  { bits: 128, addresses: ['2001:db8::1', '2001:db8:0:0:0:0:0:1'] },
  { bits: 56, addresses: ['2001:db8:0:ff::1', '2001:db8::1'] },
  { bits: 1, addresses: ['2001:db8::1', '::'] },
  { bits: 64, addresses: ['::ffff:192.0.2.1', '192.0.2.1'] },
] as const;
for (const { bits, addresses } of SAME) {
  test(`LM-03 under /${bits}, ${addresses.join(' and ')} count as one`, () => {
    const keys = new Set(addresses.map((address) => addressKey(address, bits)));
    assert.equal(keys.size, 1);
  });
}

test('LM-03 different prefixes, and different IPv4 addresses, have different keys', () => {
  const addresses = [
    '2001:db8::1',
    '2001:db8:0:1::1',
    '2001:db9::1',
    '192.0.2.1',
    '192.0.2.2',
    '::1',
    'x:y',
    '__proto__',
  ];
  assert.equal(new Set(addresses.map((address) => addressKey(address, 64))).size, addresses.length);
  assert.notEqual(addressKey('2001:db8:0:1ff::', 56), addressKey('2001:db8:0:2ff::', 56));
  assert.notEqual(addressKey('8000::', 1), addressKey('::', 1));
});

test('LM-03 two IPv6 addresses share a key exactly if their prefixes are equal', () => {
  const groups = fc.array(fc.constantFrom(0, 1, 0x8000, 0xffff), { minLength: 8, maxLength: 8 });
  const bitsOf = (list: number[]) => list.map((group) => group.toString(2).padStart(16, '0')).join('');
  const textOf = (list: number[]) => list.map((group) => group.toString(16)).join(':');
  const isMapped = (list: number[]) => /^0{80}1{16}/.test(bitsOf(list));
  fc.assert(
    fc.property(groups, groups, fc.integer({ min: 1, max: 128 }), (a, b, prefixBits) => {
      fc.pre(!isMapped(a) && !isMapped(b));
      const isSame = bitsOf(a).slice(0, prefixBits) === bitsOf(b).slice(0, prefixBits);
      assert.equal(addressKey(textOf(a), prefixBits) === addressKey(textOf(b), prefixBits), isSame);
    }),
  );
});

test('LM-04 addresses, ranges and mapped forms of both families', () => {
  const isExempt = addressMatcher([
    '10.0.0.0/8',
    '192.0.2.7',
    '2001:db8::/32',
    '::1',
    '::ffff:198.51.100.0/120',
    '::ffff:203.0.113.9',
  ]);
  const inside = [
    '10.255.0.1',
    '192.0.2.7',
    '2001:db8:1::',
    '::1',
    '198.51.100.3',
    '203.0.113.9',
    '2001:db8::1%eth0',
  ];
  const outside = [
    '11.0.0.1',
    '192.0.2.8',
    '2001:db9::',
    '::2',
    '198.51.101.3',
    '203.0.113.8',
    '',
    'x',
    '10.0.0',
    '__proto__',
  ];
  assert.deepEqual(
    inside.filter((address) => !isExempt(address)),
    [],
  );
  assert.deepEqual(outside.filter(isExempt), []);
  assert.equal(addressMatcher([])('10.0.0.1'), false);
});

test('LM-04 a mapped range wider than all of IPv4 is a range of IPv6', () => {
  const isExempt = addressMatcher(['::ffff:192.0.2.1/80']);
  assert.deepEqual(['::1', '::ffff', '::1:0:0:0', '2001:db8::1'].map(isExempt), [true, true, false, false]);
});

test('LM-04 SE-28 a function must return true or false, and its errors pass through', () => {
  assert.equal(addressMatcher((address) => address === '192.0.2.1')('192.0.2.1'), true);
  assert.equal(addressMatcher(() => false)('192.0.2.1'), false);
  for (const answer of [1, 'yes', undefined, null]) {
    const isExempt = addressMatcher((() => answer) as unknown as (address: string) => boolean);
    assert.throws(() => isExempt('192.0.2.1'), /exemptAddresses returned .*; it must return true or false/);
  }
  const late = addressMatcher((() => Promise.resolve(true)) as unknown as (address: string) => boolean);
  assert.throws(() => late('192.0.2.1'), /promise/);
  const failing = addressMatcher(() => {
    throw new RangeError('mine');
  });
  assert.throws(() => failing('192.0.2.1'), RangeError);
});

test('CF-01 an entry that is neither address nor range is refused', () => {
  const bad = [
    '',
    'localhost',
    '10.0.0.0/33',
    '2001:db8::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/08.',
    '/8',
    'fe80::1%eth0',
    '10.0.0.1:80',
  ];
  for (const entry of bad) {
    assert.equal(isAddressOrRange(entry), false, entry);
    assert.throws(() => addressMatcher([entry]), { code: 'ERR_OPTION' });
  }
});
