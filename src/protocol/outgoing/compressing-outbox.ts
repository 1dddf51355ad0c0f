import { Buffer } from 'node:buffer';
import { MAX_HEADER_BYTES, OPCODE, RSV1 } from '../constants.ts';
import { type DeflateDirection, MIN_COMPRESSOR_BITS } from '../deflate/parameters.ts';
import { ENTRY_BYTES } from '../limits.ts';
import { ownView } from '../payload.ts';
import type { PreparedMessage } from './prepared-message.ts';
import { FrameBlock, MAX_BLOCK_FRAME_BYTES } from './frame-block.ts';
import { buildFragment, payloadBytesIn } from './frame-builder.ts';
import type { CompressionBytes } from '../deflate/compression-bytes.ts';
import type { CompressionJob, Compressor, DeflateSettings, Zlib } from '../deflate/compressor.ts';
import type { ProtocolMemory } from '../memory.ts';
import { Outbox, type OutgoingLimits, UNCOPIED_FROM_BYTES, type Wire } from './outbox.ts';
import { type FrameWaiter, type PreparedFrame, preparedFrame } from './prepared-frame.ts';

/** Small uncompressed messages. */
interface Frames {
  readonly is: 'frames';
  readonly block: FrameBlock;
  bytes: number;
}

/**
 * An entry of the queue: the message or Close that is being compressed, or one after it. Small uncompressed messages
 * share a block.
 */
type Waiting =
  | {
      readonly is: 'message';
      readonly opcode: number;
      readonly data: string | Uint8Array;
      readonly compress: boolean | undefined;
      readonly bytes: number;
    }
  | Frames
  | { readonly is: 'fragment'; readonly frame: Uint8Array; readonly isFirst: boolean; readonly bytes: number }
  | { readonly is: 'prepared'; readonly message: PreparedMessage; readonly bytes: number }
  | { readonly is: 'close'; readonly body: Uint8Array; readonly bytes: number };

function messagesOf(entry: Waiting): number {
  if (entry.is === 'close') return 0;
  if (entry.is === 'fragment') return entry.isFirst ? 1 : 0;
  return entry.is === 'frames' ? entry.block.messages : 1;
}

/** Receives the results of work on other threads. */
export interface OutgoingOwner {
  /** A message compressed on another thread can be written. */
  send(): void;
  /** A step without a caller threw. */
  failed(error: unknown): void;
}

/** What a connection needs to compress, in addition to an outbox. */
export interface OutgoingDeflate {
  /** Compression of this side. */
  readonly direction: DeflateDirection;
  readonly settings: DeflateSettings;
  readonly zlib: Zlib;
  readonly owner: OutgoingOwner;
  /** Counts the bytes of compressed messages. */
  readonly counts?: CompressionBytes | undefined;
}

/**
 * The outbox of a connection that negotiated permessage-deflate. Messages of ordinary size are compressed when they are
 * sent. A large message is compressed on the thread pool; messages after it are queued here, but control frames
 * overtake them. A message for many recipients is compressed without a context. With context takeover, this
 * connection's own context is then reset, because the peer's window holds other data from there on (RFC 7692 §7.2.1
 * lets the sender choose what to refer to).
 */
export class CompressingOutbox extends Outbox implements FrameWaiter {
  readonly #deflate: OutgoingDeflate;
  readonly #compressor: Compressor | undefined;
  readonly #memory: ProtocolMemory;
  readonly #nextKey: (() => number) | undefined;
  #queue: Waiting[] | undefined;
  #queueBytes = 0;
  /** The job that the first entry of the queue waits for. */
  #job: CompressionJob | undefined;
  #frame: PreparedFrame | undefined;
  #begun = false;

  constructor(
    wire: Wire,
    limits: OutgoingLimits,
    memory: ProtocolMemory,
    nextKey: (() => number) | undefined,
    deflate: OutgoingDeflate,
  ) {
    super(wire, limits, memory, nextKey);
    this.#deflate = deflate;
    this.#memory = memory;
    this.#nextKey = nextKey;
    const { direction, settings, zlib } = deflate;
    const { windowBits, contextTakeover } = direction;
    const { level, memLevel } = settings;
    // A window smaller than zlib's smallest: messages are sent uncompressed, which is always allowed (RFC 7692 §6).
    if (windowBits >= MIN_COMPRESSOR_BITS)
      this.#compressor = zlib.compressor({ windowBits, level, memLevel }, contextTakeover);
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + this.#queueBytes + (this.#queue?.length ?? 0) * ENTRY_BYTES;
  }

  override get idle(): boolean {
    return super.idle && this.#queue === undefined;
  }

