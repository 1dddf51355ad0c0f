import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { test } from 'node:test';
import { acceptFunction, acceptValue, isValidKey } from '../../../src/protocol/handshake/accept-key.ts';

test('HS-10, TS-04 the example of §1.3', () => {
  for (const accept of [acceptValue, acceptFunction(undefined), acceptFunction(crypto.hash)]) {
    assert.equal(accept('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  }
});

test('HS-10 both SHA-1 interfaces give the same 28 characters', () => {
  for (let i = 0; i < 256; i++) {
    const key = Buffer.alloc(16, i).toString('base64');
    assert.equal(acceptValue(key), acceptFunction(undefined)(key));
    assert.match(acceptValue(key), /^[A-Za-z0-9+/]{27}=$/);
  }
});

const KEYS: readonly (readonly [key: string, valid: boolean])[] = [
  ['dGhlIHNhbXBsZSBub25jZQ==', true],
  ['AAAAAAAAAAAAAAAAAAAAAA==', true],
  ['++++++++++++++//////////', false],
  ['++++++++++++++////////==', true],
  // Padding bits are set; they are not checked.
  ['AAAAAAAAAAAAAAAAAAAAAB==', true],
  ['AAAAAAAAAAAAAAAAAAAAA/==', true],
  ['', false],
  ['dGhlIHNhbXBsZSBub25jZQ=', false],
  ['dGhlIHNhbXBsZSBub25jZQ===', false],
  ['dGhlIHNhbXBsZSBub25jZQAA', false],
  ['dGhlIHNhbXBsZSBub25jZQA=', false],
  ['dGhlIHNhbXBsZSBub25j=Q==', false],
  ['dGhlIHNhbXBsZSBub25j-_==', false],
  ['dGhlIHNhbXBsZSBub25jZ ==', false],
  ['dGhlIHNhbXBsZSBub25jZ\xe9==', false],
  ['dGhlIHNhbXBsZSBub25jZQ==\n', false],
  ['dGhlIHNhbXBsZSBub25jZ==\n', false],
  ['dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==', false],
];
for (const [key, valid] of KEYS) {
  test(`HS-09 ${JSON.stringify(key)} is ${valid ? '' : 'not '}a key`, () =>
    assert.equal(isValidKey(key), valid));
}
