import { Buffer } from 'node:buffer';
import { RSV1, type Role } from '../constants.ts';
import type { PeerError } from '../errors.ts';
import {
  type DecodedSink,
  type Extension,
  type MessageDecoder,
  type MessageEncoder,
  PLAN,
  type Plan,
} from '../extensions/extension.ts';
import { payloadBytesIn } from '../outgoing/frame-builder.ts';
import { preparedFrame, type PreparedFrame } from '../outgoing/prepared-frame.ts';
import type { PreparedMessage } from '../outgoing/prepared-message.ts';
import type { CompressionBytes } from './compression-bytes.ts';
import type { CompressionJob, Compressor, DeflateSettings, Zlib } from './compressor.ts';
import { type DeflateAgreement, type DeflateDirection, MIN_COMPRESSOR_BITS } from './parameters.ts';

/** permessage-deflate (RFC 7692) as an extension of a connection. It owns RSV1. */
export class PerMessageDeflate implements Extension {
  readonly reservedBit = RSV1;
  readonly #role: Role;
  readonly #agreed: DeflateAgreement;
  readonly #settings: DeflateSettings;
  readonly #zlib: Zlib;
  readonly #counts: CompressionBytes | undefined;

  /**
   * @param role Role of this side.
   * @param agreed What the opening handshake has negotiated.
   * @param settings When and how this side compresses.
   * @param counts Counts the bytes of compressed messages. Default: they are not counted.
   */
  constructor(
    role: Role,
    agreed: DeflateAgreement,
    settings: DeflateSettings,
    zlib: Zlib,
    counts?: CompressionBytes,
  ) {
    this.#role = role;
    this.#agreed = agreed;
    this.#settings = settings;
    this.#zlib = zlib;
    this.#counts = counts;
  }

  encoder(): MessageEncoder {
    const ours = this.#role === 'server' ? this.#agreed.server : this.#agreed.client;
    return new DeflateEncoder(ours, this.#settings, this.#zlib, this.#counts);
  }

  decoder(done: (error?: PeerError) => void): MessageDecoder {
    const theirs = this.#role === 'server' ? this.#agreed.client : this.#agreed.server;
    const inflater = this.#zlib.inflater(theirs, this.#settings.asyncThresholdBytes, done);
    return this.#counts === undefined ? inflater : new CountingDecoder(inflater, this.#counts);
  }
}

/**
 * Compresses the messages of one connection (RFC 7692 §7.2.1). Messages of ordinary size are compressed when they are
 * sent, large ones on the thread pool. A message for many recipients is compressed without a context. With context
 * takeover, this connection's own context is then reset, because the peer's window holds other data from there on (the
 * sender may choose what to refer to).
 */
class DeflateEncoder implements MessageEncoder {
  readonly #direction: DeflateDirection;
  readonly #settings: DeflateSettings;
  readonly #zlib: Zlib;
  /** `undefined` if messages are sent uncompressed, which is always allowed (RFC 7692 §6). */
  readonly #compressor: Compressor | undefined;
  readonly #counts: CompressionBytes | undefined;
  #job: CompressionJob | undefined;
  /** Of a message in fragments without context takeover: its context lasts until the last fragment. */
  #fragments: Compressor | undefined;

  constructor(
    direction: DeflateDirection,
    settings: DeflateSettings,
    zlib: Zlib,
    counts: CompressionBytes | undefined,
  ) {
    this.#counts = counts;
    this.#direction = direction;
    this.#settings = settings;
    this.#zlib = zlib;
    // A negotiated window can be smaller than the smallest window of zlib.
    if (direction.windowBits >= MIN_COMPRESSOR_BITS)
      this.#compressor = this.#newCompressor(direction.contextTakeover);
  }

