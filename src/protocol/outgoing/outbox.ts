import type { Buffer } from 'node:buffer';
import { OPCODE } from '../constants.ts';
import {
  buildFragment,
  buildFrame,
  type FrameKey,
  payloadBytesIn,
  writeFrame,
  writeTextFrame,
} from './frame-builder.ts';
import { ENTRY_BYTES, HIGH_WATER_MARK_BYTES, type OutgoingLimits, UNCOPIED_FROM_BYTES } from '../limits.ts';
import type { PreparedMessage } from './prepared-message.ts';
import type { PreparedRun } from './prepared-run.ts';
import { type FrameBlock, MAX_BLOCK_FRAME_BYTES } from './frame-block.ts';
import { type MarkCallback, Marks } from './marks.ts';
import type { MessagesBehind } from './messages-behind.ts';
import type { ProtocolMemory } from '../memory.ts';
import { PACKING_BYTES, type PackingOwner } from './packing-table.ts';
import type { WaitingFrame } from './waiting-frames.ts';
import { WaitingQueue } from './waiting-queue.ts';
import type { BorrowingWire, Wire } from './wire.ts';

/** Size of the longest header, masked. */
const HEADER_ROOM = 14;
const KEY_BYTES = 4;
/** Returned by {@link Outbox.text} when the size of the text is not known. */
export const UNKNOWN_BYTES = -1;
/** Returned by {@link Outbox.take} when there is nothing to write. */
const NO_CHUNKS: readonly Uint8Array[] = /* @__PURE__ */ Object.freeze([]);

/** The queue of every outbox in which no frame has waited yet: an idle connection has none of its own. Nothing changes it. */
const EMPTY_QUEUE = /* @__PURE__ */ Object.freeze(/* @__PURE__ */ new WaitingQueue()) as WaitingQueue;

/**
 * The bytes that one connection has to send, in order. Everything of one turn of the event loop leaves in one write.
 * Messages that the socket does not accept stay queued here, where they can still be dropped; pongs overtake them.
 * While the socket is blocked, small frames are packed into blocks. Each queue entry counts 128 bytes in
 * addition to its bytes.
 */
export class Outbox implements PackingOwner {
  /** Bytes that {@link take} has returned so far. */
  sentBytes = 0;
  /**
   * Set by the driver while a message goes out in fragments, or while the wire is blocked and it wants to replace messages:
   * it has to put other messages there instead of here.
   */
  behind: MessagesBehind | undefined;

