import type { Buffer } from 'node:buffer';
import { RSV1, RSV2, RSV3 } from '../constants.ts';
import { MisuseError } from '../errors.ts';
import type { PreparedMessage, SharedFrame } from '../outgoing/prepared-message.ts';

/** What an encoder does with a message: results of {@link MessageEncoder.plan}. */
export const PLAN = /* @__PURE__ */ Object.freeze({
  /** The message is sent without this extension. */
  SKIP: 0,
  /** `encode` is called. */
  NOW: 1,
  /** `encodeLater` is called. */
  LATER: 2,
} as const);
/** One of {@link PLAN}. */
export type Plan = (typeof PLAN)[keyof typeof PLAN];

/**
 * A negotiated extension that transforms the payload of whole messages (§9). It owns one reserved bit and marks with it,
 * on the first frame, each message that it has transformed. Control frames, and messages sent with
 * `ProtocolConnection.fragment`, are never transformed. One object may serve many connections: {@link encoder} and
 * {@link decoder} create what one connection needs.
 */
export interface Extension {
  /** The reserved bit that it owns: `RSV1`, `RSV2` or `RSV3`. permessage-deflate owns RSV1. */
  readonly reservedBit: number;
  /** Returns the encoder of a connection; called once, when the connection is created. */
  encoder(): MessageEncoder;
  /**
   * Returns the decoder of a connection; called when the first marked message arrives.
   * @param done Call it in a later turn, once after each `write` that returned `false`: with nothing when the piece is
   *   decoded, or with the error that fails the connection. A `PeerError` gives the close code; any other error is 1011.
   */
  decoder(done: (error?: Error) => void): MessageDecoder;
}

/**
 * Transforms the messages that one connection sends, one after another, in the order in which they are sent. With several
 * extensions, each encoder gets the output of the one before.
 */
export interface MessageEncoder {
  /** Memory of the context that it keeps between messages, in bytes, for reports; omitted if unknown. */
  readonly contextBytes?: number | undefined;
  /**
   * Decides about the next message. Called more than once for a message that is queued.
   * @param data Bytes, or text before it is encoded as UTF-8.
   * @param compress The `compress` argument of the call that sends the message.
   */
  plan(data: string | Uint8Array, compress: boolean | undefined): Plan;
  /**
   * Encodes a whole message.
   * @param input Valid until this returns. Must not be changed.
   * @returns The encoded message, in memory that the next call of an encoder may overwrite. `undefined` to send it as it
   *   is.
   * @throws Error of any kind: the message is not sent, and the command that sends it throws the error. If the message
   *   was queued, the error goes to `ProtocolOwner.failed`.
   */
  encode(input: Uint8Array): Uint8Array | undefined;
  /**
   * Encodes a whole message outside of this call. Messages sent meanwhile are queued after it. Needed if {@link plan}
   * returns `LATER`.
   * @param input Stays unchanged until the end.
   * @param done Call it once, in a later turn: with the encoded message, in memory that stays unchanged until it is sent,
   *   or with `undefined` to send it as it is. An error goes to `ProtocolOwner.failed`.
   */
  encodeLater?(input: Uint8Array, done: (output: Uint8Array | undefined, error?: Error) => void): void;
  /**
   * Encodes one fragment of a message whose sender passes fragments on as the application gives them. Used while this is
   * the only extension; without it, such a message is sent as it is.
   * @param input Valid until this returns. Must not be changed.
   * @param isLast `false` if more fragments of the message follow. Nothing else is encoded before the last one.
   * @returns As {@link encode}, but never `undefined`.
   * @throws Error The connection fails, because the peer may have got a part of the message.
   */
  encodeFragment?(input: Uint8Array, isLast: boolean): Uint8Array;
  /**
   * Encodes one fragment outside of this call. Needed if {@link plan} returns `LATER` for it.
   * @param done As for {@link encodeLater}, but with an output or an error.
   */
  encodeFragmentLater?(
    input: Uint8Array,
    isLast: boolean,
    done: (output: Uint8Array, error?: Error) => void,
  ): void;
  /**
   * Encodes a message that many connections send, once for all of them. Used while this is the only extension. Without
   * it, the message is encoded for each connection.
   * @returns `undefined` to send it as it is.
   */
  shared?(message: PreparedMessage): SharedFrame | undefined;
  /**
   * A frame from {@link shared} is sent that is not the frame of the message itself. This encoder has not seen it: the
   * next message must not refer to earlier ones.
   */
  sharedSent?(message: PreparedMessage, frame: Uint8Array): void;
  /**
   * The message that was encoded last, or is being encoded, is not sent: the next message must not refer to it or to
   * earlier ones, and the `done` of an unfinished message is not called.
   */
  reset(): void;
  /** Releases everything. Nothing is encoded afterwards, and no `done` is called. */
  close(): void;
}

/** Receives the output of a {@link MessageDecoder}. */
export interface DecodedSink {
  /**
   * Takes the next decoded bytes of the message in progress. The decoder leaves them alone until this returns, and after
   * `final` until the next `write` of any decoder. They may be overwritten: the next extension may work in place.
   * @param final True once per message: with its last bytes, which may be none.
   * @throws PeerError for bytes that no message may have, or too many of them. The decoder must stop: `write` throws the
   *   error, or `done` gets it.
   */
  decoded(bytes: Buffer, start: number, end: number, final: boolean): void;
}

/**
 * Transforms the marked messages that one connection receives, piece by piece as they arrive. With several extensions,
 * the decoders work in the reverse order of the encoders (§9.1).
 */
export interface MessageDecoder {
  /** Bytes held for the message in progress, input and memory of the decoder. They count in the memory budget. */
  readonly heldBytes: number;
  /** Memory of the context that it keeps between messages, in bytes, for reports; omitted if unknown. */
  readonly contextBytes?: number | undefined;
  /**
   * Decodes the next piece of a message into `sink`.
   * @param bytes The piece lies from `start` to `end`. It may be overwritten, and is valid until this returns.
   * @param last True if the message ends with this piece.
   * @returns `false` if the piece, of which the decoder keeps a copy, is decoded later. Nothing else is written until
   *   `done` was called; `sink` may be called meanwhile.
   * @throws PeerError for input that cannot be decoded, or what `sink` throws. Any other error fails the connection with
   *   1011. The decoder is not used afterwards.
   */
  write(sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): boolean;
  /** Called when a read has arrived. A decoder that limits its work per read counts from here. */
  readBegins?(): void;
  /** Releases everything. Neither `done` nor `sink` may be called afterwards. */
  close(): void;
}

/**
 * Checks the extensions of a connection.
 * @returns The reserved bits that they own together.
 * @throws MisuseError `ERR_ARGUMENT` if one of them does not own exactly one bit, or two own the same (§5.2, §9.1).
 */
export function ownedBits(extensions: readonly Extension[]): number {
  let owned = 0;
  for (const [at, { reservedBit }] of extensions.entries()) {
    if (reservedBit !== RSV1 && reservedBit !== RSV2 && reservedBit !== RSV3) {
      throw new MisuseError(
        'ERR_ARGUMENT',
        `extensions[${at}].reservedBit is ${String(reservedBit)}; it must be RSV1, RSV2 or RSV3`,
      );
    }
    if ((owned & reservedBit) !== 0) {
      const name = reservedBit === RSV1 ? 'RSV1' : reservedBit === RSV2 ? 'RSV2' : 'RSV3';
      throw new MisuseError(
        'ERR_ARGUMENT',
        `extensions[${at}] and an extension before it own ${name}: two of them cannot be negotiated together`,
      );
    }
    owned |= reservedBit;
  }
  return owned;
}
