import type { Buffer } from 'node:buffer';

/** Takes what comes out of an {@link Inflater}. */
export interface InflateSink {
  /**
   * Takes the next inflated bytes of the message in progress. They are valid until it returns.
   * @param final These are the last ones of the message.
   * @throws PeerError for bytes that no message may have.
   */
  inflated(bytes: Buffer, start: number, end: number, final: boolean): void;
}

/**
 * Inflates the messages of one connection (RFC 7692 §7.2.2), piece by piece as they arrive. Whoever has zlib makes it: the
 * protocol core computes, and does not wait.
 */
export interface Inflater {
  /** What it holds for the message in progress, in bytes. */
  readonly heldBytes: number;
  /**
   * Inflates the next piece of a message into `sink`.
   * @param last The message ends here.
   * @returns `false` if it goes on behind the event loop, with a copy of the bytes: then nothing else may be written until
   *   its maker reports the end of it, with the error if there was one, and `sink` is called meanwhile.
   * @throws PeerError `ERR_INFLATE`, or what `sink` throws. Then it has let everything go, and is of no further use.
   */
  write(sink: InflateSink, bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** A read has come: the share of the event loop that one read may take begins anew. */
  readBegins(): void;
  /** Lets everything go, and reports nothing any more. */
  close(): void;
}
