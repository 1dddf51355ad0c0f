import { Buffer } from 'node:buffer';
import { OPCODE, OPCODE_MASK } from '../constants.ts';
import {
  buildFragment,
  buildFrame,
  type FrameKey,
  headerBytes,
  writeFrame,
  writeHeader,
  writeTextFrame,
} from './frame-builder.ts';
import { ENTRY_BYTES } from '../limits.ts';
import type { PreparedMessage } from './prepared-message.ts';
import { FrameBlock, MAX_BLOCK_FRAME_BYTES } from './frame-block.ts';
import { joinSmall } from './joined-run.ts';
import { type MarkCallback, Marks } from './marks.ts';
import type { ProtocolMemory } from '../memory.ts';
import { PACKING_BYTES, type PackingOwner } from './packing-table.ts';
import {
  dropOldestMessage,
  isUncopied,
  messagesIn,
  takeControl,
  type WaitingFrame,
} from './waiting-frames.ts';

/** Payloads from this size on are sent without a copy; smaller ones are packed next to each other. */
export const UNCOPIED_FROM_BYTES = 16_384;
const HIGH_WATER_MARK_BYTES = 262_144;
/** Size of the longest header, masked. */
const HEADER_ROOM = 14;
/** Header of a frame whose header was already written. */
const NOTHING = /* @__PURE__ */ Buffer.alloc(0);
/** Returned by {@link Outbox.take} when there is nothing to write. */
const NO_CHUNKS: readonly Uint8Array[] = /* @__PURE__ */ Object.freeze([]);

/** The connection below, as an outbox sees it. */
export interface Wire {
  /** True while it has more bytes than it accepts at once. */
  readonly blocked: boolean;
  /** Bytes that it accepted and has not sent. */
  readonly bufferedBytes: number;
  /**
   * True if it may read chunks long after it got them, when the application may have detached them: payloads of the
   * application are then copied first.
   */
  readonly needsCopies: boolean;
}

/** Limits of an outbox. */
export interface OutgoingLimits {
  /** Largest number of pongs that are queued while the wire is blocked. */
  readonly maxPendingPongs: number;
  /** Approximate number of bytes that the wire gets before the peer reads them. Default 262,144. */
  readonly highWaterMarkBytes?: number;
}

/**
 * The bytes that one connection has to send, in order. Everything of one turn of the event loop leaves in one write.
 * Messages that the socket does not accept stay queued here, where they can still be dropped; pongs overtake them.
 * While the socket is blocked, small frames are packed into blocks. Each queue entry counts {@link ENTRY_BYTES} in
 * addition to its bytes.
 */
export class Outbox implements PackingOwner {
  /** Bytes queued here, on the wire, including headers. */
  waitingBytes = 0;
  /** Bytes that {@link take} has returned so far. */
  sentBytes = 0;
  /**
   * Set if a queued payload was detached before it was written: a `whole` one, or the rest of a `begun` one. Nothing is
   * written afterwards until {@link dropWaiting}.
   */
  lostPayload: 'whole' | 'begun' | undefined;

  readonly #wire: Wire;
  readonly #nextKey: (() => number) | undefined;
  readonly #memory: ProtocolMemory;
  readonly #limits: OutgoingLimits;
  /** Whole frames in order; the first one may be partly written. */
  #waiting: WaitingFrame[] | undefined;
  /** Small frames after `#waiting`, while the socket is blocked. */
  #block: FrameBlock | undefined;
  #firstIsBegun = false;
  /** Control frames; they overtake queued messages. */
  #control: Uint8Array[] | undefined;
  /** True if pings or pongs may be packed with queued messages. */
  #controlIsPacked = false;
  #closed = false;
  #marks: Marks | undefined;

  /**
   * @param memory Memory of the connections whose messages are sent on from here.
   * @param nextKey Returns a fresh masking key for each frame; clients only (§5.3).
   */
  constructor(wire: Wire, limits: OutgoingLimits, memory: ProtocolMemory, nextKey?: () => number) {
    this.#wire = wire;
    this.#limits = limits;
    this.#nextKey = nextKey;
    this.#memory = memory;
  }

  /** What everything accepted and not yet taken by the kernel counts, in bytes. */
  get bufferedBytes(): number {
    return this.queuedBytes + this.#wire.bufferedBytes;
  }

