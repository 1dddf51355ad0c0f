import type { ProtocolMemory } from '../memory.ts';
import { type Extension, type MessageEncoder, PLAN } from './extension.ts';

/** The encoders of one connection, in the order of the negotiated list (§9.1), and where the last message got to. */
export class EncoderChain {
  /** The only encoder, if it encodes prepared messages once for all connections. */
  readonly sharer: MessageEncoder | undefined;
  /** The only encoder, if it can encode fragments. */
  readonly fragmenter: MessageEncoder | undefined;
  /** Index of the encoder that has to work later on the last message; the number of encoders if none has to. */
  at = 0;
  /** Reserved bits of the encoders that have transformed the last message so far. */
  reservedBits = 0;
  /** Size in UTF-8 of the last text that an encoder has got. */
  textBytes = 0;

  readonly #extensions: readonly Extension[];
  readonly #encoders: readonly MessageEncoder[];
  readonly #memory: ProtocolMemory;

  /** @param memory Has the memory in which texts are encoded as UTF-8. */
  constructor(extensions: readonly Extension[], memory: ProtocolMemory) {
    this.#extensions = extensions;
    this.#encoders = extensions.map((extension) => extension.encoder());
    this.#memory = memory;
    const first = this.#encoders[0];
    const only = this.#encoders.length === 1 ? first : undefined;
    this.sharer = only?.shared === undefined ? undefined : only;
    this.fragmenter = only?.encodeFragment === undefined ? undefined : only;
  }

  /** True if every encoder has seen the last message. */
  get isDone(): boolean {
    return this.at === this.#encoders.length;
  }

  /** The reserved bit of {@link fragmenter}. */
  get fragmentBit(): number {
    return this.#extensions[0]!.reservedBit;
  }

  get contextBytes(): number {
    return this.#encoders.reduce((bytes, encoder) => bytes + (encoder.contextBytes ?? 0), 0);
  }

  /** True if no encoder transforms this message. */
  skips(data: string | Uint8Array, compress: boolean | undefined): boolean {
    const encoders = this.#encoders;
    for (let at = 0; at < encoders.length; at++)
      if (encoders[at]!.plan(data, compress) !== PLAN.SKIP) return false;
    return true;
  }

  /**
   * Passes a message through the encoders from `from` on, until one has to work later. The fields then describe it.
   * @param reservedBits Those of the encoders before `from`.
   * @returns `data`, or the output of an encoder: valid until the next call of one.
   * @throws Error of an encoder. The encoders that have transformed the message are reset.
   */
  encode(
    data: string | Uint8Array,
    compress: boolean | undefined,
    from: number,
    reservedBits: number,
  ): string | Uint8Array {
    let result = data;
    let bits = reservedBits;
    let at = from;
    try {
      for (; at < this.#encoders.length; at++) {
        const encoder = this.#encoders[at]!;
        const plan = encoder.plan(result, compress);
        if (plan === PLAN.SKIP) continue;
        if (plan === PLAN.LATER) break;
        const output = encoder.encode(typeof result === 'string' ? this.#utf8Of(result) : result);
        if (output === undefined) continue;
        result = output;
        bits |= this.#extensions[at]!.reservedBit;
      }
    } catch (error) {
      this.reset(bits);
      throw error;
    }
    this.at = at;
    this.reservedBits = bits;
    return result;
  }

  /**
   * Begins the work of an encoder that works later.
   * @param at Index of the encoder.
   * @param input Must stay unchanged until `done` is called.
   * @param done Gets the output and the reserved bit that it adds; or no output, if the encoder left the message as it is.
   */
  encodeLater(
    at: number,
    input: Uint8Array,
    done: (error: Error | undefined, output: Uint8Array | undefined, reservedBit: number) => void,
  ): void {
    const { reservedBit } = this.#extensions[at]!;
    this.#encoders[at]!.encodeLater!(input, (output, error) => done(error, output, reservedBit));
  }

  /** Resets the encoders of a message that is not sent after all. @param reservedBits Those that it has got. */
  reset(reservedBits: number): void {
    for (let at = 0; at < this.#encoders.length; at++)
      if ((this.#extensions[at]!.reservedBit & reservedBits) !== 0) this.resetAt(at);
  }

  resetAt(at: number): void {
    this.#encoders[at]!.reset();
  }

  close(): void {
    for (const encoder of this.#encoders) encoder.close();
  }

  #utf8Of(text: string): Uint8Array {
    const bytes = this.#memory.encoded(text);
    this.textBytes = bytes.length;
    return bytes;
  }
}
