import { Buffer } from 'node:buffer';
import { MisuseError, PeerError } from '../errors.ts';
import { ENTRY_BYTES, expandedBytes, type ProtocolLimits } from '../limits.ts';
import type { DecodedSink, Extension, MessageDecoder } from './extension.ts';

/** A piece that waits for the decoder of its stage. */
interface QueuedPiece {
  readonly bytes: Buffer;
  readonly last: boolean;
}

/**
 * The decoders of one connection with several extensions. Each piece passes the extensions in the reverse order of the
 * negotiated list (§9.1). Extensions whose bit the message does not have are skipped.
 */
export class DecoderChain implements MessageDecoder {
  /** Reserved bits of the message in progress. */
  reservedBits = 0;
  readonly #stages: Stage[] = [];
  readonly #limits: Pick<ProtocolLimits, 'maxMessageBytes'>;
  readonly #done: (error?: Error) => void;
  #sink: DecodedSink | undefined;
  #isOver = false;

  /** @param extensions In the order of the negotiated list. */
  constructor(
    extensions: readonly Extension[],
    limits: Pick<ProtocolLimits, 'maxMessageBytes'>,
    done: (error?: Error) => void,
  ) {
    this.#limits = limits;
    this.#done = done;
    let next: Stage | undefined;
    for (const extension of extensions) {
      next = new Stage(this, extension, next);
      this.#stages.unshift(next);
    }
  }

  /** Limit in bytes of what one stage may pass to the next for one message. */
  get maxStageBytes(): number {
    return expandedBytes(this.#limits.maxMessageBytes);
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const stage of this.#stages) bytes += stage.heldBytes;
    return bytes;
  }

  get contextBytes(): number {
    let bytes = 0;
    for (const stage of this.#stages) bytes += stage.contextBytes;
    return bytes;
  }

  readBegins(): void {
    for (const stage of this.#stages) stage.readBegins();
  }

  write(sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    this.#sink = sink;
    this.#stages[0]!.take(bytes, start, end, last);
    return !this.#isBusy;
  }

  close(): void {
    this.#isOver = true;
    for (const stage of this.#stages) stage.close();
  }

  /** Takes the output of the last stage. */
  decoded(bytes: Buffer, start: number, end: number, final: boolean): void {
    this.#sink!.decoded(bytes, start, end, final);
  }

  /** A stage has ended its work. */
  stageDone(error: Error | undefined): void {
    if (this.#isOver) return;
    if (error !== undefined) this.close();
    else if (this.#isBusy) return;
    this.#done(error);
  }

  get #isBusy(): boolean {
    return this.#stages.some(({ isBusy }) => isBusy);
  }
}

/** One extension of a chain. What arrives while its decoder works later is queued here. */
class Stage implements DecodedSink {
  /** True while its decoder works later. */
  isBusy = false;
  readonly #chain: DecoderChain;
  readonly #extension: Extension;
  readonly #next: Stage | undefined;
  #decoder: MessageDecoder | undefined;
  #queue: QueuedPiece[] = [];
  #queuedBytes = 0;
  /** Bytes of the message in progress that it has passed on. */
  #passedBytes = 0;

  /** @param next The stage that gets the output; `undefined` for the last one. */
  constructor(chain: DecoderChain, extension: Extension, next: Stage | undefined) {
    this.#chain = chain;
    this.#extension = extension;
    this.#next = next;
  }

  get heldBytes(): number {
    return this.#queuedBytes + (this.#decoder?.heldBytes ?? 0);
  }

  get contextBytes(): number {
    return this.#decoder?.contextBytes ?? 0;
  }

  readBegins(): void {
    this.#decoder?.readBegins?.();
  }

  take(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.isBusy) {
      this.#queue.push({ bytes: Buffer.from(bytes.subarray(start, end)), last });
      this.#queuedBytes += end - start + ENTRY_BYTES;
    } else if ((this.#chain.reservedBits & this.#extension.reservedBit) === 0)
      this.#pass(bytes, start, end, last);
    else {
      this.#decoder ??= this.#extension.decoder((error) => this.#ended(error));
      this.isBusy = !this.#decoder.write(this, bytes, start, end, last);
    }
  }

  decoded(bytes: Buffer, start: number, end: number, final: boolean): void {
    this.#passedBytes += end - start;
    const { maxStageBytes } = this.#chain;
    if (this.#passedBytes > maxStageBytes) {
      throw new PeerError(
        'ERR_MESSAGE_TOO_BIG',
        `${this.#passedBytes} bytes or more between two extensions, the limit is ${maxStageBytes}`,
      );
    }
    if (final) this.#passedBytes = 0;
    this.#pass(bytes, start, end, final);
  }

  close(): void {
    this.#decoder?.close();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #pass(bytes: Buffer, start: number, end: number, last: boolean): void {
    if (this.#next === undefined) this.#chain.decoded(bytes, start, end, last);
    else this.#next.take(bytes, start, end, last);
  }

  #ended(error: Error | undefined): void {
    if (!this.isBusy) {
      this.#chain.stageDone(
        error ?? new MisuseError('ERR_STATE', 'a decoder called done with nothing to decode'),
      );
      return;
    }
    this.isBusy = false;
    try {
      if (error === undefined) this.#takeQueued();
    } catch (thrown) {
      this.#chain.stageDone(
        thrown instanceof Error ? thrown : new PeerError('ERR_INTERNAL', undefined, { cause: thrown }),
      );
      return;
    }
    this.#chain.stageDone(error);
  }

  #takeQueued(): void {
    while (!this.isBusy && this.#queue.length > 0) {
      const { bytes, last } = this.#queue.shift()!;
      this.#queuedBytes -= bytes.length + ENTRY_BYTES;
      this.take(bytes, 0, bytes.length, last);
    }
  }
}
