import { Buffer } from 'node:buffer';

/** Below this many bytes a text is encoded about as quickly as its bytes are copied. */
const FROM_BYTES = 2_048;
const NOTHING: Buffer = Buffer.alloc(0);

let text = '';
let bytes: Buffer = NOTHING;

/**
 * Remembers the bytes that a text was decoded from, for as long as they stay where they are: an echo, a relay or a publish
 * sends on what has just come, and need not encode it again (measured with text of many scripts: 64 KiB 110 µs, copying
 * 5 µs). There is one such text at a time in a process, that of the message being delivered.
 */
export function keepAtHand(of: string, from: Buffer, start: number, end: number): void {
  if (end - start < FROM_BYTES) return;
  text = of;
  bytes = from.subarray(start, end);
}

/** The bytes change: they are not those of the text any more. */
export function letGo(): void {
  if (bytes === NOTHING) return;
  text = '';
  bytes = NOTHING;
}

/** @returns The UTF-8 of `of`, to be copied at once; `undefined` if it is not at hand. */
export function bytesAtHand(of: string): Buffer | undefined {
  // An equal text has equal bytes, whichever object it is.
  return bytes !== NOTHING && of === text ? bytes : undefined;
}
