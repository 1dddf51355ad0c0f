import type { Buffer } from 'node:buffer';
import { OPCODE, RSV1 } from '../../protocol/constants.ts';
import { buildFrame } from '../../protocol/outgoing/frame-builder.ts';
import type { PreparedMessage, PreparedVariant } from '../../protocol/outgoing/prepared-message.ts';
import type { DeflateSettings } from '../../engine/zlib/deflate-settings.ts';
import { type Deflater, type DeflateJob, sharedDeflater } from '../../engine/zlib/deflater.ts';

/** Somebody with a prepared message in its queue. */
export interface FrameWaiter {
  /** The frame is there. Must not throw: others are told after it. */
  frameReady(): void;
}

/** A prepared message, compressed once for all connections whose window has the same size. */
export class PreparedFrame implements PreparedVariant {
  frame: Buffer | undefined;
  readonly #message: PreparedMessage;
  readonly #deflater: Deflater;
  readonly #waiters = new Set<FrameWaiter>();
  #job: DeflateJob | undefined;

  constructor(message: PreparedMessage, windowBits: number, settings: DeflateSettings) {
    const { level, memLevel, asyncThresholdBytes } = settings;
    this.#message = message;
    this.#deflater = sharedDeflater({ windowBits, level, memLevel });
    if (message.payloadBytes > asyncThresholdBytes) return;
    const { payload } = message;
    this.#take(payload, this.#deflater.compress(payload));
  }

  /** @param waiter Told when `frame` is there: later. */
  wait(waiter: FrameWaiter): void {
    this.#waiters.add(waiter);
    if (this.#job !== undefined) return;
    const { payload } = this.#message;
    this.#job = this.#deflater.compressBehind(payload, (output, error) => {
      this.#job = undefined;
      // Without memory for zlib it goes as it is.
      this.#take(payload, error === undefined ? output : payload);
      for (const each of this.#waiters) each.frameReady();
      this.#waiters.clear();
    });
  }

  /** It is not to be told. When nobody is, there is nothing to compress. */
  leave(waiter: FrameWaiter): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size > 0) return;
    this.#job?.cancel();
    this.#job = undefined;
  }

  #take(payload: Uint8Array, output: Uint8Array): void {
    const message = this.#message;
    if (output.length >= payload.length) this.frame = message.frame;
    else this.frame = buildFrame(RSV1 | (message.isText ? OPCODE.TEXT : OPCODE.BINARY), output, undefined);
  }
}

/**
 * The frame that `message` is sent as to a connection that has agreed on compression.
 * @returns `undefined` if it goes as it is.
 */
export function preparedFrame(
  message: PreparedMessage,
  windowBits: number,
  settings: DeflateSettings,
): PreparedFrame | undefined {
  if (message.compress === false) return undefined;
  if (message.compress === undefined && message.payloadBytes < settings.thresholdBytes) return undefined;
  const known = message.variants?.get(windowBits) as PreparedFrame | undefined;
  if (known !== undefined) return known;
  const variant = new PreparedFrame(message, windowBits, settings);
  (message.variants ??= new Map<number, PreparedVariant>()).set(windowBits, variant);
  return variant;
}
