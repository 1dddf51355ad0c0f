import type { Buffer } from 'node:buffer';

/** Receives the output of an {@link Inflater}. */
export interface InflateSink {
  /**
   * Takes the next inflated bytes of the message in progress. They are valid until it returns.
   * @param final True if they are the last ones of the message.
   * @throws PeerError for bytes that no message may have.
   */
  inflated(bytes: Buffer, start: number, end: number, final: boolean): void;
}

/**
 * Inflates the messages of one connection (RFC 7692 §7.2.2), piece by piece as they arrive. A caller that has zlib
 * provides it, because the protocol core only computes and never waits.
 */
export interface Inflater {
  /** Bytes held for the message in progress. */
  readonly heldBytes: number;
  /**
   * Inflates the next piece of a message into `sink`.
   * @param last True if the message ends here.
   * @returns `false` if a copy of the bytes is inflated on the thread pool. Nothing else may be written until the
   *   inflater has reported its end, with the error if it failed; `sink` is called meanwhile.
   * @throws PeerError `ERR_INFLATE`, or what `sink` throws. The inflater has then released everything and is unusable.
   */
  write(sink: InflateSink, bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** Call when a read has arrived: the event loop's share for one read starts again. */
  readBegins(): void;
  /** Releases everything and reports nothing afterwards. */
  close(): void;
}
