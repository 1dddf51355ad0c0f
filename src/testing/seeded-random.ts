import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import type { RandomSource } from '../engine/random.ts';

/**
 * A reproducible source of randomness: the same seed gives the same values for the same calls, on every platform and
 * in every version. For tests only: an attacker can compute all values from a few.
 * @param seed Any safe integer. Neighbouring seeds give unrelated sequences.
 * @throws MisuseError `ERR_ARGUMENT` for another seed. `bytes` throws it for an invalid length.
 */
export function seededRandom(seed: number): RandomSource {
  if (!Number.isSafeInteger(seed)) {
    throw new MisuseError('ERR_ARGUMENT', `a seed is a safe integer, not ${String(seed)}`);
  }
  const next = smallFastCounter(seed);
  const bytes = (length: number): Buffer => {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new MisuseError(
        'ERR_ARGUMENT',
        `a number of bytes is a whole number from 0 up, not ${String(length)}`,
      );
    }
    const result = Buffer.alloc(length);
    for (let i = 0; i < length; i++) result[i] = next() >>> 24;
    return result;
  };
  return Object.freeze({
    bytes,
    fraction: () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53,
    uuid: () => {
      const id = bytes(16);
      id[6] = (id[6]! & 0x0f) | 0x40; // version 4
      id[8] = (id[8]! & 0x3f) | 0x80; // variant of RFC 9562
      return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    },
  });
}

/** The generator "sfc32": 128 bits of state, among them a counter that rules out short cycles; gives 32-bit integers. */
function smallFastCounter(seed: number): () => number {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum;
  };
  // Warms up: spreads the seed over all bits of the state.
  for (let i = 0; i < 20; i++) next();
  return next;
}