  override text(text: string, compress?: boolean): number {
    if (this.#queue !== undefined) return this.#wait(OPCODE.TEXT, text, compress);
    if (!this.#isToBeCompressed(text, compress)) return super.text(text);
    if (text.length > this.#deflate.settings.asyncThresholdBytes)
      return this.#wait(OPCODE.TEXT, text, compress);
    return this.#compress(OPCODE.TEXT, text);
  }

  override data(opcode: number, lent: Uint8Array, compress?: boolean): void {
    // zlib ends the process if it gets a length that exceeds the memory.
    const payload = ownView(lent);
    if (this.#queue !== undefined) this.#wait(opcode, payload, compress);
    else if (!this.#isToBeCompressed(payload, compress)) super.data(opcode, payload);
    else if (payload.length > this.#deflate.settings.asyncThresholdBytes)
      this.#wait(opcode, payload, compress);
    else this.#compress(opcode, payload);
  }

  override fragment(opcode: number, payload: Uint8Array, isLast: boolean): void {
    if (this.#queue === undefined) {
      super.fragment(opcode, payload, isLast);
      return;
    }
    const frame = buildFragment(opcode, payload, isLast, this.#nextKey?.());
    this.#enqueue({ is: 'fragment', frame, isFirst: opcode !== OPCODE.CONTINUATION, bytes: frame.length });
  }

  override prepared(message: PreparedMessage): void {
    if (this.#queue === undefined) {
      const variant = this.#variant(message);
      if (variant === undefined || variant.frame !== undefined) {
        this.#sendPrepared(message, variant?.frame);
        return;
      }
    }
    const { frame } = message;
    if (this.#queue !== undefined && frame.length <= ENTRY_BYTES && this.#variant(message) === undefined) {
      const frames = this.#framesWith(frame.length);
      frames.block.copy(frame);
      this.#grow(frames, frame.length);
    } else this.#enqueue({ is: 'prepared', message, bytes: frame.length });
  }

  override closeAfterWaiting(body: Uint8Array): void {
    if (this.#queue === undefined) super.closeAfterWaiting(body);
    else this.#enqueue({ is: 'close', body, bytes: body.length });
  }

  override dropWaiting(): number {
    let dropped = super.dropWaiting();
    for (const entry of this.#queue ?? []) dropped += messagesOf(entry);
    this.#dropQueue();
    return dropped;
  }

  override dropOldest(): number {
    const dropped = super.dropOldest();
    if (dropped > 0) return dropped;
    const oldest = this.#queue?.[0];
    if (oldest === undefined || oldest.is === 'close' || oldest.is === 'fragment') return 0;
    if (oldest.is === 'frames' && oldest.block.messages > 1) {
      const bytes = oldest.block.dropFirst();
      oldest.bytes -= bytes;
      this.#queueBytes -= bytes;
      return bytes;
    }
    this.#stopWaiting();
    this.#shift(oldest);
    this.#advance();
    return oldest.bytes;
  }

  override clear(): void {
    super.clear();
    this.#dropQueue();
    if (this.#deflate.direction.contextTakeover) this.#compressor?.close();
  }

  frameReady(): void {
    this.#frame = undefined;
    this.#begun = false;
    this.#goOn();
  }

  /** Sends what was compressed and the entries after it. An exception must not reach callbacks of other connections. */
  #goOn(sendFirst?: () => void): void {
    try {
      sendFirst?.();
      this.#advance();
      this.#deflate.owner.send();
    } catch (error) {
      this.#deflate.owner.failed(error);
    }
  }

  #isToBeCompressed(data: string | Uint8Array, compress: boolean | undefined): boolean {
    if (this.#compressor === undefined || compress === false) return false;
    if (compress === true) return true;
    const { thresholdBytes } = this.#deflate.settings;
    if (data.length >= thresholdBytes) return true;
    // A UTF-16 unit has at most 3 bytes, so short texts need no counting.
    return (
      typeof data === 'string' &&
      data.length * 3 >= thresholdBytes &&
      Buffer.byteLength(data) >= thresholdBytes
    );
  }

  /** @returns Size of the payload, uncompressed. */
  #compress(opcode: number, data: string | Uint8Array): number {
    const input = typeof data === 'string' ? this.#memory.encoded(data) : data;
    const bytes = input.length;
    const output = this.#compressor!.compress(input);
    if (this.#isWorthIt(bytes, output.length)) {
      this.#count(bytes, output.length);
      // Uncopied output must not be memory that the next message is compressed into.
      super.data(opcode | RSV1, output.length < UNCOPIED_FROM_BYTES ? output : Buffer.from(output));
    } else this.#sendPlain(opcode, data);
    return bytes;
  }

  #count(rawBytes: number, compressedBytes: number): void {
    const { counts } = this.#deflate;
    if (counts === undefined) return;
    counts.sentRaw += rawBytes;
    counts.sentCompressed += compressedBytes;
  }

  /** With takeover, the peer has to receive everything that our context has seen. */
  #isWorthIt(before: number, after: number): boolean {
    return this.#deflate.direction.contextTakeover || after < before;
  }

  #sendPlain(opcode: number, data: string | Uint8Array): void {
    if (typeof data === 'string') super.text(data);
    else super.data(opcode, data);
  }

  #variant(message: PreparedMessage): PreparedFrame | undefined {
    if (this.#compressor === undefined) return undefined;
    const { direction, settings, zlib } = this.#deflate;
    return preparedFrame(message, direction.windowBits, settings, zlib);
  }

  #sendPrepared(message: PreparedMessage, frame = message.frame): void {
    if (frame !== message.frame) {
      if (this.#deflate.direction.contextTakeover) this.#compressor!.forget();
      this.#count(message.payloadBytes, payloadBytesIn(frame.length, false));
    }
    super.shared(frame);
  }

  /** @returns Size of the payload, uncompressed. */
  #wait(opcode: number, data: string | Uint8Array, compress: boolean | undefined): number {
    // Three bytes per UTF-16 unit, and the longest header.
    const room = (typeof data === 'string' ? 3 * data.length : data.length) + MAX_HEADER_BYTES;
    if (room <= MAX_BLOCK_FRAME_BYTES && !this.#isToBeCompressed(data, compress)) {
      return this.#waitPacked(opcode, data, room);
    }
    // Copied, because zlib may read the bytes long after the application has detached or changed its own.
    const kept = typeof data === 'string' ? data : Buffer.from(data);
    const bytes = Buffer.byteLength(kept);
    this.#enqueue({ is: 'message', opcode, data: kept, compress, bytes });
    return bytes;
  }

  #waitPacked(opcode: number, data: string | Uint8Array, room: number): number {
    const frames = this.#framesWith(room);
    const key = this.#nextKey?.();
    const { block } = frames;
    const bytes = typeof data === 'string' ? block.text(opcode, data, key) : block.data(opcode, data, key);
    this.#grow(frames, bytes);
    return payloadBytesIn(bytes, key !== undefined);
  }

  /** Returns the last entry of the non-empty queue as a block with `room` bytes for small frames. */
  #framesWith(room: number): Frames {
    const last = this.#queue?.at(-1);
    const before = last?.is === 'frames' ? last : undefined;
    if (before?.block.hasRoom(room) === true) return before;
    const frames: Frames = { is: 'frames', block: new FrameBlock(room, before?.block), bytes: 0 };
    this.#enqueue(frames);
    return frames;
  }

  #grow(frames: Frames, bytes: number): void {
    frames.bytes += bytes;
    this.#queueBytes += bytes;
  }

  #enqueue(waiting: Waiting): void {
    (this.#queue ??= []).push(waiting);
    this.#queueBytes += waiting.bytes;
    if (this.#queue.length === 1) this.#advance();
  }

  #shift(first: Waiting): void {
    this.#queue!.shift();
    this.#queueBytes -= first.bytes;
  }

  /** Sends entries from the front of the queue until one has to wait. */
  #advance(): void {
    for (let first = this.#queue?.[0]; first !== undefined; first = this.#queue![0]) {
      if (this.#begun || this.#mustWait(first)) return;
      this.#shift(first);
      if (first.is === 'frames') super.shared(first.block.run);
      else if (first.is === 'fragment') super.shared(first.frame);
      else if (first.is === 'close') super.closeAfterWaiting(first.body);
      else if (first.is === 'prepared')
        this.#sendPrepared(first.message, this.#variant(first.message)?.frame);
      else if (this.#isToBeCompressed(first.data, first.compress)) this.#compress(first.opcode, first.data);
      else this.#sendPlain(first.opcode, first.data);
    }
    this.#queue = undefined;
  }

  /** @returns Whether `first` is being compressed now. */
  #mustWait(first: Waiting): boolean {
    if (first.is === 'close' || first.is === 'frames' || first.is === 'fragment') return false;
    if (first.is === 'prepared') {
      this.#frame = this.#variant(first.message);
      if (this.#frame === undefined || this.#frame.frame !== undefined) return false;
      this.#begun = true;
      this.#frame.wait(this);
      return true;
    }
    const { opcode, data, compress } = first;
    if (data.length <= this.#deflate.settings.asyncThresholdBytes || !this.#isToBeCompressed(data, compress))
      return false;
    const input = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    this.#job = this.#compressor!.compressLater(input, (output, error) => {
      this.#job = undefined;
      this.#begun = false;
      this.#goOn(() => {
        this.#shift(first);
        if (error !== undefined) this.#lost();
        if (error === undefined && this.#isWorthIt(input.length, output.length)) {
          this.#count(input.length, output.length);
          super.data(opcode | RSV1, output);
        } else super.data(opcode, input);
      });
    });
    this.#begun = true;
    return true;
  }

  /** zlib had no memory. A context that has seen half a message is reset. */
  #lost(): void {
    if (this.#deflate.direction.contextTakeover) this.#compressor!.close();
  }

  #stopWaiting(): void {
    this.#job?.cancel();
    this.#job = undefined;
    this.#frame?.leave(this);
    this.#frame = undefined;
    this.#begun = false;
  }

  #dropQueue(): void {
    if (this.#queue === undefined) return;
    this.#stopWaiting();
    this.#queue = undefined;
    this.#queueBytes = 0;
  }
}
