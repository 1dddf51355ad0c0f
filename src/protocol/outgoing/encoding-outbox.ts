import { Buffer } from 'node:buffer';
import { MAX_HEADER_BYTES, OPCODE } from '../constants.ts';
import { EncoderChain } from '../extensions/encoder-chain.ts';
import { type Extension, PLAN } from '../extensions/extension.ts';
import { ENTRY_BYTES, type OutgoingLimits, UNCOPIED_FROM_BYTES } from '../limits.ts';
import type { ProtocolMemory } from '../memory.ts';
import { ownView } from '../payload.ts';
import { EncodingQueue, type QueuedFragment, type QueueEntry, type QueuedMessage } from './encoding-queue.ts';
import { MAX_BLOCK_FRAME_BYTES } from './frame-block.ts';
import { buildFragment } from './frame-builder.ts';
import type { MarkCallback } from './marks.ts';
import { Outbox, UNKNOWN_BYTES } from './outbox.ts';
import type { FrameWaiter, PreparedMessage, SharedFrame } from './prepared-message.ts';
import type { PreparedRun } from './prepared-run.ts';
import type { Wire } from './wire.ts';

/** Receives the results of work that took longer than one call. */
export interface OutgoingOwner {
  /** A message that was encoded later can be written. */
  send(): void;
  /** A step without a caller threw. */
  failed(error: unknown): void;
}

/**
 * The outbox of a connection with extensions. Each message passes the encoders in the order of the negotiated list
 * (§9.1). While one of them works later, messages after it are queued here, but control frames overtake them.
 */
export class EncodingOutbox extends Outbox implements FrameWaiter {
  readonly #chain: EncoderChain;
  readonly #owner: OutgoingOwner;
  readonly #nextKey: (() => number) | undefined;
  #queue: EncodingQueue | undefined;
  /** The first entry of the queue is being encoded. */
  #begun = false;
  /** What it waits for, if it is a prepared message. */
  #frame: SharedFrame | undefined;

