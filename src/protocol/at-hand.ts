import { Buffer } from 'node:buffer';

/** Below this many bytes a text is encoded about as quickly as its bytes are copied. */
const FROM_BYTES = 2_048;
const NOTHING: Buffer = Buffer.alloc(0);

// The message being delivered, of which there is one at a time in a process. An echo, a relay or a publish sends on just that,
// and what is known of it need not be found out again.
let text = '';
let textBytes: Buffer = NOTHING;
let binary: Buffer = NOTHING;

/**
 * Remembers the bytes that a text was decoded from, for as long as they stay where they are, so that sending it on need
 * not encode it again (measured with text of many scripts: 64 KiB 110 µs, copying 5 µs).
 */
export function keepTextAtHand(of: string, from: Buffer, start: number, end: number): void {
  if (end - start < FROM_BYTES) return;
  text = of;
  textBytes = from.subarray(start, end);
}

/** Remembers a binary message as one of ours: plain memory of its own, neither shared nor resizable. */
export function keepBinaryAtHand(message: Buffer): void {
  binary = message;
}

/** The bytes of the text change, and the next message is another one. */
export function letGo(): void {
  binary = NOTHING;
  if (textBytes === NOTHING) return;
  text = '';
  textBytes = NOTHING;
}

/** @returns The UTF-8 of `of`, to be copied at once; `undefined` if it is not at hand. */
export function bytesAtHand(of: string): Buffer | undefined {
  // An equal text has equal bytes, whichever object it is.
  return textBytes !== NOTHING && of === text ? textBytes : undefined;
}

/** Whether these are the very bytes being delivered. What the application did to them since is not known. */
export function isBinaryAtHand(view: ArrayBufferView): boolean {
  return view === binary;
}
