import { OPCODE } from '../constants.ts';
import { ENTRY_BYTES } from '../limits.ts';
import { FrameBlock } from './frame-block.ts';
import type { MarkCallback } from './marks.ts';
import type { PreparedMessage } from './prepared-message.ts';

/** A message that is being encoded, or is to be. */
export interface QueuedMessage {
  readonly is: 'message';
  readonly opcode: number;
  /** In memory of the queue: encoders may read it long after the application has changed or detached its own. */
  data: string | Uint8Array;
  readonly compress: boolean | undefined;
  /** Index of the next encoder. */
  at: number;
  /** Reserved bits of the encoders that have transformed it. */
  reservedBits: number;
  readonly bytes: number;
}

/** A fragment that is being encoded, or is to be. */
export interface QueuedFragment {
  readonly is: 'part';
  readonly opcode: number;
  /** In memory of the queue. */
  data: Uint8Array;
  readonly isLast: boolean;
  /** `data` is the output of the encoder. */
  isEncoded: boolean;
  readonly bytes: number;
}

/** Small messages that are not encoded. */
interface QueuedFrames {
  readonly is: 'frames';
  readonly block: FrameBlock;
  bytes: number;
}

/**
 * An entry of the queue: the message that is being encoded, or one after it. Small messages that are not encoded share a
 * block.
 */
export type QueueEntry =
  | QueuedMessage
  | QueuedFragment
  | QueuedFrames
  | { readonly is: 'fragment'; readonly frame: Uint8Array; readonly isFirst: boolean; readonly bytes: number }
  | { readonly is: 'prepared'; readonly message: PreparedMessage; readonly bytes: number }
  | { readonly is: 'close'; readonly body: Uint8Array; readonly bytes: number }
  | { readonly is: 'mark'; readonly callback: MarkCallback; readonly bytes: 0 };

function messagesOf(entry: QueueEntry): number {
  if (entry.is === 'close' || entry.is === 'mark') return 0;
  if (entry.is === 'fragment') return entry.isFirst ? 1 : 0;
  if (entry.is === 'part') return entry.opcode === OPCODE.CONTINUATION ? 0 : 1;
  return entry.is === 'frames' ? entry.block.messages : 1;
}

/** The messages of one connection that wait for an encoder, in order; exists while there are any. */
export class EncodingQueue {
  readonly #entries: QueueEntry[] = [];
  #bytes = 0;

  get first(): QueueEntry | undefined {
    return this.#entries[0];
  }

  get length(): number {
    return this.#entries.length;
  }

  /** What it counts: bytes of the messages plus {@link ENTRY_BYTES} per entry. */
  get countedBytes(): number {
    return this.#bytes + this.#entries.length * ENTRY_BYTES;
  }

  /** Number of messages, without the Close. */
  get messages(): number {
    let messages = 0;
    for (const entry of this.#entries) messages += messagesOf(entry);
    return messages;
  }

  /** Calls the marks: what they wait for was dropped. */
  dropMarks(): void {
    for (const entry of this.#entries) if (entry.is === 'mark') entry.callback(true);
  }

  push(entry: QueueEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  shift(): void {
    this.#bytes -= this.#entries.shift()!.bytes;
  }

  /**
   * Finds the block at the end for a small frame, or adds one.
   * @param room Bytes that it needs at most.
   * @returns The block.
   */
  blockWith(room: number): FrameBlock {
    const last = this.#entries.at(-1);
    const before = last?.is === 'frames' ? last.block : undefined;
    if (before?.hasRoom(room) === true) return before;
    const block = new FrameBlock(room, before);
    this.push({ is: 'frames', block, bytes: 0 });
    return block;
  }

  /** @param bytes Size of a frame that was written to the block at the end. */
  blockGrew(bytes: number): void {
    (this.#entries.at(-1) as QueuedFrames).bytes += bytes;
    this.#bytes += bytes;
  }
}
