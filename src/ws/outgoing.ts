import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/constants.ts';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { Outbox } from '../protocol/outgoing/outbox.ts';
import { bytesOf, NOTHING } from './data.ts';

/** The negotiated compression of one connection. */
export interface SocketDeflate {
  readonly agreed: DeflateAgreement;
  readonly settings: DeflateSettings;
}

export interface SendOptions {
  readonly binary?: boolean | undefined;
  readonly compress?: boolean | undefined;
  readonly fin?: boolean | undefined;
  readonly mask?: boolean | undefined;
}

/** Passes the messages of one open `WebSocket` to its outbox, as the options of each say. */
export class Outgoing {
  readonly #outbox: Outbox;
  readonly #deflate: SocketDeflate | undefined;
  /** Whether messages of ordinary size are compressed: `undefined` from the threshold on. */
  readonly #compress: boolean | undefined;
  #isInFragments = false;
  #compressesFragments = false;

  constructor(outbox: Outbox, deflate: SocketDeflate | undefined, isServer: boolean) {
    this.#outbox = outbox;
    this.#deflate = deflate;
    if (deflate === undefined) return;
    const { agreed } = deflate;
    // With a context, short messages are worth it, too.
    if ((isServer ? agreed.server : agreed.client).contextTakeover) this.#compress = true;
  }

  /** @throws TypeError For data that `Buffer.from` refuses. */
  send(data: unknown, options: SendOptions | undefined): void {
    const outbox = this.#outbox;
    let isText = typeof data === 'string';
    let compress = this.#compress;
    let isLast = true;
    if (options !== undefined && options !== null) {
      // An option that is given as `undefined` counts as false, as in `ws`.
      if ('binary' in options) isText = options.binary !== true && !options.binary;
      if ('compress' in options && !options.compress) compress = false;
      if ('fin' in options) isLast = Boolean(options.fin);
    }
    if (!isLast || this.#isInFragments) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : bytesOf(data || NOTHING);
      this.#sendFragment(bytes, isText, isLast, compress);
    } else if (typeof data === 'string') {
      if (isText) outbox.text(data, compress);
      else outbox.data(OPCODE.BINARY, Buffer.from(data), compress);
    } else {
      const opcode = isText ? OPCODE.TEXT : OPCODE.BINARY;
      const source = data || NOTHING;
      const frame = outbox.framed(opcode, source);
      if (frame === undefined) outbox.data(opcode, bytesOf(source), compress, source);
      else outbox.shared(frame);
    }
  }

  /** The first fragment of a message decides for all of them. */
  #sendFragment(bytes: Uint8Array, isText: boolean, isLast: boolean, compress: boolean | undefined): void {
    let opcode: number = OPCODE.CONTINUATION;
    if (!this.#isInFragments) {
      opcode = isText ? OPCODE.TEXT : OPCODE.BINARY;
      const deflate = this.#deflate;
      this.#compressesFragments =
        deflate !== undefined && (compress ?? bytes.length >= deflate.settings.thresholdBytes);
    }
    this.#outbox.fragment(opcode, bytes, isLast, this.#compressesFragments);
    this.#isInFragments = !isLast;
  }
}
