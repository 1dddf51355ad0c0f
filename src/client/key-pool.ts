import { Buffer } from 'node:buffer';
import { KEY_BYTES, makeKey } from '../protocol/handshake/client.ts';
import { readKey } from '../protocol/mask.ts';
import type { RandomSource } from '../engine/random.ts';

/** Random bytes per call: one call serves many keys and nonces. */
const POOL_BYTES = 4_096;

/** Masking keys (§5.3) and nonces (§4.1): unpredictable, each made of random bytes that nothing else uses. */
export class KeyPool {
  readonly #random: RandomSource;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Returns a masking key. */
  readonly next = (): number => {
    if (this.#at === this.#bytes.length) this.#draw();
    const key = readKey(this.#bytes, this.#at);
    this.#at += 4;
    return key;
  };

  /** Returns a value for `Sec-WebSocket-Key`. */
  nonce(): string {
    if (this.#bytes.length - this.#at < KEY_BYTES) this.#draw();
    const from = this.#at;
    this.#at += KEY_BYTES;
    return makeKey(this.#bytes.subarray(from, this.#at));
  }

  #draw(): void {
    this.#bytes = this.#random.bytes(POOL_BYTES);
    this.#at = 0;
  }
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