  /** What the queues here count: bytes of frames plus {@link ENTRY_BYTES} per entry. */
  get queuedBytes(): number {
    // An open socket accepts everything in the same turn: there are only packed frames, which are not entries.
    if (this.#waiting === undefined && this.#block === undefined && this.#control === undefined)
      return this.waitingBytes;
    const entries =
      (this.#waiting?.length ?? 0) + (this.#control?.length ?? 0) + (this.#block === undefined ? 0 : 1);
    return this.waitingBytes + entries * ENTRY_BYTES;
  }

  /** Bytes of frames that are ready to be written, here and in the transport. */
  get unwrittenBytes(): number {
    return this.waitingBytes + this.#wire.bufferedBytes;
  }

  /** Bytes still to be taken of a frame whose first bytes were taken; 0 between frames. */
  get begunBytes(): number {
    return this.#firstIsBegun ? this.#waiting![0]!.length : 0;
  }

  /** Memory that a compressor keeps between messages, in bytes. */
  get contextBytes(): number {
    return 0;
  }

  /** True if nothing is queued, here or in a subclass. */
  get idle(): boolean {
    return this.waitingBytes === 0;
  }

  /** @param _compress The application's choice; used by outboxes that compress. */
  text(text: string, _compress?: boolean): void {
    const bytes = this.#memory.reusableBytes.utf8Of(text);
    if (bytes !== undefined) {
      // The next read overwrites these bytes, so they are copied at any size.
      if (bytes.length < UNCOPIED_FROM_BYTES) this.#copySmall(OPCODE.TEXT, bytes, this.#key());
      else this.#push(buildFrame(OPCODE.TEXT, bytes, this.#key()));
      return;
    }
    const room = text.length * 3 + HEADER_ROOM;
    if (this.#wire.blocked) {
      if (room <= MAX_BLOCK_FRAME_BYTES)
        this.waitingBytes += this.#blockWith(room).text(OPCODE.TEXT, text, this.#key());
      else this.#push(buildFrame(OPCODE.TEXT, text, this.#key()));
    } else if (room <= PACKING_BYTES) {
      const table = this.#memory.packingTable;
      const at = table.reserve(this, room);
      const end = writeTextFrame(table.bytes, at, OPCODE.TEXT, text, this.#key());
      table.commit(end);
      this.waitingBytes += end - at;
    } else this.#push(buildFrame(OPCODE.TEXT, text, this.#key()));
  }

  /**
   * @param payload Small ones are copied; large ones must stay unchanged until `bufferedBytes` shows that they were
   *   sent.
   * @param _compress The application's choice; used by outboxes that compress.
   */
  data(opcode: number, payload: Uint8Array, _compress?: boolean): void {
    const key = this.#key();
    if (payload.length < UNCOPIED_FROM_BYTES) this.#copySmall(opcode, payload, key);
    else if (key === undefined && !this.#wire.needsCopies) {
      const header = Buffer.allocUnsafe(headerBytes(payload.length, undefined));
      writeHeader(header, 0, opcode, payload.length, undefined);
      this.#push({ header, payload, length: header.length + payload.length });
    } else this.#push(buildFrame(opcode, payload, key));
  }

  /**
   * Sends one fragment of a message; the payload is copied. Only its other fragments and control frames may be sent
   * before its last fragment.
   * @param opcode Opcode of the message for its first fragment; 0 for the others.
   */
  fragment(opcode: number, payload: Uint8Array, isLast: boolean): void {
    this.#push(buildFragment(opcode, payload, isLast, this.#key()));
  }

  /** Sends a message that other connections send, too. */
  prepared(message: PreparedMessage): void {
    this.shared(message.frame);
  }

  /**
   * Sends a frame that other connections send, too. While the socket is blocked, copying a small frame costs less than
   * a reference.
   */
  shared(frame: Uint8Array): void {
    if (frame.length > ENTRY_BYTES || !this.#wire.blocked) {
      this.#push(frame);
      return;
    }
    this.#blockWith(frame.length).copy(frame);
    this.waitingBytes += frame.length;
  }

  control(opcode: number, payload: Uint8Array): void {
    if (this.#closed) return;
    if (!this.#wire.blocked) {
      this.#pack(opcode, payload, this.#key());
      this.#controlIsPacked = true;
      return;
    }
    if (this.#controlIsPacked) this.#unpackControl();
    const control = (this.#control ??= []);
    if (opcode === OPCODE.PONG && control.length >= this.#limits.maxPendingPongs) this.#passOver(control);
    const frame = buildFrame(opcode, payload, this.#key());
    control.push(frame);
    this.waitingBytes += frame.length;
  }

  /** Moves packed pings and pongs before the messages, so that a newer pong cannot overtake an older one. */
  #unpackControl(): void {
    this.#memory.packingTable.moveOut(this);
    this.#controlIsPacked = false;
    const moved = takeControl(this.#waiting ?? [], this.#firstIsBegun ? 1 : 0);
    const control = (this.#control = [...(this.#control ?? []), ...moved]);
    while (control.length > this.#limits.maxPendingPongs && this.#passOver(control));
  }

  /**
   * Drops the oldest queued pong: newer ones answer for it (§5.5.3).
   * @returns False if there is none.
   */
  #passOver(control: Uint8Array[]): boolean {
    const oldest = control.findIndex((frame) => (frame[0]! & OPCODE_MASK) === OPCODE.PONG);
    if (oldest < 0) return false;
    this.waitingBytes -= control[oldest]!.length;
    control.splice(oldest, 1);
    return true;
  }

  closeAfterWaiting(body: Uint8Array): void {
    this.#push(buildFrame(OPCODE.CLOSE, body, this.#key()));
  }

  closeNow(body: Uint8Array): void {
    this.closeAfterWaiting(body);
    this.#closed = true;
  }

  /**
   * Calls `callback` once the kernel has taken everything accepted before, or when that was dropped. {@link settle} does
   * the former. Pongs that overtake, and messages that were dropped, can delay it, at most until nothing is queued. Call it
   * only before {@link clear}.
   */
  mark(callback: MarkCallback): void {
    let overtaking = 0;
    for (const frame of this.#control ?? []) overtaking += frame.length;
    this.#marks ??= new Marks();
    this.#marks.add(this.sentBytes + this.waitingBytes - overtaking, callback);
  }

  /** Calls the marks whose bytes the kernel has taken. Call it after writing, and when the wire has sent more. */
  settle(): void {
    const marks = this.#marks;
    if (marks === undefined) return;
    const takenBytes = this.sentBytes - this.#wire.bufferedBytes;
    marks.reach(
      this.waitingBytes === 0 && takenBytes === this.sentBytes ? Number.POSITIVE_INFINITY : takenBytes,
    );
    if (marks.size === 0) this.#marks = undefined;
  }

  /**
   * Drops all queued messages that are not begun, and the pongs.
   * @returns Number of dropped messages.
   */
  dropWaiting(): number {
    this.#memory.packingTable.moveOut(this);
    this.#endBlock();
    const kept = this.#firstIsBegun ? this.#waiting?.[0] : undefined;
    let dropped = 0;
    for (const frame of this.#waiting ?? []) if (frame !== kept) dropped += messagesIn(frame);
    this.#waiting = kept === undefined ? undefined : [kept];
    this.#control = undefined;
    this.waitingBytes = kept?.length ?? 0;
    if (kept === undefined) this.lostPayload = undefined;
    this.#marks?.drop(this.sentBytes + this.waitingBytes);
    return dropped;
  }

  /**
   * Drops the oldest queued message that is not begun.
   * @returns Its size with header, in bytes; 0 if there is none.
   */
  dropOldest(): number {
    this.#memory.packingTable.moveOut(this);
    let bytes = dropOldestMessage(this.#waiting ?? [], this.#firstIsBegun ? 1 : 0);
    if (bytes === 0 && this.#block !== undefined) {
      this.#endBlock();
      bytes = dropOldestMessage(this.#waiting!, this.#firstIsBegun ? 1 : 0);
    }
    this.waitingBytes -= bytes;
    return bytes;
  }

  /** Drops everything: the connection is closed. */
  clear(): void {
    this.#memory.packingTable.take(this);
    this.#waiting = undefined;
    this.#block = undefined;
    this.#control = undefined;
    this.#firstIsBegun = false;
    this.waitingBytes = 0;
    this.#closed = true;
    this.#marks?.drop(Number.NEGATIVE_INFINITY);
    this.#marks = undefined;
  }

  /**
   * Returns the next bytes to write, in order: as many as the wire accepts. Pass all of them to the wire before the
   * next call, and call it until it returns none.
   * @returns Chunks that must stay unchanged until they are sent; none if nothing is pending, or while the wire is
   *   blocked.
   */
  take(): readonly Uint8Array[] {
    if (this.#waiting === undefined && this.#block === undefined && this.#control === undefined) {
      const run = this.#memory.packingTable.take(this);
      if (run === undefined) return NO_CHUNKS;
      this.waitingBytes -= run.length;
      this.sentBytes += run.length;
      return [run];
    }
    this.#memory.packingTable.moveOut(this);
    const wire = this.#wire;
    if (wire.blocked) return NO_CHUNKS;
    this.#endBlock();
    const before = this.waitingBytes;
    const room = (this.#limits.highWaterMarkBytes ?? HIGH_WATER_MARK_BYTES) - wire.bufferedBytes;
    if (before === 0 || room <= 0 || this.lostPayload !== undefined) return NO_CHUNKS;
    const chunks = this.#gather(room);
    this.sentBytes += before - this.waitingBytes;
    return chunks;
  }

  /** A run of packed frames comes back, because another connection needs the place. */
  packed(run: Buffer): void {
    this.#endBlock();
    (this.#waiting ??= []).push(run);
  }

  #key(): FrameKey {
    return this.#nextKey?.();
  }

  #copySmall(opcode: number, payload: Uint8Array, key: FrameKey): void {
    if (!this.#wire.blocked) this.#pack(opcode, payload, key);
    else if (payload.length <= MAX_BLOCK_FRAME_BYTES - HEADER_ROOM)
      this.waitingBytes += this.#blockWith(payload.length + HEADER_ROOM).data(opcode, payload, key);
    else this.#push(buildFrame(opcode, payload, key));
  }

  /** @returns The block for the next small frame; it has `room` bytes. */
  #blockWith(room: number): FrameBlock {
    this.#memory.packingTable.moveOut(this);
    const block = this.#block;
    if (block?.hasRoom(room) === true) return block;
    this.#endBlock();
    return (this.#block = new FrameBlock(room, block));
  }

  /** Ends the block, because other frames follow it or it is being written. It becomes an ordinary entry. */
  #endBlock(): void {
    if (this.#block === undefined) return;
    (this.#waiting ??= []).push(this.#block.run);
    this.#block = undefined;
  }

  #pack(opcode: number, payload: Uint8Array, key: FrameKey): void {
    const table = this.#memory.packingTable;
    const at = table.reserve(this, payload.length + HEADER_ROOM);
    const end = writeFrame(table.bytes, at, opcode, payload, key);
    table.commit(end);
    this.waitingBytes += end - at;
  }

  #push(frame: WaitingFrame): void {
    this.#memory.packingTable.moveOut(this);
    this.#endBlock();
    (this.#waiting ??= []).push(frame);
    this.waitingBytes += frame.length;
  }

  /** Takes up to `room` bytes of messages, and all control frames before them unless a frame is begun. */
  #gather(room: number): Uint8Array[] {
    const waiting = this.#waiting ?? [];
    if (this.#control === undefined && !this.#firstIsBegun && this.waitingBytes <= room) {
      const run = this.#memory.joinedRun.join(waiting);
      if (run !== undefined) {
        this.#waiting = undefined;
        this.waitingBytes = 0;
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
      for (const frame of this.#control ?? []) {
        chunks.push(frame);
        this.waitingBytes -= frame.length;
        this.#marks?.overtaken(frame.length);
      }
      this.#control = undefined;
      for (; taken < waiting.length && left > 0; taken++) {
        if (this.#isLost(waiting[taken]!)) break;
        left -= this.#takeFrame(chunks, waiting, taken, left);
        if (this.#firstIsBegun) break;
      }
    }
    waiting.splice(0, taken);
    if (waiting.length === 0) this.#waiting = undefined;
    return joinSmall(chunks);
  }

  /** True if the application has detached the payload since `data`: its header promises bytes that no longer exist. */
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
    this.waitingBytes -= headerLength + length;
    return headerLength + length;
  }
}
