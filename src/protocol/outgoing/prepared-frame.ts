import type { Buffer } from 'node:buffer';
import { OPCODE, RSV1 } from '../constants.ts';
import { buildFrame } from './frame-builder.ts';
import type { FrameWaiter, PreparedMessage, SharedFrame } from './prepared-message.ts';
import type { CompressionJob, Compressor, DeflateSettings, Zlib } from '../deflate/compressor.ts';

/** A prepared message, compressed once for all connections with the same window size. */
export class PreparedFrame implements SharedFrame {
  frame: Buffer | undefined;
  readonly #message: PreparedMessage;
  readonly #compressor: Compressor;
  readonly #waiters = new Set<FrameWaiter>();
  #job: CompressionJob | undefined;

  constructor(message: PreparedMessage, windowBits: number, settings: DeflateSettings, zlib: Zlib) {
    const { level, memLevel, asyncThresholdBytes } = settings;
    this.#message = message;
    this.#compressor = zlib.compressor({ windowBits, level, memLevel }, false);
    if (message.payloadBytes > asyncThresholdBytes) return;
    const { payload } = message;
    this.#take(payload, this.#compressor.compress(payload));
  }

  wait(waiter: FrameWaiter): void {
    this.#waiters.add(waiter);
    if (this.#job !== undefined) return;
    const { payload } = this.#message;
    this.#job = this.#compressor.compressLater(payload, (output, error) => {
      this.#job = undefined;
      // If zlib has no memory, the message is sent uncompressed.
      this.#take(payload, error === undefined ? output : payload);
      for (const each of this.#waiters) each.frameReady();
      this.#waiters.clear();
    });
  }

  /** Removes `waiter`. Without waiters nothing is compressed. */
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
 * Returns the frame of `message` for connections that negotiated compression.
 * @returns `undefined` if the message is sent uncompressed.
 */
export function preparedFrame(
  message: PreparedMessage,
  windowBits: number,
  settings: DeflateSettings,
  zlib: Zlib,
): PreparedFrame | undefined {
  if (message.compress === false) return undefined;
  if (message.compress === undefined && message.payloadBytes < settings.thresholdBytes) return undefined;
  const known = message.variants?.get(windowBits) as PreparedFrame | undefined;
  if (known !== undefined) return known;
  const variant = new PreparedFrame(message, windowBits, settings, zlib);
  (message.variants ??= new Map<number, SharedFrame>()).set(windowBits, variant);
  return variant;
}
