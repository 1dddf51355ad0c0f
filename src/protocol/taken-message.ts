import { type Buffer, isUtf8 } from 'node:buffer';
import { copyOf } from './message-memory.ts';
import type { MessagePages, PagedInput } from './message-pages.ts';
import type { OutgrownMemory } from './outgrown-memory.ts';
import type { ReusableBytes } from './reusable-bytes.ts';
import type { TextSlab } from './text-slab.ts';
import { decodeIfUtf8, decodeUtf8 } from './utf8-decoder.ts';

/** Memory that messages are taken into, of all connections of a driver. */
export interface MessageMemory {
  readonly reusableBytes: ReusableBytes;
  readonly texts: TextSlab;
  readonly outgrown: OutgrownMemory;
  readonly pages: MessagePages;
}

/**
 * Properties of the last message, as bits of one number because every connection stores them. Without the last two
 * bits, the message is in the chunk.
 */
export const IS = /* @__PURE__ */ Object.freeze({
  TEXT: 1,
  ASCII: 2,
  /** The message is in memory of a decoder. */
  DECODED: 4,
  /** The message is in its own memory, and text is validated. */
  OWN: 8,
} as const);

export const kindOf = (isText: boolean, isAscii: boolean): number =>
  (isText ? IS.TEXT : 0) | (isAscii ? IS.ASCII : 0);

/**
 * Decodes a received text.
 * @param kind Bits of {@link IS}; here and below.
 * @returns `undefined` if it is not UTF-8.
 */
export function textIn(
  bytes: Buffer,
  start: number,
  end: number,
  kind: number,
  memory: MessageMemory,
): string | undefined {
  const isAscii = (kind & IS.ASCII) !== 0;
  let text: string | undefined;
  if (isAscii) text = bytes.toString('latin1', start, end);
  else if ((kind & IS.OWN) !== 0) text = decodeUtf8(bytes, start, end);
  else text = decodeIfUtf8(bytes, start, end);
  // The decoder overwrites its memory without notice.
  if (text !== undefined && (kind & IS.DECODED) === 0)
    memory.reusableBytes.noteText(text, bytes, start, end, isAscii);
  return text;
}

/** Copies a received binary message that is not in its own memory. */
export function binaryIn(
  input: PagedInput,
  bytes: Buffer,
  start: number,
  end: number,
  memory: MessageMemory,
): Buffer {
  const message = memory.pages.copy(input, bytes, start, end);
  memory.reusableBytes.noteBinary(message);
  return message;
}

/** Returns a message that is in its own memory, without a copy if it fills it. */
export function ownBytesIn(bytes: Buffer, start: number, end: number, memory: MessageMemory): Buffer {
  const isWhole = end === bytes.length;
  const message = isWhole ? bytes : copyOf(bytes, start, end);
  if (!isWhole) memory.outgrown.keep(bytes);
  memory.reusableBytes.noteBinary(message);
  return message;
}

/**
 * Copies the bytes of a received text.
 * @returns `undefined` if it is not UTF-8.
 */
export function textBytesIn(
  bytes: Buffer,
  start: number,
  end: number,
  kind: number,
  memory: MessageMemory,
): Buffer | undefined {
  const message = memory.texts.copy(bytes, start, end);
  if ((kind & IS.ASCII) === 0 && !isUtf8(message)) return undefined;
  if ((kind & IS.DECODED) === 0) memory.reusableBytes.noteTextBytes(message, bytes, start, end);
  else memory.reusableBytes.noteBinary(message);
  return message;
}
