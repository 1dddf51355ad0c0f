import { Buffer } from 'node:buffer';
import { OPCODE, OPCODE_MASK } from '../constants.ts';
import { ENTRY_BYTES } from '../limits.ts';
import { FrameBlock } from './frame-block.ts';
import { type JoinedRun, joinSmall } from './joined-run.ts';
import {
  dropOldestMessage,
  isUncopied,
  messagesIn,
  takeControl,
  type WaitingFrame,
} from './waiting-frames.ts';

/** Header of a frame whose header was already written. */
const NOTHING = /* @__PURE__ */ Buffer.alloc(0);

/**
 * The frames of one outbox that are not in the packing table: large ones, and all frames while the socket is blocked.
 * Messages stay in order and can be dropped until their first byte is taken; control frames overtake them.
 */
export class WaitingQueue {
  /** Bytes of all frames here, with headers. */
  bytes = 0;
  /**
   * Set if a payload was detached before it was written: a `whole` one, or the rest of a `begun` one. Nothing is taken
   * afterwards until {@link dropMessages}.
   */
  lostPayload: 'whole' | 'begun' | undefined;

  /** Whole frames in order; the first one may be partly written. */
  #frames: WaitingFrame[] | undefined;
  /** Small frames after `#frames`, while the socket is blocked. */
  #block: FrameBlock | undefined;
  #firstIsBegun = false;
  /** Control frames; they overtake queued messages. */
  #control: Uint8Array[] | undefined;

  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  /** What the queue counts: its bytes plus {@link ENTRY_BYTES} per entry. */
  get countedBytes(): number {
    if (this.isEmpty) return 0;
    const entries =
      (this.#frames?.length ?? 0) + (this.#control?.length ?? 0) + (this.#block === undefined ? 0 : 1);
    return this.bytes + entries * ENTRY_BYTES;
  }

  /** Bytes of the control frames here. */
  get controlBytes(): number {
    let bytes = 0;
    if (this.#control !== undefined) for (const frame of this.#control) bytes += frame.length;
    return bytes;
  }

  /** Bytes still to be taken of a frame whose first bytes were taken; 0 between frames. */
  get begunBytes(): number {
    return this.#firstIsBegun ? this.#frames![0]!.length : 0;
  }

  push(frame: WaitingFrame): void {
    this.#endBlock();
    // A list that is made with one frame takes a third of the memory of a list that grows.
    if (this.#frames === undefined) this.#frames = [frame];
    else this.#frames.push(frame);
    this.bytes += frame.length;
  }

  /** @returns The block for the next small frame; it has `room` bytes. Tell {@link blockGrew} the size of the frame. */
  blockWith(room: number): FrameBlock {
    const block = this.#block;
    if (block?.hasRoom(room) === true) return block;
    this.#endBlock();
    return (this.#block = new FrameBlock(room, block));
  }

  blockGrew(bytes: number): void {
    this.bytes += bytes;
  }

  /** @param maxPongs A pong over this number replaces the oldest one. */
  pushControl(opcode: number, frame: Uint8Array, maxPongs: number): void {
    const control = (this.#control ??= []);
    if (opcode === OPCODE.PONG && control.length >= maxPongs) this.#passOver(control);
    control.push(frame);
    this.bytes += frame.length;
  }

  /** Moves pings and pongs that were packed with messages before the messages. */
  unpackControl(maxPongs: number): void {
    const moved = takeControl(this.#frames ?? [], this.#firstIsBegun ? 1 : 0);
    const control = (this.#control = [...(this.#control ?? []), ...moved]);
    while (control.length > maxPongs && this.#passOver(control));
  }

  /**
   * Drops the oldest queued pong: newer ones answer for it (§5.5.3).
   * @returns False if there is none.
   */
  #passOver(control: Uint8Array[]): boolean {
    const oldest = control.findIndex((frame) => (frame[0]! & OPCODE_MASK) === OPCODE.PONG);
    if (oldest < 0) return false;
    this.bytes -= control[oldest]!.length;
    control.splice(oldest, 1);
    return true;
  }

  /**
   * Drops all messages that are not begun, and the control frames.
   * @returns Number of dropped messages.
   */
  dropMessages(): number {
    this.#endBlock();
    const kept = this.#firstIsBegun ? this.#frames?.[0] : undefined;
    let dropped = 0;
    for (const frame of this.#frames ?? []) if (frame !== kept) dropped += messagesIn(frame);
    this.#frames = kept === undefined ? undefined : [kept];
    this.#control = undefined;
    this.bytes = kept?.length ?? 0;
    if (kept === undefined) this.lostPayload = undefined;
    return dropped;
  }

  /**
   * Drops the oldest message that is not begun.
   * @returns Its size with header, in bytes; 0 if there is none.
   */
  dropOldest(): number {
    const from = this.#firstIsBegun ? 1 : 0;
    let bytes = dropOldestMessage(this.#frames ?? [], from);
    if (bytes === 0 && this.#block !== undefined) {
      this.#endBlock();
      bytes = dropOldestMessage(this.#frames!, from);
    }
    this.bytes -= bytes;
    return bytes;
  }

  /**
   * Takes up to `room` bytes of messages, and all control frames before them unless a frame is begun.
   * @param joinedRun Memory in which small frames are joined to one chunk.
   */
  take(room: number, joinedRun: JoinedRun): readonly Uint8Array[] {
    this.#endBlock();
    const waiting = this.#frames ?? [];
    if (this.#control === undefined && !this.#firstIsBegun && this.bytes <= room) {
      if (waiting.length === 1) return this.#takeOnly(waiting);
      const run = joinedRun.join(waiting);
      if (run !== undefined) {
        this.#frames = undefined;
        this.bytes = 0;
        return [run];
      }
    }
    const chunks: Uint8Array[] = [];
    let left = room;
    let taken = 0;
    if (this.#firstIsBegun) {
      if (this.#isLost(waiting[0]!)) return chunks;
      left -= this.#takeFrame(chunks, waiting, 0, left);
      if (!this.#firstIsBegun) taken = 1;
    }
    if (!this.#firstIsBegun) {
      if (this.#control !== undefined) this.#takeControl(chunks, this.#control);
      for (; taken < waiting.length && left > 0; taken++) {
        if (this.#isLost(waiting[taken]!)) break;
        left -= this.#takeFrame(chunks, waiting, taken, left);
        if (this.#firstIsBegun) break;
      }
    }
    waiting.splice(0, taken);
    if (waiting.length === 0) this.#frames = undefined;
    return joinSmall(chunks);
  }

  /** Takes the only frame: the usual case of a connection that is not blocked. */
  #takeOnly(waiting: readonly WaitingFrame[]): readonly Uint8Array[] {
    const frame = waiting[0]!;
    if (this.#isLost(frame)) return [];
    this.#frames = undefined;
    this.bytes = 0;
    return isUncopied(frame) ? [frame.header, frame.payload] : (waiting as readonly Uint8Array[]);
  }

  #takeControl(chunks: Uint8Array[], control: readonly Uint8Array[]): void {
    for (const frame of control) {
      chunks.push(frame);
      this.bytes -= frame.length;
    }
    this.#control = undefined;
  }

  /** Ends the block, because other frames follow it or it is being written. It becomes an ordinary entry. */
  #endBlock(): void {
    if (this.#block === undefined) return;
    (this.#frames ??= []).push(this.#block.run);
    this.#block = undefined;
  }

  /** True if the application has detached the payload since it was queued: its header promises bytes that no longer exist. */
  #isLost(frame: WaitingFrame): boolean {
    if (!isUncopied(frame) || frame.header.length + frame.payload.length === frame.length) return false;
    this.lostPayload = this.#firstIsBegun ? 'begun' : 'whole';
    return true;
  }

  /** @returns Bytes taken; the rest of the frame stays as the first queued frame, begun. */
  #takeFrame(chunks: Uint8Array[], waiting: WaitingFrame[], at: number, room: number): number {
    const frame = waiting[at]!;
    let headerLength = 0;
    let bytes = frame as Uint8Array;
    if (isUncopied(frame)) {
      bytes = frame.payload;
      headerLength = frame.header.length;
      if (headerLength > 0) chunks.push(frame.header);
    }
    const length = Math.min(Math.max(1, room - headerLength), bytes.length);
    this.#firstIsBegun = length < bytes.length;
    if (this.#firstIsBegun) {
      chunks.push(bytes.subarray(0, length));
      const rest = bytes.subarray(length);
      waiting[at] = isUncopied(frame) ? { header: NOTHING, payload: rest, length: rest.length } : rest;
    } else chunks.push(bytes);
    this.bytes -= headerLength + length;
    return headerLength + length;
  }
}
