import { Buffer } from 'node:buffer';
import { OPCODE, OPCODE_MASK } from '../protocol/constants.ts';
import {
  buildFrame,
  type FrameKey,
  headerBytes,
  writeFrame,
  writeHeader,
  writeTextFrame,
} from '../protocol/frame-builder.ts';
import type { FrameSink } from '../protocol/connection.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { ReusableBytes } from '../protocol/reusable-bytes.ts';
import { joinRun, joinSmall } from './joined-run.ts';
import { MAX_PACKED_BYTES, PackingTable } from './packing-table.ts';
import type { Transport } from './transport.ts';
import {
  dropOldestMessage,
  isUncopied,
  messagesIn,
  takeControl,
  type WaitingFrame,
} from './waiting-frames.ts';

/** Payloads from this size on go out uncopied; smaller ones are packed next to each other. */
export const UNCOPIED_FROM_BYTES = 16_384;
/** Longest header, masked. */
const HEADER_ROOM = 14;

/** Of the message being delivered in this process: every connection may send on what another one has received. */
export const processBytes = new ReusableBytes();

/** Where small frames of whichever connection is being served are packed. */
const table = new PackingTable<Outbox>((owner, run) => owner.packed(run));

/**
 * What one connection has to send, in order: all of one turn of the event loop leaves in one write.
 * Messages that the socket would not take wait here, where they can still be dropped; pongs pass them.
 */
export class Outbox implements FrameSink {
  /** Bytes that wait here, headers included. */
  waitingBytes = 0;
  /** Bytes handed to the connection below so far. */
  sentBytes = 0;

  readonly #transport: Transport;
  readonly #nextKey: (() => number) | undefined;
  readonly #reusable: ReusableBytes | undefined;
  readonly #limits: { readonly maxPendingPongs: number; readonly highWaterMarkBytes: number };
  /** Whole frames in order, save that the first may be the rest of one. */
  #waiting: WaitingFrame[] | undefined;
  #firstIsBegun = false;
  /** Control frames, which pass waiting messages. */
  #control: Uint8Array[] | undefined;
  /** Pings or pongs may be packed with pending messages. */
  #controlIsPacked = false;
  #closed = false;

  /**
   * @param nextKey Gives a fresh masking key for each frame; clients only (§5.3).
   * @param reusable Given to the connections whose messages are sent on from here. Default: every text is encoded.
   */
  constructor(
    transport: Transport,
    limits: { readonly maxPendingPongs: number; readonly highWaterMarkBytes: number },
    nextKey?: () => number,
    reusable?: ReusableBytes,
  ) {
    this.#transport = transport;
    this.#limits = limits;
    this.#nextKey = nextKey;
    this.#reusable = reusable;
  }

  /** Bytes accepted and not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.unwrittenBytes;
  }

  /** Those of them that are ready to be written, here and below. */
  get unwrittenBytes(): number {
    return this.waitingBytes + this.#transport.bufferedBytes;
  }

  /** Nothing waits, here or before here. */
  get idle(): boolean {
    return this.waitingBytes === 0;
  }

