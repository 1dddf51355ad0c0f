import type { PeerError } from '../errors.ts';
import type { MessageDecoder } from '../extensions/extension.ts';
import type { DeflateDirection, DeflatePreferences } from './parameters.ts';

/** Settings of permessage-deflate for a server or client; one object for all its connections. */
export interface DeflateSettings extends DeflatePreferences {
  /** Messages below this size, in bytes, are sent uncompressed. */
  readonly thresholdBytes: number;
  /** Effort of zlib: 1 to 9. */
  readonly level: number;
  /** Memory of zlib: 1 to 9. */
  readonly memLevel: number;
  /** Messages above this size, in bytes, are compressed and inflated on other threads. */
  readonly asyncThresholdBytes: number;
}

/** Parameters of a compressor. */
export interface CompressionParameters {
  /** Window of 2^`windowBits` bytes, 9 to 15. */
  readonly windowBits: number;
  readonly level: number;
  readonly memLevel: number;
}

/** A message that is being compressed on another thread. */
export interface CompressionJob {
  /** Suppresses the callback. With context takeover, the compressor is unusable afterwards if the job had started. */
  cancel(): void;
}

/** Compresses messages one after another (RFC 7692 §7.2.1). */
export interface Compressor {
  /** Memory of the context that it keeps between messages, in bytes, for reports; omitted if unknown. */
  readonly contextBytes?: number;
  /**
   * Compresses a message, or a fragment of one. Fragments need context takeover.
   * @param isLast `false` if more fragments of the message follow. Default `true`.
   * @returns The whole output, possibly in memory that the next call of any compressor overwrites.
   */
  compress(input: Uint8Array, isLast?: boolean): Uint8Array;
  /**
   * Compresses a message or fragment on another thread. With context takeover, nothing else may be compressed until it is
   * done.
   * @param input Must stay unchanged until then.
   * @param done Called in a later turn with separate memory, or with the error if zlib has no memory.
   * @param isLast As in {@link compress}.
   */
  compressLater(
    input: Uint8Array,
    done: (output: Uint8Array, error?: Error) => void,
    isLast?: boolean,
  ): CompressionJob;
  /** Makes the next message refer to no earlier one, because the peer has since seen other messages. */
  forget(): void;
  /** Frees the memory; the compressor can still be used. */
  close(): void;
}

/** What permessage-deflate needs from zlib. */
export interface Zlib {
  /** Returns what deflates messages. @param contextTakeover Messages refer to earlier ones; the compressor then belongs to one connection. */
  compressor(parameters: CompressionParameters, contextTakeover: boolean): Compressor;
  /**
   * Returns what inflates the messages of one connection (RFC 7692 §7.2.2). It fails with `ERR_INFLATE`.
   * @param done Called when an inflation on another thread has ended, with its error if it failed.
   */
  inflater(
    direction: DeflateDirection,
    asyncThresholdBytes: number,
    done: (error?: PeerError) => void,
  ): MessageDecoder;
}
