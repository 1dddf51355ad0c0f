import { Buffer, isUtf8 } from 'node:buffer';
import { constants, inflateRawSync } from 'node:zlib';
import { readCloseBody } from '../../protocol/close.ts';
import { CONTROL_BIT, OPCODE } from '../../protocol/constants.ts';
import { PeerError } from '../../protocol/errors.ts';
import { invalidUtf8 } from '../../protocol/message-assembler.ts';
import { findInvalidUtf8 } from '../../protocol/utf8.ts';
import type { InspectedMessage, Violation } from './model.ts';

/** The bytes that a sender removes from the end of a compressed message (RFC 7692 §7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** Largest window of deflate. */
const WINDOW_BYTES = 32_768;

/** How one direction of a connection is compressed. */
export interface Compression {
  readonly contextTakeover: boolean;
  /** Whether permessage-deflate was only assumed, because the bytes do not tell. */
  readonly isAssumed: boolean;
}

/** The facts of a frame that a reader of messages needs. */
export interface FramePart {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isComplete: boolean;
}

/** What a frame tells beyond its header. */
export interface FrameContent {
  readonly message?: InspectedMessage;
  readonly close?: { readonly code: number; readonly reason: string };
  readonly violation?: Violation;
  readonly note?: string;
}

/** A violation as plain data. */
export const violationOf = ({ code, section, reason }: PeerError): Violation =>
  ({ code, section, reason }) as Violation;

/** Joins the frames of one direction to messages, inflates them, and checks what only whole messages show. */
export class MessageReader {
  readonly #compression: Compression | undefined;
  readonly #maxMessageBytes: number;
  /** The last bytes of earlier messages; `undefined` if some of them are unknown. */
  #window: Buffer | undefined;
  #opcode = 0;
  #isCompressed = false;
  #frames = 0;
  #isComplete = true;
  #parts: Buffer[] = [];

  /**
   * @param compression `undefined` without permessage-deflate.
   * @param maxMessageBytes Largest inflated message.
   * @param isWhole Whether all earlier messages of this direction were read.
   */
  constructor(compression: Compression | undefined, maxMessageBytes: number, isWhole: boolean) {
    this.#compression = compression;
    this.#maxMessageBytes = maxMessageBytes;
    this.#window = isWhole ? Buffer.alloc(0) : undefined;
  }

  /** Call when bytes are missing: compressed messages can then refer to unknown ones. */
  lose(): void {
    this.#window = undefined;
    this.#opcode = 0;
    this.#parts = [];
  }

  read(part: FramePart): FrameContent {
    try {
      if ((part.opcode & CONTROL_BIT) === 0) return this.#data(part);
      if (part.opcode !== OPCODE.CLOSE || !part.isComplete) return {};
      return { close: readCloseBody(part.payload) };
    } catch (error) {
      if (error instanceof PeerError) return { violation: violationOf(error) };
      throw error;
    }
  }

  #data({ fin, rsv, opcode, payload, isComplete }: FramePart): FrameContent {
    if (opcode > OPCODE.BINARY) return {};
    if (opcode !== OPCODE.CONTINUATION || this.#opcode === 0) {
      this.#opcode = opcode;
      this.#isCompressed = (rsv & 4) !== 0 && this.#compression !== undefined;
      this.#frames = 0;
      this.#isComplete = true;
      this.#parts = [];
    }
    this.#frames++;
    this.#isComplete &&= isComplete;
    this.#parts.push(payload);
    if (!fin) return {};
    const joined = Buffer.concat(this.#parts);
    const isText = this.#opcode === OPCODE.TEXT;
    const isOrphan = this.#opcode === OPCODE.CONTINUATION;
    this.#opcode = 0;
    this.#parts = [];
    if (!this.#isComplete) {
      if (this.#isCompressed && this.#compression!.contextTakeover) this.#window = undefined;
      return {};
    }
    if (isOrphan) return {};
    const inflated = this.#isCompressed ? this.#inflated(joined) : joined;
    if (typeof inflated === 'string') return { note: inflated };
    if (isText && !isUtf8(inflated)) throw invalidUtf8(inflated, findInvalidUtf8(inflated), inflated.length);
    return {
      message: { isText, frames: this.#frames, isCompressed: this.#isCompressed, data: inflated },
    };
  }

  /** @returns The inflated message, or why it cannot be inflated. @throws PeerError `ERR_INFLATE`. */
  #inflated(compressed: Buffer): Buffer | string {
    const { contextTakeover, isAssumed } = this.#compression!;
    const window = this.#window;
    try {
      const inflated = inflateRawSync(Buffer.concat([compressed, TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: this.#maxMessageBytes,
        ...(window === undefined || window.length === 0 ? {} : { dictionary: window }),
      });
      if (contextTakeover && window !== undefined)
        this.#window = Buffer.from(Buffer.concat([window, inflated]).subarray(-WINDOW_BYTES));
      return inflated;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (code === 'ERR_BUFFER_TOO_LARGE') {
        this.#window = undefined;
        return `not inflated: the message has more than ${this.#maxMessageBytes.toLocaleString('en-US')} bytes`;
      }
      if (window === undefined && contextTakeover)
        return 'not inflated: the message refers to earlier messages, which are not in the file';
      if (isAssumed) throw new PeerError('ERR_RSV', 'RSV1, and the payload is not compressed');
      throw new PeerError('ERR_INFLATE', error instanceof Error ? error.message : undefined);
    }
  }
}