  readonly #wire: BorrowingWire;
  readonly #nextKey: (() => number) | undefined;
  readonly #memory: ProtocolMemory;
  readonly #limits: OutgoingLimits;
  /** Bytes of frames in the packing table; they follow the frames in `#queue`. */
  #packedBytes = 0;
  /** A queue of its own from the first frame that waits here. */
  #queue: WaitingQueue = EMPTY_QUEUE;
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
    const behind = this.behind === undefined ? 0 : this.behind.countedBytes;
    return this.queuedBytes + behind + this.#wire.bufferedBytes;
  }

  /** Bytes queued here, on the wire, including headers. */
  get waitingBytes(): number {
    return this.#packedBytes + this.#queue.bytes;
  }

  /** What the frames here count: their bytes plus `ENTRY_BYTES` per queue entry. Packed frames are not entries. */
  get queuedBytes(): number {
    return this.#packedBytes + this.#queue.countedBytes;
  }

  /** Bytes of frames that are ready to be written, here and in the transport. */
  get unwrittenBytes(): number {
    return this.waitingBytes + this.#wire.bufferedBytes;
  }

  /** Bytes still to be taken of a frame whose first bytes were taken; 0 between frames. */
  get begunBytes(): number {
    return this.#queue.begunBytes;
  }

  /**
   * Set if a queued payload was detached before it was written: a `whole` one, or the rest of a `begun` one. Nothing is
   * written afterwards until {@link dropWaiting}.
   */
  get lostPayload(): 'whole' | 'begun' | undefined {
    return this.#queue.lostPayload;
  }

  /** Memory that a compressor keeps between messages, in bytes. */
  get contextBytes(): number {
    return 0;
  }

  /** True if nothing is queued, here or in a subclass. */
  get idle(): boolean {
    return this.waitingBytes === 0;
  }

  /**
   * @param _compress The application's choice; used by outboxes that compress.
   * @returns The size of the text in bytes; -1 if an encoder takes it.
   */
  text(text: string, _compress?: boolean): number {
    if (this.#nextKey === undefined) {
      const frame = this.#memory.repeated.text(this, text, this.#memory.reusableBytes);
      if (frame !== undefined) {
        this.shared(frame);
        return payloadBytesIn(frame.length);
      }
    }
    const bytes = this.#memory.reusableBytes.utf8Of(text);
    if (bytes !== undefined) {
      // The next read overwrites these bytes, so they are copied at any size.
      if (bytes.length < UNCOPIED_FROM_BYTES) this.#copySmall(OPCODE.TEXT, bytes, this.#key());
      else this.#push(buildFrame(OPCODE.TEXT, bytes, this.#key()));
      return bytes.length;
    }
    const room = text.length * 3 + HEADER_ROOM;
    let length: number;
    if (!this.#wire.blocked && room <= PACKING_BYTES) {
      const table = this.#memory.packingTable;
      const at = table.reserve(this, room);
      const end = writeTextFrame(table.bytes, at, OPCODE.TEXT, text, this.#key());
      table.commit(end);
      length = end - at;
      this.#packedBytes += length;
    } else if (this.#wire.blocked && room <= MAX_BLOCK_FRAME_BYTES) {
      length = this.#blockWith(room).text(OPCODE.TEXT, text, this.#key());
      this.#waiting().blockGrew(length);
    } else {
      const frame = buildFrame(OPCODE.TEXT, text, this.#key());
      this.#push(frame);
      length = frame.length;
    }
    return payloadBytesIn(this.#nextKey === undefined ? length : length - KEY_BYTES);
  }

  /**
   * Sends a message, or queues it while the wire is blocked.
   * @param payload Small ones are copied; large ones must stay unchanged until `bufferedBytes` shows that they were
   *   sent.
   * @param _compress The application's choice; used by outboxes that compress.
   * @param source The object of the application that has these bytes. Other connections may send it next.
   */
  data(opcode: number, payload: Uint8Array, _compress?: boolean, source?: object): void {
    const key = this.#key();
    if (payload.length < UNCOPIED_FROM_BYTES) {
      const frame =
        source === undefined || key !== undefined
          ? undefined
          : this.#memory.repeated.bytes(this, opcode, source, payload);
      if (frame === undefined) this.#copySmall(opcode, payload, key);
      else this.shared(frame);
    } else if (key === undefined && !this.#wire.needsCopies) {
      this.#push(this.#memory.repeated.uncopied(this, opcode, source, payload));
    } else this.#push(buildFrame(opcode, payload, key));
  }

  /**
   * Returns the frame of an object that other connections have just sent, for {@link shared}. The object needs no further checks.
   * @returns `undefined` if it has to be sent with {@link data}.
   */
  framed(opcode: number, source: object): Buffer | undefined {
    return this.#nextKey === undefined ? this.#memory.repeated.framed(this, opcode, source) : undefined;
  }

  /**
   * Sends one fragment of a message; the payload is copied. Only its other fragments and control frames may be sent
   * before its last fragment.
   * @param opcode Opcode of the message for its first fragment; 0 for the others.
   * @param _compress The same for all fragments of a message. Default `false`; used by outboxes that compress.
   */
  fragment(opcode: number, payload: Uint8Array, isLast: boolean, _compress?: boolean): void {
    this.#push(buildFragment(opcode, payload, isLast, this.#key()));
  }

  /** Sends a message that other connections send, too. */
  prepared(message: PreparedMessage): void {
    this.shared(message.frame);
  }

  /** Sends messages that other connections send, too. */
  run(run: PreparedRun): void {
    for (const chunk of run.chunks) this.shared(chunk);
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
    this.#waiting().blockGrew(frame.length);
  }

  /** Sends a ping or a pong; while the wire is blocked, it overtakes messages that wait. */
  control(opcode: number, payload: Uint8Array): void {
    if (this.#closed) return;
    if (!this.#wire.blocked) {
      this.#pack(opcode, payload, this.#key());
      this.#controlIsPacked = true;
      return;
    }
    const { maxPendingPongs } = this.#limits;
    if (this.#controlIsPacked) {
      // A newer pong must not overtake an older one.
      this.#memory.packingTable.moveOut(this);
      this.#controlIsPacked = false;
      this.#waiting().unpackControl(maxPendingPongs);
    }
    this.#waiting().pushControl(opcode, buildFrame(opcode, payload, this.#key()), maxPendingPongs);
  }

  /** Sends a Close after everything that waits. Messages may follow it on the wire: the caller sends none. */
  closeAfterWaiting(body: Uint8Array): void {
    this.passHeld();
    if (this.#wire.blocked) this.#push(buildFrame(OPCODE.CLOSE, body, this.#key()));
    else this.#pack(OPCODE.CLOSE, body, this.#key());
  }

  /** Sends a Close after everything that waits, and accepts nothing further. */
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
    this.passHeld();
    this.#marks ??= new Marks();
    this.#marks.add(this.sentBytes + this.waitingBytes - this.#queue.controlBytes, callback);
  }

  /** Calls the marks whose bytes the kernel has taken. Call it after writing, and when the wire has sent more. */
  settle(): void {
    if (this.#marks !== undefined) this.#reach(this.#marks);
  }

  /** Apart from {@link settle}, which stays small enough to be inlined: outboxes rarely have marks. */
  #reach(marks: Marks): void {
    const takenBytes = this.sentBytes - this.#wire.bufferedBytes;
    marks.reach(
      this.waitingBytes === 0 && takenBytes === this.sentBytes ? Number.POSITIVE_INFINITY : takenBytes,
    );
    if (marks.size === 0) this.#marks = undefined;
  }

  /** Takes the messages of `behind` if they may follow now: none of them can be replaced afterwards. */
  passHeld(): void {
    const { behind } = this;
    if (behind?.isHeld !== true) return;
    this.behind = undefined;
    behind.passTo(this);
  }

  /**
   * Drops all queued messages that are not begun, and the pongs.
   * @returns Number of dropped messages.
   */
  dropWaiting(): number {
    this.#memory.packingTable.moveOut(this);
    const held = this.behind?.isHeld === true ? this.behind.drop() : 0;
    const dropped = held + (this.#queue.isEmpty ? 0 : this.#queue.dropMessages());
    this.#marks?.drop(this.sentBytes + this.waitingBytes);
    return dropped;
  }

  /**
   * Drops the oldest queued message that is not begun.
   * @returns Its size with header, in bytes; 0 if there is none.
   */
  dropOldest(): number {
    this.#memory.packingTable.moveOut(this);
    return this.#queue.isEmpty ? 0 : this.#queue.dropOldest();
  }

  /** Drops everything: the connection is closed. */
  clear(): void {
    this.#memory.packingTable.take(this);
    this.#packedBytes = 0;
    this.#queue = EMPTY_QUEUE;
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
    const queue = this.#queue;
    if (queue.isEmpty) {
      const table = this.#memory.packingTable;
      const run = this.#wire.borrows?.(table) === true ? table.lend(this) : table.take(this);
      if (run === undefined) return NO_CHUNKS;
      this.#packedBytes = 0;
      this.sentBytes += run.length;
      return [run];
    }
    this.#memory.packingTable.moveOut(this);
    const wire = this.#wire;
    if (wire.blocked) return NO_CHUNKS;
    const before = queue.bytes;
    const room = (this.#limits.highWaterMarkBytes ?? HIGH_WATER_MARK_BYTES) - wire.bufferedBytes;
    if (before === 0 || room <= 0 || queue.lostPayload !== undefined) return NO_CHUNKS;
    const controlBytes = this.#marks === undefined ? 0 : queue.controlBytes;
    const chunks = queue.take(room, this.#memory.joinedRun);
    if (controlBytes > 0) this.#marks?.overtaken(controlBytes - queue.controlBytes);
    this.sentBytes += before - queue.bytes;
    return chunks;
  }

  /** A run of packed frames comes back, because another connection needs the place. */
  packed(run: Buffer): void {
    this.#packedBytes = 0;
    this.#waiting().push(run);
  }

  #key(): FrameKey {
    return this.#nextKey?.();
  }

  #copySmall(opcode: number, payload: Uint8Array, key: FrameKey): void {
    if (!this.#wire.blocked) this.#pack(opcode, payload, key);
    else if (payload.length <= MAX_BLOCK_FRAME_BYTES - HEADER_ROOM)
      this.#waiting().blockGrew(this.#blockWith(payload.length + HEADER_ROOM).data(opcode, payload, key));
    else this.#push(buildFrame(opcode, payload, key));
  }

  /** @returns The block for the next small frame, after all packed ones; it has `room` bytes. */
  #blockWith(room: number): FrameBlock {
    this.#memory.packingTable.moveOut(this);
    return this.#waiting().blockWith(room);
  }

  #pack(opcode: number, payload: Uint8Array, key: FrameKey): void {
    const table = this.#memory.packingTable;
    const at = table.reserve(this, payload.length + HEADER_ROOM);
    const end = writeFrame(table.bytes, at, opcode, payload, key);
    table.commit(end);
    this.#packedBytes += end - at;
  }

  #waiting(): WaitingQueue {
    if (this.#queue === EMPTY_QUEUE) this.#queue = new WaitingQueue();
    return this.#queue;
  }

  #push(frame: WaitingFrame): void {
    this.#memory.packingTable.moveOut(this);
    this.#waiting().push(frame);
  }
}
