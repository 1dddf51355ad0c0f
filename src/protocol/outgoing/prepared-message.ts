import type { Buffer } from 'node:buffer';
import { LENGTH_16, LENGTH_64 } from '../constants.ts';
import { buildFrame } from './frame-builder.ts';
import { outgoing, type Payload } from '../payload.ts';
import type { ReusableBytes } from '../reusable-bytes.ts';

/** How a message is prepared. */
export interface PrepareOptions {
  /** `false` sends bytes as text, `true` a string as binary. Default: by type. */
  readonly binary?: boolean | undefined;
  /** Whether it goes out compressed where that was agreed on. Default: from a size on. */
  readonly compress?: boolean | undefined;
}

/** A message in the compressed form that some recipients share. */
export interface PreparedVariant {
  /** Once it is known; that of the message itself where compressing gained nothing. */
  readonly frame: Buffer | undefined;
}

/**
 * A message encoded once, for many recipients. The frame is that of a server, shared by all of them, and never changed.
 */
export class PreparedMessage {
  /** The whole frame, unmasked. */
  readonly frame: Buffer;
  readonly isText: boolean;
  readonly compress: boolean | undefined;
  /** By window bits; made when the first recipient of the kind is sent to, by whoever compresses. */
  variants: Map<number, PreparedVariant> | undefined;

  /**
   * @param reusable Given to the connection that received `payload`: then a text is copied where it can be, and not encoded again.
   * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent so.
   */
  constructor(payload: Payload, options?: PrepareOptions, reusable?: ReusableBytes) {
    const { opcode, data } = outgoing(payload, options?.binary, reusable);
    this.isText = opcode === 1;
    this.compress = options?.compress;
    const bytes = typeof data === 'string' ? reusable?.utf8Of(data) : undefined;
    this.frame = buildFrame(opcode, bytes ?? data, undefined);
  }

  get payloadBytes(): number {
    return this.frame.length - this.#headerBytes;
  }

  /** A view on the frame. */
  get payload(): Buffer {
    return this.frame.subarray(this.#headerBytes);
  }

  get #headerBytes(): number {
    const short = this.frame[1];
    return short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
  }
}
