import type { Inflater } from './inflater.ts';
import type { PeerError } from '../errors.ts';
import type { DeflateDirection, DeflatePreferences } from './parameters.ts';

/** permessage-deflate as a server or client uses it; one object for all its connections. */
export interface DeflateSettings extends DeflatePreferences {
  /** Smaller messages are sent as they are, in bytes. */
  readonly thresholdBytes: number;
  /** How hard zlib tries: 1 to 9. */
  readonly level: number;
  /** Memory of zlib: 1 to 9. */
  readonly memLevel: number;
  /** Larger messages are compressed and inflated on other threads, in bytes. */
  readonly asyncThresholdBytes: number;
}

/** How messages are compressed. */
export interface CompressionParameters {
  /** Window of 2^`windowBits` bytes, 9 to 15. */
  readonly windowBits: number;
  readonly level: number;
  readonly memLevel: number;
}

/** A message that is being compressed on another thread. */
export interface CompressionJob {
  /** Its callback is not called any more. With context takeover the compressor is of no further use if the job had begun. */
  cancel(): void;
}

/** Compresses messages one after another (RFC 7692 §7.2.1). */
export interface Compressor {
  /** @returns The whole message, compressed; it may lie in memory that the next call of any compressor overwrites. */
  compress(input: Uint8Array): Uint8Array;
  /**
   * Compresses a message on another thread. With context takeover nothing else may be compressed until it is done.
   * @param input Stays as it is until then.
   * @param done Called later, with memory of its own; or with the error, if there is no memory left for zlib.
   */
  compressBehind(input: Uint8Array, done: (output: Uint8Array, error?: Error) => void): CompressionJob;
  /** Makes the next message refer to no earlier one, because the peer has since seen other messages. */
  forget(): void;
  /** Frees the memory; the compressor may be used again. */
  close(): void;
}

/** What permessage-deflate needs of zlib. */
export interface Zlib {
  /** @param contextTakeover Messages refer to the ones before them: the compressor belongs to one connection. */
  compressor(parameters: CompressionParameters, contextTakeover: boolean): Compressor;
  /** @param done Called when a piece that was not inflated at once is inflated, or cannot be. */
  inflater(
    direction: DeflateDirection,
    asyncThresholdBytes: number,
    done: (error?: PeerError) => void,
  ): Inflater;
}
