import { Buffer } from 'node:buffer';
import { type FrameKey, writeFrame, writeTextFrame } from './frame-builder.ts';

/** Memory of the first block of a queue, in bytes. */
const LEAST_BYTES = 256;
/**
 * Largest memory of a block, in bytes: in a long queue each block is twice as large as the one before, up to this size.
 */
const MOST_BYTES = 16_384;
/** Frames that may need more room than this get their own memory, in bytes. */
export const MAX_BLOCK_FRAME_BYTES = 4_096;

/**
 * Small frames of one queue, packed next to each other: one buffer per frame would cost more memory than the frames.
 */
export class FrameBlock {
  readonly #memory: Buffer;
  #usedBytes = 0;
  /** Number of messages in the block. */
  messages = 0;

  /**
   * @param room Bytes that the first frame needs at most.
   * @param before The previous block of the same queue.
   */
  constructor(room: number, before: FrameBlock | undefined) {
    const wanted = before === undefined ? LEAST_BYTES : Math.min(2 * before.#memory.length, MOST_BYTES);
    this.#memory = Buffer.allocUnsafeSlow(Math.max(wanted, room));
  }

  hasRoom(bytes: number): boolean {
    return this.#memory.length - this.#usedBytes >= bytes;
  }

  /** @returns Size of the frame in bytes. */
  text(opcode: number, text: string, key: FrameKey): number {
    return this.#end(writeTextFrame(this.#memory, this.#usedBytes, opcode, text, key));
  }

  /** @returns Size of the frame in bytes. */
  data(opcode: number, payload: Uint8Array, key: FrameKey): number {
    return this.#end(writeFrame(this.#memory, this.#usedBytes, opcode, payload, key));
  }

  /** Copies a whole frame, unmasked or with its key. */
  copy(frame: Uint8Array): void {
    this.#memory.set(frame, this.#usedBytes);
    this.#usedBytes += frame.length;
    this.messages++;
  }

  /** Returns all frames as one run. Nothing may be added afterwards. */
  get run(): Buffer {
    return this.#memory.subarray(0, this.#usedBytes);
  }

  #end(position: number): number {
    const bytes = position - this.#usedBytes;
    this.#usedBytes = position;
    this.messages++;
    return bytes;
  }
}
