import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import { BYTES, checkArgument } from './call-check.ts';
import { seededRandom } from './seeded-random.ts';

// Pieces are copies: the receiver may overwrite them, and the next cutting needs the original bytes.
const piece = (bytes: Uint8Array, start: number, end: number): Buffer => {
  const copy = Buffer.allocUnsafeSlow(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
};

/**
 * Yields every way to cut `bytes` into two pieces that are not empty: `bytes.length - 1` cuttings. Pieces are copies.
 */
export function* everyCut(bytes: Uint8Array): Generator<[Buffer, Buffer], void> {
  checkArgument('everyCut', 'bytes', bytes, BYTES);
  for (let at = 1; at < bytes.length; at++) yield [piece(bytes, 0, at), piece(bytes, at, bytes.length)];
}

/** Cuts `bytes` into pieces of one byte. Pieces are copies. */
export function byteByByte(bytes: Uint8Array): Buffer[] {
  checkArgument('byteByByte', 'bytes', bytes, BYTES);
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

/**
 * Yields `count` cuttings at random places; the same seed gives the same cuttings. The number of cuts varies from
 * none to one after every byte. Pieces are copies and never empty.
 * @throws MisuseError `ERR_ARGUMENT` if `count` is not a whole number from 0 up.
 */
export function* randomCuts(bytes: Uint8Array, seed: number, count: number): Generator<Buffer[], void> {
  checkArgument('randomCuts', 'bytes', bytes, BYTES);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `a number of cuttings is a whole number from 0 up, not ${String(count)}`,
    );
  }
  const random = seededRandom(seed);
  const orders = 34 - Math.clz32(bytes.length); // the largest size is 2 to 4 times the length
  for (let made = 0; made < count; made++) {
    // Piece sizes are spread evenly over powers of 2: small pieces find other bugs than large ones.
    const mostBytes = 2 ** Math.floor(random.fraction() * orders);
    const pieces: Buffer[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + 1 + Math.floor(random.fraction() * mostBytes));
      pieces.push(piece(bytes, start, end));
      start = end;
    }
    yield pieces;
  }
}
