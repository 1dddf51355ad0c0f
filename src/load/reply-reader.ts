import {
  type CloseBody,
  CONTROL_BIT,
  FrameParser,
  OPCODE,
  PIECE,
  type ProtocolLimits,
  readCloseBody,
  type Role,
  RSV1,
} from '../protocol/index.ts';
import type { CompressedForms } from './compressed-forms.ts';
import { LoadError } from './load-plan.ts';

/** Every how many messages one is compared in full. The others: type, length, first and last byte. A power of two. */
const WHOLE_CHECK_EVERY = 16;

/** The answers that a connection expects. */
export interface Expectation {
  /** Payloads of the answers, in order; after the last one the first follows again. */
  readonly payloads: readonly Buffer[];
  readonly binary: boolean;
  /** Shared by all connections of a run; `undefined` without permessage-deflate. */
  readonly forms: CompressedForms | undefined;
  /** Whether to ignore unsolicited messages, such as a greeting. Otherwise they are errors. */
  readonly unsolicited: boolean;
}

/** Callbacks of a {@link ReplyReader}. */
export interface ReplyListener {
  /** The peer sent a ping. @param payload Valid only during the call. */
  pinged(payload: Buffer): void;
  closedByPeer(body: CloseBody): void;
  /** Number of messages that were unanswered before the current chunk. Called only if `unsolicited` is set. */
  unanswered(): number;
}

/**
 * Counts the answers on one connection and checks their type, length and order. It compares the first and last byte of each
 * piece, and in one of sixteen messages all bytes. Allocates nothing per message.
 */
export class ReplyReader {
  readonly #parser: FrameParser;
  readonly #expected: Expectation;
  readonly #listener: ReplyListener;
  #slot = 0;
  /** Received bytes of the current message. */
  #position = 0;
  /** Pieces of a compressed message whose expected form is not known yet. */
  #unknown: Buffer[] = [];
  /** Number of answers so far: chooses the ones to compare in full. */
  #seen = 0;
  /** Whether the current message is unsolicited; `undefined` before its first piece. */
  #isUnsolicited: boolean | undefined;
  #control = Buffer.alloc(0);

  /** @param role Role of this side: `'server'` if the peer returns the received bytes unchanged, still masked. */
  constructor(expected: Expectation, role: Role, listener: ReplyListener) {
    // Messages may be empty, but a limit of 0 is invalid.
    const maxMessageBytes = expected.unsolicited
      ? Number.MAX_SAFE_INTEGER
      : Math.max(1, expected.payloads[0]!.length);
    const limits: ProtocolLimits = {
      maxMessageBytes,
      maxFrameBytes: maxMessageBytes,
      maxFragments: expected.unsolicited ? Number.MAX_SAFE_INTEGER : 65_536,
      maxPendingPongs: 1,
    };
    this.#parser = new FrameParser(role, limits, expected.forms === undefined ? 0 : RSV1);
    this.#expected = expected;
    this.#listener = listener;
  }

  /**
   * Parses received bytes. The chunk may be reused after the call.
   * @returns Number of answers completed by this chunk.
   * @throws LoadError for a wrong answer; PeerError for an invalid frame.
   */
  receive(chunk: Buffer): number {
    const parser = this.#parser;
    parser.receive(chunk);
    let whole = 0;
    for (let piece = parser.next(); piece !== PIECE.NONE; piece = parser.next()) {
      const { header } = parser;
      const last = piece !== PIECE.PART;
      if ((header.opcode & CONTROL_BIT) !== 0) this.#controlPiece(last);
      else if (this.#expected.unsolicited && (this.#isUnsolicited ??= this.#listener.unanswered() <= whole)) {
        if (last && header.fin) {
          header.endMessage();
          this.#isUnsolicited = undefined;
        }
      } else {
        this.#check();
        if (last && header.fin) {
          this.#endMessage();
          whole++;
        }
      }
    }
    return whole;
  }

  #check(): void {
    const { bytes, start, end, header } = this.#parser;
    const { payloads, binary } = this.#expected;
    const from = this.#position;
    const length = end - start;
    this.#position = from + length;
    if (header.opcode === (binary ? OPCODE.TEXT : OPCODE.BINARY)) {
      throw new LoadError(
        `a ${binary ? 'binary' : 'text'} message came back as ${binary ? 'text' : 'binary'}`,
      );
    }
    if (length === 0) return;
    const expected = this.#expectedBytes();
    if (expected === undefined) {
      this.#unknown.push(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    if (from + length > expected.length) throw wrong('is longer than the message that was sent');
    if (bytes[start] !== expected[from] || bytes[end - 1] !== expected[from + length - 1]) {
      throw wrong('differs from the message that was sent, or is out of order');
    }
    const thorough = this.#seen < payloads.length || (this.#seen & (WHOLE_CHECK_EVERY - 1)) === 0;
    if (thorough && bytes.compare(expected, from, from + length, start, end) !== 0) {
      throw wrong('differs from the message that was sent');
    }
  }

  /** The expected bytes of the message; `undefined` for the first compressed answer of its slot. */
  #expectedBytes(): Buffer | undefined {
    const { payloads, forms } = this.#expected;
    if (this.#parser.header.reservedBits === 0) return payloads[this.#slot]!;
    return this.#unknown.length > 0 ? undefined : forms?.of(this.#slot);
  }

  #endMessage(): void {
    const { payloads, forms } = this.#expected;
    const expected = this.#expectedBytes();
    if (expected === undefined) forms?.learn(this.#slot, this.#unknown.splice(0));
    else if (this.#position !== expected.length) throw wrong('is shorter than the message that was sent');
    this.#parser.header.endMessage();
    this.#isUnsolicited = undefined;
    this.#position = 0;
    this.#seen++;
    this.#slot = this.#slot + 1 === payloads.length ? 0 : this.#slot + 1;
  }

  #controlPiece(last: boolean): void {
    const { bytes, start, end, header } = this.#parser;
    this.#control = Buffer.concat([this.#control, bytes.subarray(start, end)]);
    if (!last) return;
    const payload = this.#control;
    this.#control = Buffer.alloc(0);
    if (header.opcode === OPCODE.PING) this.#listener.pinged(payload);
    if (header.opcode === OPCODE.CLOSE) this.#listener.closedByPeer(readCloseBody(payload));
  }
}

const wrong = (what: string): LoadError => new LoadError(`an answer ${what}`);
