import { Buffer } from 'node:buffer';
import { FIN, RSV1 } from '../protocol/constants.ts';
import { readKey } from '../protocol/mask.ts';
import { MisuseError } from '../protocol/errors.ts';
import { buildFrame } from '../protocol/outgoing/frame-builder.ts';
import { defaultEngine } from '../engine/engine.ts';
import { bytesOf } from './data.ts';
import { WsShared } from './settings.ts';

/** How {@link Sender.frame} builds a frame. */
export interface FrameOptions {
  readonly opcode: number;
  readonly fin?: boolean | undefined;
  readonly rsv1?: boolean | undefined;
  readonly mask?: boolean | undefined;
  /** Fills 4 bytes with the key of the frame. */
  readonly generateMask?: ((mask: Buffer) => void) | undefined;
  readonly readOnly?: boolean | undefined;
  readonly maskBuffer?: Buffer | undefined;
}

/** What a sender needs of its connection. */
export interface FrameSink {
  readonly bufferedBytes: number;
  sendFrame(frame: Uint8Array, callback: unknown): void;
}

/** Returns a source of masking keys that asks a function of the application. */
export function keysFrom(generateMask: (mask: Buffer) => void): () => number {
  const mask = Buffer.alloc(4);
  return () => {
    generateMask(mask);
    return readKey(mask, 0);
  };
}

/**
 * Sends whole frames that were built once for many connections, as Socket.IO does. A connection has one in `_sender`; there
 * is no other way to get one.
 */
export class Sender {
  readonly #sink: FrameSink;

  /** @throws MisuseError `ERR_ARGUMENT` for anything but a connection of this library. */
  constructor(sink: FrameSink) {
    if (typeof (sink as FrameSink | undefined)?.sendFrame !== 'function')
      throw new MisuseError(
        'ERR_ARGUMENT',
        'a Sender cannot be made of a socket: use the _sender of a WebSocket',
      );
    this.#sink = sink;
  }

  /** @internal */
  get _bufferedBytes(): number {
    return this.#sink.bufferedBytes;
  }

  /**
   * Builds a frame.
   * @returns One buffer with the whole frame.
   */
  static frame(data: string | Uint8Array, options: FrameOptions): Buffer[] {
    const { opcode, fin, rsv1, mask, generateMask } = options;
    let key: number | undefined;
    if (mask === true)
      key = generateMask === undefined ? defaultEngine.part(WsShared).keys.next() : keysFrom(generateMask)();
    const frame = buildFrame(opcode, data, key);
    frame[0] = (fin === true ? FIN : 0) | (rsv1 === true ? RSV1 : 0) | opcode;
    return [frame];
  }

  /**
   * Sends a frame that {@link Sender.frame} has built.
   * @param list Its parts; must stay unchanged.
   * @param callback Called when the kernel has taken the frame, or with the error.
   */
  sendFrame(list: readonly (Uint8Array | string)[], callback?: (error?: Error | null) => void): void {
    const [only] = list;
    const frame =
      list.length === 1 && only instanceof Uint8Array
        ? only
        : Buffer.concat(list.map((part) => (typeof part === 'string' ? Buffer.from(part) : bytesOf(part))));
    this.#sink.sendFrame(frame, callback);
  }
}
