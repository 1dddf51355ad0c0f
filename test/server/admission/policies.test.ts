import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeOf, FOREIGN, MALFORMED, policy, SAME, subject } from './origin-cases.ts';
import { canonicalOrigin } from '../../../src/options/origins.ts';

test('OR-02 SE-05 same-origin: scheme, host and port, and nothing else', () => {
  const judge = policy('same-origin');
  for (const origin of SAME) assert.equal(codeOf(judge, [origin]), undefined, origin);
  for (const origin of [...FOREIGN, ...MALFORMED])
    assert.equal(codeOf(judge, [origin]), 'ERR_ORIGIN', origin);
});

const HOSTS = [
  { origin: 'http://good.com:8080', host: 'good.com:8080', secure: false, same: true },
  { origin: 'http://good.com', host: 'good.com:80', secure: false, same: true },
  { origin: 'http://good.com:80', host: 'GOOD.com', secure: false, same: true },
  { origin: 'http://good.com', host: 'good.com:8080', secure: false, same: false },
  { origin: 'http://good.com:443', host: 'good.com', secure: true, same: false },
  { origin: 'http://127.0.0.1:3000', host: '127.0.0.1:3000', secure: false, same: true },
  { origin: 'http://127.0.0.1:3000', host: 'localhost:3000', secure: false, same: false },
  { origin: 'http://[::1]:3000', host: '[0:0::1]:3000', secure: false, same: true },
  { origin: 'http://localhost:59999', host: 'localhost:59999', secure: false, same: true },
  { origin: 'http://localhost:65535', host: 'localhost:65535', secure: false, same: true },
  { origin: 'http://localhost:65536', host: 'localhost:65536', secure: false, same: false },
  { origin: 'https://xn--bcher-kva.example', host: 'xn--bcher-kva.example', secure: true, same: true },
  { origin: 'https://good.com', host: 'good.com@good.com', secure: true, same: false },
  { origin: 'https://good.com@evil.com', host: 'good.com@evil.com', secure: true, same: false },
  { origin: 'https://good.com/x', host: 'good.com/x', secure: true, same: false },
  { origin: 'https://good.com', host: '', secure: true, same: false },
  { origin: 'null', host: 'null', secure: true, same: false },
];
for (const { origin, host, secure, same } of HOSTS) {
  test(`OR-02 ${origin} and ${secure ? 'https' : 'http'} with Host ${host || '(empty)'}: ${same ? 'same' : 'other'}`, () => {
    assert.equal(codeOf(policy('same-origin'), [origin], host, secure), same ? undefined : 'ERR_ORIGIN');
  });
}

test('OR-02 same-origin agrees with a comparison part by part, for any spelling', () => {
  const label = fc.constantFrom('good', 'GOOD', 'evil', 'a-b', '-x', 'xn--bcher-kva', '7', '0x7');
  const site = fc.record({
    scheme: fc.constantFrom('http', 'https', 'HTTP'),
    name: fc.array(label, { minLength: 1, maxLength: 2 }).map((labels) => [...labels, 'com'].join('.')),
    port: fc.constantFrom(undefined, 80, 443, 8080, 65535),
  });
  const text = (port: number | undefined) => (port === undefined ? '' : `:${port}`);
  fc.assert(
    fc.property(site, site, fc.boolean(), (theirs, ours, isAlike) => {
      const own = isAlike ? { ...theirs } : ours;
      const secure = own.scheme === 'https';
      const effective = ({ scheme, port }: typeof own) => port ?? (scheme === 'https' ? 443 : 80);
      const isSame =
        theirs.name.toLowerCase() === own.name.toLowerCase() &&
        theirs.scheme.toLowerCase() === own.scheme.toLowerCase() &&
        effective(theirs) === effective(own);
      const origin = `${theirs.scheme}://${theirs.name}${text(theirs.port)}`;
      assert.equal(
        codeOf(policy('same-origin'), [origin], own.name + text(own.port), secure) === undefined,
        isSame,
      );
    }),
  );
});

test('OR-03 a value equal to the authority is accepted only if it is an origin', () => {
  const piece = fc.constantFrom(
    'a',
    'A',
    '-',
    '_',
    '.',
    '0',
    '9',
    '0x',
    'xn--',
    ':',
    '1',
    '65535',
    '@',
    '/',
    '[',
    ']',
    '::1',
    ',',
    ' ',
    '%',
    'ü',
    'a'.repeat(300),
  );
  const host = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(host, fc.boolean(), (authority, secure) => {
      const origin = `${secure ? 'https' : 'http'}://${authority}`;
      const isOrigin = canonicalOrigin(origin) !== undefined;
      assert.equal(
        codeOf(policy('same-origin'), [origin], authority, secure) === undefined,
        isOrigin,
        origin,
      );
    }),
    { numRuns: 2000 },
  );
});

test('OR-04 a refusal that differs only in scheme says so', () => {
  const judge = policy('same-origin');
  assert.match(judge(subject(['https://good.com'], 'good.com', false))?.why ?? '', /only in the scheme/);
  assert.match(
    judge(subject(['https://good.com:8443'], 'good.com:8443', false))?.why ?? '',
    /only in the scheme/,
  );
  assert.doesNotMatch(judge(subject(['https://evil.com'], 'good.com', false))?.why ?? '', /scheme/);
  assert.doesNotMatch(judge(subject(['https://good.com'], 'good.com:8080', false))?.why ?? '', /scheme/);
});