  get contextBytes(): number {
    return (this.#compressor?.contextBytes ?? 0) + (this.#fragments?.contextBytes ?? 0);
  }

  plan(data: string | Uint8Array, compress: boolean | undefined): Plan {
    if (this.#compressor === undefined || compress === false) return PLAN.SKIP;
    if (compress !== true && !this.#isLongEnough(data)) return PLAN.SKIP;
    return data.length > this.#settings.asyncThresholdBytes ? PLAN.LATER : PLAN.NOW;
  }

  encode(input: Uint8Array): Uint8Array | undefined {
    try {
      return this.#worthwhile(input, this.#compressor!.compress(input));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  encodeLater(input: Uint8Array, done: (output: Uint8Array | undefined) => void): void {
    this.#job = this.#compressor!.compressLater(input, (output, error) => {
      this.#job = undefined;
      // zlib had no memory: the message is sent uncompressed, and a context that has seen half of it is freed.
      if (error !== undefined) this.close();
      done(error === undefined ? this.#worthwhile(input, output) : undefined);
    });
  }

  encodeFragment(input: Uint8Array, isLast: boolean): Uint8Array {
    const output = this.#fragmentCompressor().compress(input, isLast);
    this.#fragmentDone(input.length, output.length, isLast);
    return output;
  }

  encodeFragmentLater(
    input: Uint8Array,
    isLast: boolean,
    done: (output: Uint8Array, error?: Error) => void,
  ): void {
    this.#job = this.#fragmentCompressor().compressLater(
      input,
      (output, error) => {
        this.#job = undefined;
        // After a failure there is no output; the connection then ends, and frees the context.
        if (error === undefined) this.#fragmentDone(input.length, output.length, isLast);
        done(output, error);
      },
      isLast,
    );
  }

  shared(message: PreparedMessage): PreparedFrame | undefined {
    if (this.#compressor === undefined) return undefined;
    return preparedFrame(message, this.#direction.windowBits, this.#settings, this.#zlib);
  }

  sharedSent(message: PreparedMessage, frame: Uint8Array): void {
    if (this.#direction.contextTakeover) this.#compressor!.forget();
    this.#count(message.payloadBytes, payloadBytesIn(frame.length));
  }

  reset(): void {
    // The context of a job that was cancelled is unusable.
    if (this.#job !== undefined || this.#fragments !== undefined) this.close();
    else if (this.#direction.contextTakeover) this.#compressor?.forget();
  }

  close(): void {
    this.#job?.cancel();
    this.#job = undefined;
    this.#fragments?.close();
    this.#fragments = undefined;
    if (this.#direction.contextTakeover) this.#compressor?.close();
  }

  #newCompressor(contextTakeover: boolean): Compressor {
    const { level, memLevel } = this.#settings;
    return this.#zlib.compressor(
      { windowBits: this.#direction.windowBits, level, memLevel },
      contextTakeover,
    );
  }

  /** Without context takeover, connections share a compressor, and other messages may come between two fragments. */
  #fragmentCompressor(): Compressor {
    if (this.#direction.contextTakeover) return this.#compressor!;
    return (this.#fragments ??= this.#newCompressor(true));
  }

  #fragmentDone(rawBytes: number, compressedBytes: number, isLast: boolean): void {
    this.#count(rawBytes, compressedBytes);
    if (!isLast) return;
    this.#fragments?.close();
    this.#fragments = undefined;
  }

  #isLongEnough(data: string | Uint8Array): boolean {
    const { thresholdBytes } = this.#settings;
    if (data.length >= thresholdBytes) return true;
    // A UTF-16 unit has at most 3 bytes, so short texts need no counting.
    return (
      typeof data === 'string' &&
      data.length * 3 >= thresholdBytes &&
      Buffer.byteLength(data) >= thresholdBytes
    );
  }

  /** @returns `output`, counted; `undefined` if the message is sent uncompressed because it got no smaller. */
  #worthwhile(input: Uint8Array, output: Uint8Array): Uint8Array | undefined {
    // With takeover, the peer has to receive everything that our context has seen.
    if (!this.#direction.contextTakeover && output.length >= input.length) return undefined;
    this.#count(input.length, output.length);
    return output;
  }

  #count(rawBytes: number, compressedBytes: number): void {
    if (this.#counts === undefined) return;
    this.#counts.sentRaw += rawBytes;
    this.#counts.sentCompressed += compressedBytes;
  }
}

/** Counts what an inflater gets and gives. */
class CountingDecoder implements MessageDecoder, DecodedSink {
  readonly #decoder: MessageDecoder;
  readonly #counts: CompressionBytes;
  #sink: DecodedSink | undefined;

  constructor(decoder: MessageDecoder, counts: CompressionBytes) {
    this.#decoder = decoder;
    this.#counts = counts;
  }

  get heldBytes(): number {
    return this.#decoder.heldBytes;
  }

  get contextBytes(): number | undefined {
    return this.#decoder.contextBytes;
  }

  write(sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.#counts.receivedCompressed += end - start;
    this.#sink = sink;
    return this.#decoder.write(this, bytes, start, end, last);
  }

  decoded(bytes: Buffer, start: number, end: number, final: boolean): void {
    this.#counts.receivedRaw += end - start;
    this.#sink!.decoded(bytes, start, end, final);
  }

  readBegins(): void {
    this.#decoder.readBegins?.();
  }

  close(): void {
    this.#decoder.close();
  }
}
