import { Buffer } from 'node:buffer';
import { messageMemory } from './message-memory.ts';

/** Below this size memory of its own costs less than looking for some. */
const FROM_BYTES = 65_536;
/** All that is kept, in a process; a buffer beyond that goes to the garbage. */
const KEPT_BYTES = 2_097_152;

/** Whole messages never lie here: what is handed to the application is its own. */
const kept: Buffer[] = [];
let keptBytes = 0;

/** The largest size that many messages will ask for, at most `bytes`: a power of two, or one and a half of it. */
function commonSize(bytes: number): number {
  const power = 2 ** (31 - Math.clz32(bytes));
  return power * 1.5 <= bytes ? power * 1.5 : power;
}

/**
 * Memory for a message that is still growing, uninitialised. What one message has outgrown serves the next: fresh memory of
 * this size costs page faults, and drives the collector of garbage (measured, a message of 1 MiB in reads of 192 KiB: 437 µs,
 * 328 so).
 * @param bytes Room that is wanted: at most 2 GiB. There is at least two thirds of it, rounded down to a common size if
 *   that is 64 KiB or more.
 */
export function roomToGrow(bytes: number): Buffer {
  if (bytes < FROM_BYTES) return Buffer.allocUnsafeSlow(bytes);
  const size = commonSize(bytes);
  const at = kept.findLastIndex((buffer) => buffer.length === size);
  if (at < 0) return messageMemory(size);
  keptBytes -= size;
  return kept.splice(at, 1)[0]!;
}

/** Takes memory that nobody has a view on any more. */
export function keepOutgrown(buffer: Buffer): void {
  if (buffer.length < FROM_BYTES || keptBytes + buffer.length > KEPT_BYTES) return;
  kept.push(buffer);
  keptBytes += buffer.length;
}
