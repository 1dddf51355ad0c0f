import { Buffer } from 'node:buffer';
import { readKey } from '../protocol/mask.ts';
import type { RandomSource } from '../engine/random.ts';

/** Random bytes per call: one call serves many keys. */
const POOL_BYTES = 4_096;

/** Masking keys (§5.3): unpredictable, 4 bytes each, each used once. */
export class KeyPool {
  readonly #random: RandomSource;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  readonly next = (): number => {
    if (this.#at === this.#bytes.length) {
      this.#bytes = this.#random.bytes(POOL_BYTES);
      this.#at = 0;
    }
    const key = readKey(this.#bytes, this.#at);
    this.#at += 4;
    return key;
  };
}

/** The key pools of one engine: all connections with the same source of random bytes share one. */
export class KeyPools {
  readonly #pools = new WeakMap<RandomSource, KeyPool>();

  of(random: RandomSource): KeyPool {
    let pool = this.#pools.get(random);
    if (pool === undefined) {
      pool = new KeyPool(random);
      this.#pools.set(random, pool);
    }
    return pool;
  }
}
