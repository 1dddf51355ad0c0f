import { Buffer } from 'node:buffer';
import { KEY_BYTES, makeKey } from '../protocol/handshake/client.ts';
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

/** Nonces per call of the random source. */
const POOL_NONCES = 64;

/** Values of `Sec-WebSocket-Key` (§4.1): unpredictable, 16 bytes each, each used once and wiped. */
export class NoncePool {
  readonly #random: RandomSource;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  next(): string {
    if (this.#at === this.#bytes.length) {
      this.#bytes = this.#random.bytes(POOL_NONCES * KEY_BYTES);
      this.#at = 0;
    }
    const nonce = this.#bytes.subarray(this.#at, (this.#at += KEY_BYTES));
    const key = makeKey(nonce);
    nonce.fill(0);
    return key;
  }
}

/** The pools of one engine: all connections with the same source of random bytes share one. */
export class KeyPools {
  readonly #pools = new WeakMap<RandomSource, { readonly keys: KeyPool; readonly nonces: NoncePool }>();

  of(random: RandomSource): { readonly keys: KeyPool; readonly nonces: NoncePool } {
    let pools = this.#pools.get(random);
    if (pools === undefined) {
      pools = { keys: new KeyPool(random), nonces: new NoncePool(random) };
      this.#pools.set(random, pools);
    }
    return pools;
  }
}
