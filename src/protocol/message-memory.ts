import { Buffer } from 'node:buffer';

/** Smaller messages hardly move the end of the heap. */
const LARGE_FROM_BYTES = 16_384;
/**
 * glibc keeps up to twice as much; beyond 32 MiB it takes no example. V8 gives dead messages back when there are 32 MB of them.
 */
const EXAMPLE_BYTES = 25_165_824;

/** Up to here a loop is quicker than a view to copy from (measured: 16 bytes 75 ns against 175, 64 bytes 170 against 130). */
const COPIED_BY_BYTES = 40;

let isKept = false;

/**
 * Memory of its own for a message, uninitialised: all of it is to be written. It belongs to whoever gets the message.
 * @param bytes At most 2 GiB.
 */
export function messageMemory(bytes: number): Buffer {
  if (bytes >= LARGE_FROM_BYTES && !isKept) keepFreedMemory();
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

/**
 * Has the allocator keep what messages leave behind, instead of giving it back to the system and asking for it again: each page
 * that comes anew costs a page fault, and a message of 64 KiB has 16. glibc takes the largest block that it has seen freed
 * as its example; this one is never written, and so never more than an address. Whoever sets `MALLOC_TRIM_THRESHOLD_` or
 * `MALLOC_MMAP_THRESHOLD_` decides instead, and other allocators take no notice.
 */
function keepFreedMemory(): void {
  isKept = true;
  Buffer.allocUnsafeSlow(EXAMPLE_BYTES);
}
