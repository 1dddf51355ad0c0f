import { Buffer } from 'node:buffer';
import { constants, createInflateRaw, deflateRawSync, type InflateRaw, inflateRawSync } from 'node:zlib';
import type { ExtensionOffer } from '../protocol/index.ts';

/** What both sides agreed on, RFC 7692 §7.1: as the answer of the server says. */
export interface Negotiated {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

const TAIL = Buffer.of(0, 0, 0xff, 0xff);
/** More than any case sends, so that a fault of the peer's cannot fill memory. */
const MAX_INFLATED_BYTES = 128 * 1024 * 1024;
const NAME = 'permessage-deflate';
const WINDOW = /^(?:[89]|1[0-5])$/;

/**
 * Reads an answer to an offer of permessage-deflate, or checks an offer (RFC 7692 §7.1).
 * @param offer In an answer: the offer it is for.
 * @returns What is agreed; a sentence about what is wrong.
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
    } else return `the parameter ${name} is not known`;
  }
  const bits = (name: string): number => Number(given.get(name) ?? 15);
  if (given.has('client_max_window_bits') && !offered.has('client_max_window_bits')) {
    return 'client_max_window_bits is answered, but was not offered';
  }
  if (offered.has('server_no_context_takeover') && !given.has('server_no_context_takeover')) {
    return 'server_no_context_takeover was asked for, but is not in the answer';
  }
  const limit = offered.get('server_max_window_bits');
  // Without it the window is 15 bits, which is what an offer of 15 allows.
  if (typeof limit === 'string' && bits('server_max_window_bits') > Number(limit))
    return `server_max_window_bits was to be at most ${limit}`;
  return {
    serverNoContextTakeover: given.has('server_no_context_takeover'),
    clientNoContextTakeover: given.has('client_no_context_takeover'),
    serverMaxWindowBits: bits('server_max_window_bits'),
    clientMaxWindowBits: bits('client_max_window_bits'),
  };
}

/** Undoes what the peer compressed, with the window and the context that were agreed: more of either is a fault. */
export class Inflater {
  readonly #options: { readonly windowBits: number; readonly chunkSize?: number };
  readonly #takeover: boolean;
  #stream: InflateRaw | undefined;

  constructor(windowBits: number, takeover: boolean) {
    // zlib looks up what is in its output without asking whether the window reaches so far: small pieces make it ask.
    this.#options = { windowBits, ...(windowBits < 15 ? { chunkSize: 64 } : {}) };
    this.#takeover = takeover;
  }

  /** @throws Error of zlib for what does not inflate. */
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
 * Compresses a message by itself, so without the context of earlier ones, in the window that the sender may use.
 * @param how `stored`: not compressed at all, in blocks that say so. `final`: the last block has BFINAL set, as RFC 7692 §7.2.3.4.
 */
export function compressed(message: Uint8Array, windowBits: number, how: Compression = 'ordinary'): Buffer {
  // A window of 256 bytes is one that zlib's compressor cannot keep to: without matches it needs none.
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
 * Compresses the second of two equal messages with the first as its context: not a byte of it is in what comes out.
 * @returns Both.
 */
export function compressedTwice(message: Uint8Array, windowBits: number): readonly [Buffer, Buffer] {
  const options = { windowBits: Math.max(windowBits, 9), finishFlush: constants.Z_SYNC_FLUSH };
  const once = deflateRawSync(message, options);
  const second = deflateRawSync(message, { ...options, dictionary: Buffer.from(message) });
  return [once.subarray(0, once.length - TAIL.length), second.subarray(0, second.length - TAIL.length)];
}
