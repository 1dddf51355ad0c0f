import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns } from '../../../src/testing/index.ts';
import { deferred, error, matches, publish, subscribe, v1Server } from './peer.ts';

for (const [title, hook, says] of [
  [
    'throws',
    () => {
      throw new Error('as a test');
    },
    /as a test/,
  ],
  ['rejects', () => Promise.reject(new Error('as a test')), /as a test/],
  ['returns undefined', () => undefined, /authorizeSubscribe returned undefined/],
  ['returns a string', () => 'yes', /returned "yes"/],
  ['returns an unknown key', () => ({ presense: {} }), /unknown key presense/],
  ['returns an unknown key of presence', () => ({ presence: { id: 1 } }), /unknown key id/],
  [
    'returns a long key',
    () => ({ presence: { key: 'x'.repeat(129) } }),
    /presence\.key is not a string of 1 to 128/,
  ],
  ['returns info that is no JSON', () => ({ presence: { info: 1n } }), /presence\.info is not a JSON value/],
  [
    'returns presence for a topic without presence',
    () => ({ presence: {} }),
    /no rule of the option presence/,
  ],
] as const)
  test(`HI-02 authorizeSubscribe that ${title} refuses, and the failure is visible`, async (t) => {
    const { greeted, errors } = v1Server(t, { authorizeSubscribe: hook as () => boolean });
    const peer = await greeted();
    peer.sends(subscribe(1, 't'));
    matches(await peer.all(), [error(1, 'forbidden')]);
    assert.match(String(errors.shift()), says);
    peer.sends({ op: 'ping' });
    assert.deepEqual(await peer.all(), [{ op: 'pong' }]);
  });

test('HI-02 authorizePublish that throws or returns nonsense refuses, and the failure is visible', async (t) => {
  let hook = (): unknown => {
    throw new Error('as a test');
  };
  const { greeted, errors } = v1Server(t, { authorizePublish: () => hook() as boolean });
  const peer = await greeted();
  peer.sends(publish(1, 't', 'x'));
  matches(await peer.all(), [error(1, 'forbidden')]);
  hook = () => Promise.resolve({});
  peer.sends(publish(2, 't', 'x'));
  matches(await peer.all(), [error(2, 'forbidden')]);
  assert.deepEqual(
    errors.splice(0).map(({ message }) => message),
    ['as a test', 'authorizePublish returned an object; it must return true or false'],
  );
});

test('HI-02 a hook that never answers refuses after upgradeTimeoutMs; its answer afterwards changes nothing', async (t) => {
  const late = deferred<boolean>();
  const { greeted, errors, clock } = v1Server(t, {
    authorizeSubscribe: () => late.promise,
    upgradeTimeoutMs: 700,
  });
  const peer = await greeted();
  peer.sends(subscribe(1, 't'));
  await eventLoopTurns(8);
  clock.advance(699);
  assert.deepEqual(await peer.all(), []);
  clock.advance(1);
  matches(await peer.all(), [error(1, 'forbidden')]);
  assert.match(errors.shift()!.message, /no answer within 700 ms/);
  late.resolve(true);
  assert.deepEqual(await peer.all(), []);
  assert.equal(peer.connection.topics.size, 0);
});
