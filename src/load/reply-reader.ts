import {
  type CloseBody,
  CONTROL_BIT,
  FrameParser,
  OPCODE,
  PIECE,
  type ProtocolLimits,
  readCloseBody,
  type Role,
} from '../protocol/index.ts';
import type { CompressedForms } from './compressed-forms.ts';
import { LoadError } from './load-plan.ts';

/** One in this many messages is compared byte by byte; of the others only type, length, first and last byte. A power of two. */
const WHOLE_CHECK_EVERY = 16;

/** What the messages of a run come to. */
export interface Expectation {
  /** In the order in which they come back, over and over. */
  readonly payloads: readonly Buffer[];
  readonly binary: boolean;
  /** Shared by all connections of a run; `undefined` where nothing may be compressed. */
  readonly forms: CompressedForms | undefined;
  /** Whether unexpected messages, such as a greeting, are ignored; otherwise they are errors. */
  readonly unasked: boolean;
}

/** What comes between messages. */
export interface ReplyListener {
  /** @param payload Only for now. */
  pinged(payload: Buffer): void;
  closedByPeer(body: CloseBody): void;
  /** How many messages have been sent that were not answered before this chunk. Asked only where others may come. */
  underWay(): number;
}

/**
 * Counts the messages that come back on one connection, and notices what is not what it should be: another kind, length
 * or order, and other bytes, in every message at both ends of each piece, in one of sixteen everywhere. Allocates
 * nothing for a message.
 */
export class ReplyReader {
  readonly #parser: FrameParser;
  readonly #expected: Expectation;
  readonly #listener: ReplyListener;
  #slot = 0;
  /** Bytes of the current message that have come. */
  #position = 0;
  /** Pieces of a compressed message whose form is not known yet. */
  #unknown: Buffer[] = [];
  /** Messages so far, to choose those that are compared whole. */
  #seen = 0;
  /** Whether the current message answers nothing; `undefined` before its first piece. */
  #isUnasked: boolean | undefined;
  #control = Buffer.alloc(0);

  /** @param role Of this side: `'server'` where the peer sends back what it got, masks and all. */
  constructor(expected: Expectation, role: Role, listener: ReplyListener) {
    // An empty message is legal, a limit of 0 is not.
    const maxMessageBytes = expected.unasked
      ? Number.MAX_SAFE_INTEGER
      : Math.max(1, expected.payloads[0]!.length);
    const limits: ProtocolLimits = {
      maxMessageBytes,
      maxFrameBytes: maxMessageBytes,
      maxFragments: expected.unasked ? Number.MAX_SAFE_INTEGER : 65_536,
      maxPendingPongs: 1,
    };
    this.#parser = new FrameParser(role, limits, expected.forms !== undefined);
    this.#expected = expected;
    this.#listener = listener;
  }

  /**
   * Takes what was read; nothing of it is kept.
   * @returns How many messages are whole now that were not before.
   * @throws LoadError for a message that is not the one expected; PeerError for what is no WebSocket.
   */
  receive(chunk: Buffer): number {
    const parser = this.#parser;
    parser.receive(chunk);
    let whole = 0;
    for (let piece = parser.next(); piece !== PIECE.NONE; piece = parser.next()) {
      const { header } = parser;
      const last = piece !== PIECE.PART;
      if ((header.opcode & CONTROL_BIT) !== 0) this.#controlPiece(last);
      else if (this.#expected.unasked && (this.#isUnasked ??= this.#listener.underWay() <= whole)) {
        if (last && header.fin) {
          header.endMessage();
          this.#isUnasked = undefined;
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
    if (from + length > expected.length) throw wrong('is longer than what was sent');
    if (bytes[start] !== expected[from] || bytes[end - 1] !== expected[from + length - 1]) {
      throw wrong('is not what was sent, or comes out of order');
    }
    const thorough = this.#seen < payloads.length || (this.#seen & (WHOLE_CHECK_EVERY - 1)) === 0;
    if (thorough && bytes.compare(expected, from, from + length, start, end) !== 0) {
      throw wrong('is not what was sent');
    }
  }

  /** What the message is compared with; `undefined` if it is the first one of its slot that is compressed. */
  #expectedBytes(): Buffer | undefined {
    const { payloads, forms } = this.#expected;
    if (!this.#parser.header.compressed) return payloads[this.#slot]!;
    return this.#unknown.length > 0 ? undefined : forms?.of(this.#slot);
  }

  #endMessage(): void {
    const { payloads, forms } = this.#expected;
    const expected = this.#expectedBytes();
    if (expected === undefined) forms?.learn(this.#slot, this.#unknown.splice(0));
    else if (this.#position !== expected.length) throw wrong('is shorter than what was sent');
    this.#parser.header.endMessage();
    this.#isUnasked = undefined;
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
