import type { Buffer } from 'node:buffer';
import { LENGTH_16, LENGTH_64, OPCODE } from '../constants.ts';
import { buildFrame, buildFrameIn } from './frame-builder.ts';
import type { FramePool } from './frame-pool.ts';
import { outgoing, type Payload } from '../payload.ts';
import type { ReusableBytes } from '../reusable-bytes.ts';

/** Options of a prepared message. */
export interface PrepareOptions {
  /** `false` sends bytes as text, `true` sends a string as binary. Default: by type. */
  readonly binary?: boolean | undefined;
  /** Whether it is compressed where compression was negotiated. Default: from the threshold on. */
  readonly compress?: boolean | undefined;
  /** Key of what the message is about: a later message with the same key replaces it while it is queued unencoded. */
  readonly key?: string | undefined;
}

/** An outbox with a prepared message in its queue. */
export interface FrameWaiter {
  /** The frame is ready. Does not throw: other outboxes are called after this one. */
  frameReady(): void;
}

/** An encoded form of a message that some recipients share. */
export interface SharedFrame {
  /** `undefined` until it is ready. The frame of the message itself if encoding gained nothing. */
  readonly frame: Buffer | undefined;
  /** Calls `waiter` in a later turn, when `frame` is ready; used while it is `undefined`. */
  wait(waiter: FrameWaiter): void;
  /** Removes `waiter`. */
  leave(waiter: FrameWaiter): void;
}

/** Options of a constructor call whose payload is a whole unmasked frame. */
class FrameOptions implements PrepareOptions {
  readonly compress: boolean | undefined;
  readonly key: string | undefined;

  constructor(options: PrepareOptions | undefined) {
    this.compress = options?.compress;
    this.key = options?.key;
  }
}
const IS_FRAME = /* @__PURE__ */ Object.freeze(/* @__PURE__ */ new FrameOptions(undefined));

/** A message encoded once for many recipients. All of them share its frame, a server's, which never changes. */
export class PreparedMessage {
  /** The whole unmasked frame. */
  readonly frame: Buffer;
  readonly isText: boolean;
  readonly compress: boolean | undefined;
  readonly key: string | undefined;
  /** Compressed forms by window bits. permessage-deflate creates one for its first recipient of a kind. */
  variants: Map<number, SharedFrame> | undefined;

  /**
   * @param reusable That of the connection that received `payload`: its text can then be copied instead of encoded
   *   again.
   * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent this way.
   */
  constructor(payload: Payload, options?: PrepareOptions, reusable?: ReusableBytes) {
    this.compress = options?.compress;
    this.key = options?.key;
    if (options instanceof FrameOptions) {
      this.frame = payload as Buffer;
      this.isText = (this.frame[0]! & 0x0f) === OPCODE.TEXT;
      return;
    }
    const { opcode, data } = outgoing(payload, options?.binary, reusable);
    this.isText = opcode === OPCODE.TEXT;
    const bytes = typeof data === 'string' ? reusable?.utf8Of(data) : undefined;
    this.frame = buildFrame(opcode, bytes ?? data, undefined);
  }

  /**
   * Makes a message of the frame of another one.
   * @param frame A whole unmasked text or binary frame, checked by the caller. The message keeps it: it must not change.
   */
  static ofFrame(frame: Buffer): PreparedMessage {
    return new PreparedMessage(frame, IS_FRAME);
  }

  /** Length of the payload in bytes, before compression. */
  get payloadBytes(): number {
    return this.frame.length - this.#headerBytes;
  }

  /** The payload, as a view of the frame. */
  get payload(): Buffer {
    return this.frame.subarray(this.#headerBytes);
  }

  get #headerBytes(): number {
    const short = this.frame[1];
    return short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
  }
}

/**
 * Encodes a message into memory of a pool. After `pool.delivered`, only outboxes may read its frame.
 * @param reusable As for the constructor of {@link PreparedMessage}.
 * @throws MisuseError `ERR_ARGUMENT` for a payload that cannot be sent this way.
 */
export function pooledMessage(
  payload: Payload,
  options: PrepareOptions | undefined,
  reusable: ReusableBytes,
  pool: FramePool,
): PreparedMessage {
  const { opcode, data } = outgoing(payload, options?.binary, reusable);
  const bytes = typeof data === 'string' ? reusable.utf8Of(data) : undefined;
  return new PreparedMessage(buildFrameIn(pool, opcode, bytes ?? data, undefined), new FrameOptions(options));
}
