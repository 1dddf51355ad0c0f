import { HandshakeError } from '../errors.ts';
import { type Fields, TOKEN_CHARS } from './fields.ts';
import {
  CR,
  fitsVersion,
  HEAD_STATE,
  type HeadLimits,
  HeadReader,
  headRuns,
  SPACE,
  VERSION_LENGTH,
} from './head-reader.ts';

export type { HeadLimits } from './head-reader.ts';

/** The head of an HTTP/1 request: well-formed, but not checked any further. */
export interface RequestHead {
  /** Case-sensitive: `get` is not `GET`. */
  readonly method: string;
  /** As sent: visible ASCII, in any form. */
  readonly target: string;
  /** Two digits and the dot between them: `1.1`. */
  readonly httpVersion: string;
  readonly fields: Fields;
}

const STATE = /* @__PURE__ */ Object.freeze({
  START: HEAD_STATE.FIRST_LINE,
  EMPTY_LINE_LF: 7,
  METHOD_START: 8,
  METHOD: 9,
  TARGET_START: 10,
  TARGET: 11,
  VERSION: 12,
} as const);

const TARGET_CHARS = /* @__PURE__ */ new Uint8Array(256).fill(1, 0x21, 0x7f);
const RUNS = /* @__PURE__ */ headRuns(
  Object.values(STATE).map((state) => {
    if (state === STATE.METHOD) return TOKEN_CHARS;
    return state === STATE.TARGET ? TARGET_CHARS : undefined;
  }),
);
/** Start of the method, the two spaces and the CR. */
const LINE_MARKS = 4;
const TLS_HANDSHAKE = 0x16;

/**
 * Reads the head of one request.
 * @throws HandshakeError `ERR_HEAD_SYNTAX` or `ERR_HEAD_TOO_BIG`.
 */
export class HeadParser extends HeadReader<RequestHead> {
  /** A server refuses folded fields (RFC 9112 §5.2), because parsers differ in reading them as one field or two. */
  protected override get unfolds(): boolean {
    return false;
  }

  constructor(limits: HeadLimits) {
    super(limits, RUNS, STATE.START, LINE_MARKS);
  }

  protected override firstLine(state: number, byte: number, offset: number): number {
    const { marks } = this;
    switch (state) {
      case STATE.START:
        if (byte === CR) return STATE.EMPTY_LINE_LF;
        if (byte === TLS_HANDSHAKE) throw this.fault('the client sent TLS to a port without TLS');
        return this.#methodStart(byte, offset);
      case STATE.EMPTY_LINE_LF:
        return this.lineFeed(byte, STATE.METHOD_START);
      case STATE.METHOD_START:
        return this.#methodStart(byte, offset);
      case STATE.METHOD:
        if (byte !== SPACE) throw this.fault('the method is not a token followed by a space');
        marks.push(offset);
        return STATE.TARGET_START;
      case STATE.TARGET_START:
        if (TARGET_CHARS[byte] !== 1) throw this.fault('the request target is missing');
        return STATE.TARGET;
      case STATE.TARGET:
        if (byte !== SPACE) throw this.fault('the request target is not visible ASCII followed by a space');
        marks.push(offset);
        return STATE.VERSION;
      default:
        return this.#version(byte, offset);
    }
  }

  protected override head(text: string, fields: Fields): RequestHead {
    const { marks } = this;
    return {
      method: text.slice(marks[0], marks[1]),
      target: text.slice(marks[1]! + 1, marks[2]),
      httpVersion: text.slice(marks[3]! - 3, marks[3]),
      fields,
    };
  }

  protected override fault(detail: string): HandshakeError {
    return new HandshakeError('ERR_HEAD_SYNTAX', detail);
  }

  protected override tooBig(detail: string): HandshakeError {
    return new HandshakeError('ERR_HEAD_TOO_BIG', detail);
  }

  #methodStart(byte: number, offset: number): number {
    if (TOKEN_CHARS[byte] !== 1) throw this.fault('the request does not begin with a method');
    this.marks.push(offset);
    return STATE.METHOD;
  }

  #version(byte: number, offset: number): number {
    const at = offset - this.marks[2]! - 1;
    if (at === VERSION_LENGTH) {
      if (byte !== CR) throw this.fault('the request line continues after the HTTP version');
      this.marks.push(offset);
      return HEAD_STATE.LINE_LF;
    }
    if (!fitsVersion(byte, at)) throw this.fault('the request line does not end with an HTTP version');
    return STATE.VERSION;
  }
}

/** Reads the request head of one opening handshake (RFC 9112 §2 to §5), strictly. */
export class RequestReader {
  readonly #parser: HeadParser;

  /** @param limits Both are whole numbers above 0. */
  constructor(limits: HeadLimits) {
    this.#parser = new HeadParser(limits);
  }

  /**
   * Takes the next chunk. Copies only the bytes of an unfinished head.
   * @returns The head once its last byte has arrived; `undefined` if more input is needed.
   * @throws HandshakeError `ERR_HEAD_SYNTAX` at the first byte that no head can have there; `ERR_HEAD_TOO_BIG` over a limit.
   * @throws MisuseError `ERR_STATE` after a head or an error.
   */
  receive(chunk: Uint8Array): RequestHead | undefined {
    return this.#parser.receive(chunk);
  }

  /** Returns the bytes after the head, once: a view of the last chunk, which belongs to its owner. Empty before there is a head. */
  takeRest(): Buffer {
    return this.#parser.takeRest();
  }
}
