import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyPool, KeyPools } from '../../src/client/key-pool.ts';
import { ConnectTurns, Turn } from '../../src/client/turns.ts';
import { seededRandom } from '../../src/testing/index.ts';

test('§4.1 CC-05 one connection at a time per address, in the order of the calls', () => {
  const begun: string[] = [];
  const turns = new ConnectTurns();
  const turn = (key: string, name: string) => new Turn(turns, key, () => void begun.push(name));
  const [a, b, c, other] = [turn('x', 'a'), turn('x', 'b'), turn('x', 'c'), turn('y', 'other')];
  for (const each of [a, b, c, other]) each.take();
  assert.deepEqual(begun, ['a', 'other']);
  b.leave();
  assert.deepEqual(begun, ['a', 'other'], 'a connection that gives up while it waits starts no other one');
  a.leave();
  a.leave();
  assert.deepEqual(begun, ['a', 'other', 'c']);
  c.leave();
  other.leave();
  assert.equal(turns.size, 0);
  turn('x', 'again').take();
  assert.equal(begun.at(-1), 'again');
  new Turn(new ConnectTurns(), 'x', () => void begun.push('of another engine')).take();
  assert.equal(begun.at(-1), 'of another engine');
});

test('§5.3 MK-04 masking keys are consecutive random 4-byte values, and none is used twice', () => {
  const random = seededRandom(1);
  const bytes = seededRandom(1).bytes(4_096);
  const pool = new KeyPool(random);
  for (let at = 0; at < 4_096; at += 4) assert.equal(pool.next(), bytes.readInt32LE(at));
  const drawn: number[] = [];
  const counting = { ...random, bytes: (length: number) => (drawn.push(length), random.bytes(length)) };
  const counted = new KeyPool(counting);
  const keys = new Set(Array.from({ length: 2_048 }, () => counted.next()));
  assert.equal(keys.size, 2_048);
  assert.deepEqual(drawn, [4_096, 4_096]);
  const pools = new KeyPools();
  assert.equal(pools.of(random), pools.of(random));
  assert.notEqual(pools.of(random), new KeyPools().of(random));
});

test('§4.1 nonces are random values of 16 bytes, and share no byte with each other or with masking keys', () => {
  const bytes = seededRandom(5).bytes(4_096);
  const pool = new KeyPool(seededRandom(5));
  assert.equal(pool.nonce(), bytes.toString('base64', 0, 16));
  assert.equal(pool.next(), bytes.readInt32LE(16));
  assert.equal(pool.nonce(), bytes.toString('base64', 20, 36));
  const nonces = new Set(Array.from({ length: 1_000 }, () => pool.nonce()));
  assert.equal(nonces.size, 1_000);
  for (const nonce of nonces) assert.equal(Buffer.from(nonce, 'base64').length, 16);
});
