import { Buffer } from 'node:buffer';

/**
 * Up to this size, a loop is faster than a copy from a view (measured: 16 bytes 75 ns against 175, 64 bytes 170 against
 * 130).
 */
const COPIED_BY_BYTES = 40;

/**
 * Returns uninitialised memory for one message; the caller must write all of it. It belongs to the receiver of the
 * message.
 * @param bytes At most 2 GiB.
 */
export function messageMemory(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

/**
 * Returns a copy in its own memory: not a view of a larger buffer, and not in Node's shared pool, which holds bytes of
 * other connections. What an application receives is copied this way, so that retaining it retains nothing else; only
 * `MessagePages` and `TextSlab` share memory.
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