  constructor(
    wire: Wire,
    limits: OutgoingLimits,
    memory: ProtocolMemory,
    nextKey: (() => number) | undefined,
    extensions: readonly Extension[],
    owner: OutgoingOwner,
  ) {
    super(wire, limits, memory, nextKey);
    this.#nextKey = nextKey;
    this.#owner = owner;
    this.#chain = new EncoderChain(extensions, memory);
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + (this.#queue?.countedBytes ?? 0);
  }

  override get contextBytes(): number {
    return this.#chain.contextBytes;
  }

  override get idle(): boolean {
    return super.idle && this.#queue === undefined;
  }

  override text(text: string, compress?: boolean): number {
    if (this.#queue === undefined && this.#chain.skips(text, compress)) return super.text(text);
    if (this.#queue !== undefined) this.#wait(OPCODE.TEXT, text, compress);
    else this.#send(OPCODE.TEXT, text, compress);
    return UNKNOWN_BYTES;
  }

  override data(opcode: number, lent: Uint8Array, compress?: boolean): void {
    // zlib ends the process if it gets a length that exceeds the memory.
    const payload = ownView(lent);
    if (this.#queue !== undefined) this.#wait(opcode, payload, compress);
    else if (this.#chain.skips(payload, compress)) super.data(opcode, payload);
    else this.#send(opcode, payload, compress);
  }

  /** Each connection encodes for itself. */
  override framed(): undefined {
    return undefined;
  }

  override fragment(opcode: number, lent: Uint8Array, isLast: boolean, compress = false): void {
    const payload = ownView(lent);
    const plan = compress ? (this.#chain.fragmenter?.plan(payload, true) ?? PLAN.SKIP) : PLAN.SKIP;
    if (plan !== PLAN.SKIP && (this.#queue !== undefined || plan === PLAN.LATER)) {
      const data = Buffer.from(payload);
      this.#enqueue({ is: 'part', opcode, data, isLast, isEncoded: false, bytes: data.length });
      return;
    }
    if (this.#queue === undefined) {
      if (plan === PLAN.SKIP) super.fragment(opcode, payload, isLast);
      else this.#encodeFragment(opcode, payload, isLast);
      return;
    }
    const frame = buildFragment(opcode, payload, isLast, this.#nextKey?.());
    this.#enqueue({ is: 'fragment', frame, isFirst: opcode !== OPCODE.CONTINUATION, bytes: frame.length });
  }

  override prepared(message: PreparedMessage): void {
    if (this.#chain.sharer === undefined && !this.#chain.skips(message.payload, message.compress)) {
      this.data(message.isText ? OPCODE.TEXT : OPCODE.BINARY, message.payload, message.compress);
      return;
    }
    const shared = this.#chain.sharer?.shared?.(message);
    const { frame } = message;
    if (this.#queue === undefined) {
      if (shared === undefined || shared.frame !== undefined) this.#sendShared(message, shared?.frame);
      else this.#enqueue({ is: 'prepared', message, bytes: frame.length });
    } else if (shared === undefined && frame.length <= ENTRY_BYTES) {
      this.#queue.blockWith(frame.length).copy(frame);
      this.#queue.blockGrew(frame.length);
    } else this.#enqueue({ is: 'prepared', message, bytes: frame.length });
  }

  /** Each message is encoded by itself. */
  override run({ messages }: PreparedRun): void {
    for (const message of messages) this.prepared(message);
  }

  override closeAfterWaiting(body: Uint8Array): void {
    this.passHeld();
    if (this.#queue === undefined) super.closeAfterWaiting(body);
    else this.#enqueue({ is: 'close', body, bytes: body.length });
  }

  override mark(callback: MarkCallback): void {
    this.passHeld();
    if (this.#queue === undefined) super.mark(callback);
    else this.#enqueue({ is: 'mark', callback, bytes: 0 });
  }

  override dropWaiting(): number {
    const dropped = super.dropWaiting() + (this.#queue?.messages ?? 0);
    this.#dropQueue();
    return dropped;
  }

  override dropOldest(): number {
    const dropped = super.dropOldest();
    if (dropped > 0) return dropped;
    // The first entry of the queue is the message that is being encoded.
    const oldest = this.#queue?.first;
    if (oldest === undefined) return 0;
    this.#stopWaiting();
    this.#shift();
    this.#advance();
    return oldest.bytes;
  }

  override clear(): void {
    super.clear();
    this.#dropQueue();
    this.#chain.close();
  }

  frameReady(): void {
    this.#frame = undefined;
    this.#goOn();
  }

  /** Sends what was encoded and the entries after it. An exception must not reach callbacks of other connections. */
  #goOn(): void {
    this.#begun = false;
    try {
      this.#advance();
      this.#owner.send();
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  #send(opcode: number, data: string | Uint8Array, compress: boolean | undefined): void {
    const chain = this.#chain;
    const output = chain.encode(data, compress, 0, 0);
    if (chain.isDone) {
      this.#sendEncoded(opcode, output, false);
      return;
    }
    if (typeof output === 'string') {
      this.#enqueueMessage(opcode, output, Buffer.byteLength(output), compress);
      return;
    }
    const bytes = typeof data === 'string' ? chain.textBytes : data.length;
    this.#enqueueMessage(opcode, output, bytes, compress, chain.at, chain.reservedBits);
  }

  /** @param isOwn True if `output` stays unchanged until it is sent. */
  #sendEncoded(opcode: number, output: string | Uint8Array, isOwn: boolean): void {
    if (typeof output === 'string') super.text(output);
    else if (this.#chain.reservedBits === 0) super.data(opcode, output);
    else {
      const isStable = isOwn || output.length < UNCOPIED_FROM_BYTES;
      super.data(opcode | this.#chain.reservedBits, isStable ? output : Buffer.from(output));
    }
  }

  /** The peer may have got a part of the message, so the connection fails if this throws. */
  #encodeFragment(opcode: number, payload: Uint8Array, isLast: boolean): void {
    try {
      this.#sendFragment(opcode, this.#chain.fragmenter!.encodeFragment!(payload, isLast), isLast);
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  #sendFragment(opcode: number, output: Uint8Array, isLast: boolean): void {
    super.fragment(
      opcode === OPCODE.CONTINUATION ? opcode : opcode | this.#chain.fragmentBit,
      output,
      isLast,
    );
  }

  #sendShared(message: PreparedMessage, frame = message.frame): void {
    if (frame !== message.frame) this.#chain.sharer!.sharedSent?.(message, frame);
    super.shared(frame);
  }

  #wait(opcode: number, data: string | Uint8Array, compress: boolean | undefined): void {
    // Three bytes per UTF-16 unit, and the longest header.
    const room = (typeof data === 'string' ? 3 * data.length : data.length) + MAX_HEADER_BYTES;
    if (room > MAX_BLOCK_FRAME_BYTES || !this.#chain.skips(data, compress)) {
      this.#enqueueMessage(opcode, data, Buffer.byteLength(data), compress);
      return;
    }
    const queue = this.#queue!;
    const block = queue.blockWith(room);
    const key = this.#nextKey?.();
    const bytes = typeof data === 'string' ? block.text(opcode, data, key) : block.data(opcode, data, key);
    queue.blockGrew(bytes);
  }

  /**
   * @param bytes Size of the payload before it is encoded.
   * @param at Index of the next encoder.
   */
  #enqueueMessage(
    opcode: number,
    lent: string | Uint8Array,
    bytes: number,
    compress: boolean | undefined,
    at = 0,
    reservedBits = 0,
  ): void {
    const data = typeof lent === 'string' ? lent : Buffer.from(lent);
    this.#enqueue({ is: 'message', opcode, data, compress, at, reservedBits, bytes });
  }

  #enqueue(entry: QueueEntry): void {
    const queue = (this.#queue ??= new EncodingQueue());
    queue.push(entry);
    if (queue.length === 1) this.#advance();
  }

  #shift(): void {
    this.#queue!.shift();
    if (this.#queue!.length === 0) this.#queue = undefined;
  }

  /** Sends entries from the front of the queue until one has to wait. */
  #advance(): void {
    while (!this.#begun && this.#queue !== undefined) this.#takeFirst(this.#queue.first!);
  }

  /** Sends the first entry, or begins to encode it. */
  #takeFirst(first: QueueEntry): void {
    if (first.is === 'message') {
      this.#encodeFirst(first);
      return;
    }
    if (first.is === 'part') {
      this.#encodePart(first);
      return;
    }
    const shared = first.is === 'prepared' ? this.#chain.sharer?.shared?.(first.message) : undefined;
    if (shared !== undefined && shared.frame === undefined) {
      this.#frame = shared;
      this.#begun = true;
      shared.wait(this);
      return;
    }
    this.#shift();
    if (first.is === 'frames') super.shared(first.block.run);
    else if (first.is === 'fragment') super.shared(first.frame);
    else if (first.is === 'close') super.closeAfterWaiting(first.body);
    else if (first.is === 'mark') super.mark(first.callback);
    else this.#sendShared(first.message, shared?.frame);
  }

  #encodeFirst(first: QueuedMessage): void {
    try {
      const output = this.#chain.encode(first.data, first.compress, first.at, first.reservedBits);
      if (!this.#chain.isDone) {
        this.#encodeLater(first, output);
        return;
      }
      this.#shift();
      this.#sendEncoded(first.opcode, output, output === first.data);
    } catch (error) {
      if (this.#queue?.first === first) {
        this.#chain.reset(first.reservedBits);
        this.#shift();
      }
      throw error;
    }
  }

  #encodePart(first: QueuedFragment): void {
    const { opcode, data, isLast, isEncoded } = first;
    const encoder = this.#chain.fragmenter!;
    if (isEncoded || encoder.plan(data, true) !== PLAN.LATER) {
      this.#shift();
      if (isEncoded) this.#sendFragment(opcode, data, isLast);
      else this.#encodeFragment(opcode, data, isLast);
      return;
    }
    this.#begun = true;
    try {
      encoder.encodeFragmentLater!(data, isLast, (output, error) => {
        if (this.#queue?.first !== first) return;
        if (error !== undefined) {
          this.#owner.failed(error);
          return;
        }
        first.data = output;
        first.isEncoded = true;
        this.#goOn();
      });
    } catch (error) {
      this.#owner.failed(error);
    }
  }

  #encodeLater(first: QueuedMessage, data: string | Uint8Array): void {
    const chain = this.#chain;
    const { at } = chain;
    const isOwn = data === first.data && typeof data !== 'string';
    const input = isOwn ? data : Buffer.from(data as string, 'utf8');
    first.data = input;
    first.at = at;
    first.reservedBits = chain.reservedBits;
    let isDone = false;
    chain.encodeLater(at, input, (error, output, reservedBit) => {
      if (isDone || this.#queue?.first !== first) return;
      isDone = true;
      if (error !== undefined) {
        this.#owner.failed(error);
        return;
      }
      first.at++;
      if (output !== undefined) {
        first.data = output;
        first.reservedBits |= reservedBit;
      }
      this.#goOn();
    });
    this.#begun = true;
  }

  #stopWaiting(): void {
    const first = this.#queue?.first;
    if (first?.is === 'message') {
      this.#chain.reset(first.reservedBits);
      if (this.#begun) this.#chain.resetAt(first.at);
    } else if (first?.is === 'part' && this.#begun) this.#chain.fragmenter!.reset();
    this.#frame?.leave(this);
    this.#frame = undefined;
    this.#begun = false;
  }

  #dropQueue(): void {
    this.#stopWaiting();
    const queue = this.#queue;
    this.#queue = undefined;
    queue?.dropMarks();
  }
}
