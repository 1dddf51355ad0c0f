import { Buffer } from 'node:buffer';

/** Up to here a loop is quicker than a view to copy from (measured: 16 bytes 75 ns against 175, 64 bytes 170 against 130). */
const COPIED_BY_BYTES = 40;

/**
 * Memory of its own for a message, uninitialised: all of it is to be written. It belongs to whoever gets the message.
 * @param bytes At most 2 GiB.
 */
export function messageMemory(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

/**
 * A copy in memory of its own: no view of a larger buffer, and nothing of Node's shared pool, in which bytes of other
 * connections lie. For everything that an application gets; keeping it keeps nothing else.
 */
export function copyOf(bytes: Uint8Array, start: number, end: number): Buffer {
  const length = end - start;
  if (length > COPIED_BY_BYTES) {
    const copy = messageMemory(length);
    copy.set(bytes.subarray(start, end));
    return copy;
  }
  const copy = Buffer.alloc(length);
  for (let i = 0; i < length; i++) copy[i] = bytes[start + i]!;
  return copy;
}