  /** @param _compress What the application says of it; for who can compress. */
  text(text: string, _compress?: boolean): void {
    const bytes = this.#reusable?.utf8Of(text);
    if (bytes !== undefined) {
      // The next read overwrites them: they are copied, whatever their size.
      if (bytes.length < UNCOPIED_FROM_BYTES && !this.#transport.blocked)
        this.#pack(OPCODE.TEXT, bytes, this.#key());
      else this.#push(buildFrame(OPCODE.TEXT, bytes, this.#key()));
      return;
    }
    const room = text.length * 3 + HEADER_ROOM;
    if (room <= MAX_PACKED_BYTES && !this.#transport.blocked) {
      const at = table.reserve(this, room);
      const end = writeTextFrame(table.bytes, at, OPCODE.TEXT, text, this.#key());
      table.commit(end);
      this.waitingBytes += end - at;
    } else this.#push(buildFrame(OPCODE.TEXT, text, this.#key()));
  }

  /**
   * @param payload Small ones are copied; large ones must stay as they are until `bufferedBytes` says they are out.
   * @param _compress What the application says of it; for who can compress.
   */
  data(opcode: number, payload: Uint8Array, _compress?: boolean): void {
    const key = this.#key();
    if (payload.length < UNCOPIED_FROM_BYTES) {
      if (this.#transport.blocked) this.#push(buildFrame(opcode, payload, key));
      else this.#pack(opcode, payload, key);
    } else if (key === undefined) {
      const header = Buffer.allocUnsafe(headerBytes(payload.length, undefined));
      writeHeader(header, 0, opcode, payload.length, undefined);
      this.#push({ header, payload, length: header.length + payload.length });
    } else this.#push(buildFrame(opcode, payload, key));
  }

  /** A message that other connections send, too. */
  prepared(message: PreparedMessage): void {
    this.#push(message.frame);
  }

  /** A frame that other connections send, too. */
  shared(frame: Uint8Array): void {
    this.#push(frame);
  }

  control(opcode: number, payload: Uint8Array): void {
    if (this.#closed) return;
    if (!this.#transport.blocked) {
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

  /** Moves packed pings and pongs in front of the messages, so that a newer pong does not pass an older one. */
  #unpackControl(): void {
    table.moveOut(this);
    this.#controlIsPacked = false;
    const moved = takeControl(this.#waiting ?? [], this.#firstIsBegun ? 1 : 0);
    const control = (this.#control = [...(this.#control ?? []), ...moved]);
    while (control.length > this.#limits.maxPendingPongs && this.#passOver(control));
  }

  /**
   * Drops the oldest pending pong: newer ones answer for it (§5.5.3).
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
   * Throws away all messages that wait and are not begun, and the pongs with them.
   * @returns How many messages.
   */
  dropWaiting(): number {
    table.moveOut(this);
    const kept = this.#firstIsBegun ? this.#waiting?.[0] : undefined;
    let dropped = 0;
    for (const frame of this.#waiting ?? []) if (frame !== kept) dropped += messagesIn(frame);
    this.#waiting = kept === undefined ? undefined : [kept];
    this.#control = undefined;
    this.waitingBytes = kept?.length ?? 0;
    return dropped;
  }

  /**
   * Throws away the oldest message that waits and is not begun.
   * @returns Its size with header, in bytes; 0 if there is none.
   */
  dropOldest(): number {
    table.moveOut(this);
    const bytes = dropOldestMessage(this.#waiting ?? [], this.#firstIsBegun ? 1 : 0);
    this.waitingBytes -= bytes;
    return bytes;
  }

  /** Lets everything go: there is nobody to send it to. */
  clear(): void {
    table.take(this);
    this.#waiting = undefined;
    this.#control = undefined;
    this.#firstIsBegun = false;
    this.waitingBytes = 0;
    this.#closed = true;
  }

  /** Hands over as much as the connection below takes at once. */
  flush(): void {
    const transport = this.#transport;
    if (this.#waiting === undefined && this.#control === undefined) {
      const run = table.take(this);
      if (run === undefined) return;
      this.waitingBytes -= run.length;
      this.sentBytes += run.length;
      transport.write([run]);
      return;
    }
    table.moveOut(this);
    while (this.waitingBytes > 0 && !transport.blocked) {
      const room = this.#limits.highWaterMarkBytes - transport.bufferedBytes;
      if (room <= 0) return;
      const before = this.waitingBytes;
      transport.write(this.#gather(room));
      this.sentBytes += before - this.waitingBytes;
    }
  }

  /** A run of packed frames comes back, because another connection needs the place. @internal */
  packed(run: Buffer): void {
    (this.#waiting ??= []).push(run);
  }

  #key(): FrameKey {
    return this.#nextKey?.();
  }

  #pack(opcode: number, payload: Uint8Array, key: FrameKey): void {
    const at = table.reserve(this, payload.length + HEADER_ROOM);
    const end = writeFrame(table.bytes, at, opcode, payload, key);
    table.commit(end);
    this.waitingBytes += end - at;
  }

  #push(frame: WaitingFrame): void {
    table.moveOut(this);
    (this.#waiting ??= []).push(frame);
    this.waitingBytes += frame.length;
  }

  /** Takes up to `room` bytes of messages, and all control frames before them, unless a frame is begun. */
  #gather(room: number): Uint8Array[] {
    const waiting = this.#waiting ?? [];
    if (this.#control === undefined && !this.#firstIsBegun && this.waitingBytes <= room) {
      const run = joinRun(waiting);
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
      const rest = waiting[0] as Uint8Array;
      left -= this.#takePart(chunks, waiting, 0, rest, left);
      if (!this.#firstIsBegun) taken = 1;
    }
    if (!this.#firstIsBegun) {
      for (const frame of this.#control ?? []) {
        chunks.push(frame);
        this.waitingBytes -= frame.length;
      }
      this.#control = undefined;
      for (; taken < waiting.length && left > 0; taken++) {
        const frame = waiting[taken]!;
        left -= this.#takeFrame(chunks, waiting, taken, frame, left);
        if (this.#firstIsBegun) break;
      }
    }
    waiting.splice(0, taken);
    if (waiting.length === 0) this.#waiting = undefined;
    return joinSmall(chunks);
  }

  #takeFrame(
    chunks: Uint8Array[],
    waiting: WaitingFrame[],
    at: number,
    frame: WaitingFrame,
    room: number,
  ): number {
    if (!isUncopied(frame)) return this.#takePart(chunks, waiting, at, frame, room);
    chunks.push(frame.header);
    this.waitingBytes -= frame.header.length;
    this.#firstIsBegun = true;
    const payloadRoom = Math.max(1, room - frame.header.length);
    return frame.header.length + this.#takePart(chunks, waiting, at, frame.payload, payloadRoom);
  }

  /** @returns Bytes taken; what is over stays as the first waiting frame, begun. */
  #takePart(
    chunks: Uint8Array[],
    waiting: WaitingFrame[],
    at: number,
    bytes: Uint8Array,
    room: number,
  ): number {
    const length = Math.min(room, bytes.length);
    this.#firstIsBegun = length < bytes.length;
    chunks.push(this.#firstIsBegun ? bytes.subarray(0, length) : bytes);
    if (this.#firstIsBegun) waiting[at] = bytes.subarray(length);
    this.waitingBytes -= length;
    return length;
  }
}
