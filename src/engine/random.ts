import { Buffer } from 'node:buffer';
import { randomBytes, randomFillSync } from 'node:crypto';

/** Source of random numbers. A test passes its own, so that a masked frame has known bytes. */
export interface RandomSource {
  /** Returns `length` unpredictable bytes in a new buffer. */
  bytes(length: number): Buffer;
  /** Returns a number from 0 (included) to 1 (excluded); for jitter, not for secrets. */
  fraction(): number;
  /** Returns a UUID, version 4. */
  uuid(): string;
}

const UUID_BYTES = 16;
/** UUIDs per call of the random generator, as Node draws them. */
const UUIDS_AT_ONCE = 128;
const DIGITS = '0123456789abcdef';
/** The digits of each byte, as character codes. */
const FIRST_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS.charCodeAt(byte >> 4));
const SECOND_DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => DIGITS.charCodeAt(byte & 15));
/** Position in the text of the digits of each byte: hyphens lie between the groups. */
const POSITIONS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;

/**
 * Makes UUIDs, version 4. Node's `randomUUID` joins fifteen pieces, which the string retains (measured: 430 bytes). This one
 * writes the digits into a buffer and reads one string of them.
 */
class Uuids {
  readonly #random = Buffer.alloc(UUIDS_AT_ONCE * UUID_BYTES);
  readonly #text = Buffer.from('00000000-0000-4000-8000-000000000000', 'latin1');
  #used = this.#random.length;

  next(): string {
    const random = this.#random;
    const text = this.#text;
    if (this.#used === random.length) {
      randomFillSync(random);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used = from + UUID_BYTES;
    random[from + 6] = (random[from + 6]! & 0x0f) | 0x40;
    random[from + 8] = (random[from + 8]! & 0x3f) | 0x80;
    for (let i = 0; i < UUID_BYTES; i++) {
      const byte = random[from + i]!;
      const at = POSITIONS[i]!;
      text[at] = FIRST_DIGITS[byte]!;
      text[at + 1] = SECOND_DIGITS[byte]!;
    }
    return text.toString('latin1');
  }
}

/** @returns The platform's random numbers, with UUIDs drawn in advance. */
function randomOfPlatform(): RandomSource {
  const uuids = new Uuids();
  return Object.freeze({
    bytes: (length: number) => randomBytes(length),
    fraction: () => Math.random(),
    uuid: () => uuids.next(),
  });
}

/** The platform's random numbers. */
export const systemRandom: RandomSource = randomOfPlatform();
