import type { Buffer } from 'node:buffer';
import { FIN, LENGTH_16, LENGTH_64, LENGTH_MASK, OPCODE } from './constants.ts';
import { bufferView, setBytes, zeroedBuffer } from './buffer-view.ts';
import { copyOf } from './message-memory.ts';
import { PayloadStage } from './payload-stage.ts';

/** Messages up to this size have memory of their own: V8 keeps it on its heap, where it costs less than a view of a page. */
const OWN_UP_TO_BYTES = 64;
/** Up to this size, a loop copies faster than a call. */
const LOOPED_UP_TO_BYTES = 8;
/** Larger messages have memory of their own: they are rarely followed by others in the same read. */
const PAGED_UP_TO_BYTES = 4_096;
/**
 * Where the first message of a page begins. Never 0: code that reads `message.buffer` from its start is wrong with the first
 * message already, and not only when several messages arrive together.
 */
const LEAD_BYTES = 8;
/** Messages in one page, in bytes with their padding. */
const MESSAGE_BYTES = 16_384;
/** Size of the largest page, in bytes. */
export const PAGE_BYTES: number = LEAD_BYTES + MESSAGE_BYTES;

/** Each message begins at a multiple of 8, so that views of 64-bit numbers are possible. */
const padded = (bytes: number): number => (bytes + 7) & ~7;

/** The connection whose messages a page takes. */
export interface PagedInput {
  /** Its messages are received as streams, whose chunks have memory of their own. */
  readonly passesParts: boolean;
  /** Room that the messages behind the last one need, as {@link roomFor} counts it; 0 unless they are in memory of the driver. */
  roomAhead(mostBytes: number): number;
  /** Position of `bytes` in SIMD memory, -1 if they are elsewhere or if it is not known. */
  offsetOf(bytes: Buffer): number;
}

/**
 * Memory of received binary messages of 65 to 4,096 bytes. Those of one read of one connection share pages that hold nothing
 * else: separate memory for each costs as much as all other work on it. A message keeps its page alive. Whether a message lies
 * in a page depends on its size alone, never on what arrives with it, so that programs do not depend on timing.
 */
export class MessagePages {
  readonly #allocate: (bytes: number) => ArrayBuffer;
  readonly #stage = new PayloadStage();
  #page: ArrayBuffer | undefined;
  #used = 0;
  #input: PagedInput | undefined;

  /** @param allocate Returns zeroed memory. Default: ordinary memory. */
  constructor(allocate: (bytes: number) => ArrayBuffer = (bytes) => new ArrayBuffer(bytes)) {
    this.#allocate = allocate;
  }

  /** @returns A copy that belongs to the application. */
  copy(input: PagedInput, bytes: Buffer, start: number, end: number): Buffer {
    const length = end - start;
    if (length > PAGED_UP_TO_BYTES || input.passesParts) return copyOf(bytes, start, end);
    const offset = input.offsetOf(bytes);
    if (length <= OWN_UP_TO_BYTES) return this.#copyToOwn(bytes, start, end, offset);
    let page = this.#page;
    let at = this.#used;
    // An application may have detached the page, which then has length 0.
    if (page === undefined || input !== this.#input || at + length > page.byteLength) {
      page = this.#begin(input, length);
      at = LEAD_BYTES;
    }
    this.#used = padded(at + length);
    const message = bufferView(page, at, length);
    setBytes(message, this.#stage.view(bytes, start, end, offset), 0);
    return message;
  }

  /** Call when the messages of a read were taken: other connections must not share its pages. */
  forget(): void {
    if (this.#input === undefined) return;
    this.#input = undefined;
    this.#page = undefined;
  }

  #copyToOwn(bytes: Buffer, start: number, end: number, offset: number): Buffer {
    if (offset < 0 || end - start <= LOOPED_UP_TO_BYTES) return copyOf(bytes, start, end);
    const message = zeroedBuffer(end - start);
    setBytes(message, this.#stage.view(bytes, start, end, offset), 0);
    return message;
  }

  /** Begins a page for a message of `length` bytes and those behind it. */
  #begin(input: PagedInput, length: number): ArrayBuffer {
    const own = LEAD_BYTES + padded(length);
    const page = this.#allocate(own + input.roomAhead(PAGE_BYTES - own));
    this.#page = page;
    this.#input = input;
    return page;
  }
}

/**
 * Room in a page for the whole, uncompressed binary messages that follow each other from `at` on, in bytes. Their headers are
 * not validated: the room is a guess that saves allocations. It is exact for valid frames, so that a page is never larger than
 * what the read has brought.
 * @param maskBytes Size of the masking key of each frame, in bytes.
 * @param mostBytes The room is at most this large.
 */
export function roomFor(
  bytes: Uint8Array,
  at: number,
  end: number,
  maskBytes: number,
  mostBytes: number,
): number {
  let room = 0;
  let next = at;
  while (next + 4 <= end && bytes[next] === (FIN | OPCODE.BINARY)) {
    let length = bytes[next + 1]! & LENGTH_MASK;
    if (length === LENGTH_64) break;
    if (length === LENGTH_16) {
      length = bytes[next + 2]! * 256 + bytes[next + 3]!;
      next += 2;
    }
    next += 2 + maskBytes + length;
    if (next > end) break;
    if (length <= OWN_UP_TO_BYTES || length > PAGED_UP_TO_BYTES) continue;
    if (room + padded(length) > mostBytes) break;
    room += padded(length);
  }
  return room;
}
