import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentDestination } from '../../src/client/recent-destination.ts';
import { ConnectError } from '../../src/protocol/connect-error.ts';

test('CC-02 §3 the last URL is read once, unless it is an object or contains a password', () => {
  const recent = new RecentDestination();
  const first = recent.of('ws://one.example/');
  assert.equal(recent.of('ws://one.example/'), first);
  assert.throws(() => recent.of('no url'), ConnectError);
  assert.equal(recent.of('ws://one.example/'), first);

  const secret = recent.of('ws://user:secret@one.example/');
  assert.equal(secret.authorization, 'Basic dXNlcjpzZWNyZXQ=');
  assert.notEqual(recent.of('ws://user:secret@one.example/'), secret);

  const url = new URL('ws://one.example/');
  assert.notEqual(recent.of(url), recent.of(url));
  url.pathname = '/other';
  assert.equal(recent.of(url).target, '/other');

  assert.equal(recent.of('wss://two.example/').address, recent.of('wss://two.example/').address);
  assert.equal(recent.of('ws://one.example/').secure, false);
});
