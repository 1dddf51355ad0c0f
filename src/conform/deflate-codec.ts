import { Buffer } from 'node:buffer';
import { constants, createInflateRaw, deflateRawSync, type InflateRaw, inflateRawSync } from 'node:zlib';
import type { ExtensionOffer } from '../protocol/index.ts';

/** The negotiated parameters of permessage-deflate, as in the response of the server (RFC 7692 §7.1). */
export interface Negotiated {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

const TAIL = Buffer.of(0, 0, 0xff, 0xff);
/** More than any case sends. Limits the memory that a faulty peer can fill. */
const MAX_INFLATED_BYTES = 128 * 1024 * 1024;
const NAME = 'permessage-deflate';
const WINDOW = /^(?:[89]|1[0-5])$/;

/**
 * Checks the response to an offer of permessage-deflate (RFC 7692 §7.1).
 * @returns The negotiated parameters, or a sentence about the fault.
 */
export function negotiate(answer: ExtensionOffer, offer: ExtensionOffer): Negotiated | string {
  if (answer.name !== NAME) return `the extension ${answer.name} was not offered`;
  const given = new Map(answer.params);
  if (given.size < answer.params.length) return 'a parameter is given twice';
  const offered = new Map(offer.params);
  for (const [name, value] of given) {
    if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') {
      if (value !== true) return `${name} has a value`;
    } else if (name === 'server_max_window_bits' || name === 'client_max_window_bits') {
      if (value === true || !WINDOW.test(value)) return `${name} is not a whole number from 8 to 15`;
    } else return `the parameter ${name} is unknown`;
  }
  const bits = (name: string): number => Number(given.get(name) ?? 15);
  if (given.has('client_max_window_bits') && !offered.has('client_max_window_bits')) {
    return 'the response has client_max_window_bits, which was not offered';
  }
  if (offered.has('server_no_context_takeover') && !given.has('server_no_context_takeover')) {
    return 'the response lacks server_no_context_takeover, which the offer demands';
  }
  const limit = offered.get('server_max_window_bits');
  // A response without the parameter means 15 bits.
  if (typeof limit === 'string' && bits('server_max_window_bits') > Number(limit))
    return `server_max_window_bits must be at most ${limit}, as in the offer`;
  return {
    serverNoContextTakeover: given.has('server_no_context_takeover'),
    clientNoContextTakeover: given.has('client_no_context_takeover'),
    serverMaxWindowBits: bits('server_max_window_bits'),
    clientMaxWindowBits: bits('client_max_window_bits'),
  };
}

/** Inflates messages of the peer with the negotiated window and context. Data that needs more of either is a fault. */
export class Inflater {
  readonly #options: { readonly windowBits: number; readonly chunkSize?: number };
  readonly #takeover: boolean;
  #stream: InflateRaw | undefined;

  constructor(windowBits: number, takeover: boolean) {
    // Within one output chunk zlib does not check distances against the window. Small chunks force the check.
    this.#options = { windowBits, ...(windowBits < 15 ? { chunkSize: 64 } : {}) };
    this.#takeover = takeover;
  }

  /** @throws Error of zlib for invalid data. */
  async inflate(compressed: Buffer): Promise<Buffer> {
    const input = Buffer.concat([compressed, TAIL]);
    if (!this.#takeover) {
      return inflateRawSync(input, {
        ...this.#options,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_INFLATED_BYTES,
      });
    }
    const stream = (this.#stream ??= createInflateRaw(this.#options));
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', collect);
    try {
      await new Promise<void>((resolve, reject) => {
        stream.once('error', reject);
        stream.write(input);
        stream.flush(() => resolve());
      });
    } finally {
      stream.off('data', collect);
    }
    return Buffer.concat(chunks);
  }

  close(): void {
    this.#stream?.close();
  }
}

export type Compression = 'ordinary' | 'stored' | 'final' | 'no matches';

/**
 * Compresses a message without the context of earlier ones.
 * @param windowBits Window of the sender, in bits.
 * @param how `stored`: in stored blocks, without compression. `final`: the last block has BFINAL set (RFC 7692
 *   §7.2.3.4). `no matches`: Huffman codes only.
 */
export function compressed(message: Uint8Array, windowBits: number, how: Compression = 'ordinary'): Buffer {
  // zlib cannot compress with a window of 256 bytes. Without matches no window is needed.
  const noMatches = how === 'no matches' || windowBits < 9;
  const options = {
    windowBits: Math.max(windowBits, 9),
    level: how === 'stored' ? 0 : 6,
    ...(noMatches ? { strategy: constants.Z_HUFFMAN_ONLY } : {}),
  };
  if (how === 'final') return Buffer.concat([deflateRawSync(message, options), Buffer.of(0)]);
  const bytes = deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - TAIL.length);
}

/**
 * Compresses a message twice: first without context, then with the first message as context, so that the second
 * refers to it.
 * @returns Both compressed messages.
 */
export function compressedTwice(message: Uint8Array, windowBits: number): readonly [Buffer, Buffer] {
  const options = { windowBits: Math.max(windowBits, 9), finishFlush: constants.Z_SYNC_FLUSH };
  const once = deflateRawSync(message, options);
  const second = deflateRawSync(message, { ...options, dictionary: Buffer.from(message) });
  return [once.subarray(0, once.length - TAIL.length), second.subarray(0, second.length - TAIL.length)];
}
