import { Buffer } from 'node:buffer';
import { HandshakeError, MisuseError } from '../errors.ts';
import { Fields, TOKEN_CHARS, trimmed, VALUE_CHARS } from './fields.ts';

/** The head of an HTTP/1 request: well-formed, and not judged any further. */
export interface RequestHead {
  /** Case matters: `get` is not `GET`. */
  readonly method: string;
  /** As sent: visible ASCII, of any form. */
  readonly target: string;
  /** Two digits and the dot between them: `1.1`. */
  readonly httpVersion: string;
  readonly fields: Fields;
}

export interface HeadLimits {
  /** Longest head in bytes, request line and final empty line included. */
  readonly maxHeadBytes: number;
  /** Most fields, repeated ones each counted. */
  readonly maxHeaderFields: number;
}

/** What is being read: how much of the grammar of RFC 9112 §2.1 the bytes so far have satisfied. */
const STATE = Object.freeze({
  START: 0,
  EMPTY_LINE_LF: 1,
  METHOD_START: 2,
  METHOD: 3,
  TARGET_START: 4,
  TARGET: 5,
  VERSION: 6,
  LINE_LF: 7,
  LINE_START: 8,
  NAME: 9,
  VALUE: 10,
  FINAL_LF: 11,
  DONE: 12,
} as const);
type State = (typeof STATE)[keyof typeof STATE];

const NO_CHARS = new Uint8Array(256);
const TARGET_CHARS = new Uint8Array(256).fill(1, 0x21, 0x7f);
/** Bytes that change nothing, by state: a run of them is passed over in a tight loop. */
const RUNS: readonly Uint8Array[] = Object.values(STATE).map((state) => {
  if (state === STATE.METHOD || state === STATE.NAME) return TOKEN_CHARS;
  if (state === STATE.TARGET) return TARGET_CHARS;
  return state === STATE.VALUE ? VALUE_CHARS : NO_CHARS;
});

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const TLS_HANDSHAKE = 0x16;
const SPACE = 0x20;
const COLON = 0x3a;
/** `d` stands for a digit. */
const VERSION_FORM = 'HTTP/d.d';
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

const NOTHING: Buffer = Buffer.alloc(0);
const fault = (detail: string): HandshakeError => new HandshakeError('ERR_HEAD_SYNTAX', detail);
const tooBig = (detail: string): HandshakeError => new HandshakeError('ERR_HEAD_TOO_BIG', detail);
const lineFeed = (byte: number, next: State): State => {
  if (byte !== LF) throw fault('a CR is not followed by LF');
  return next;
};

/**
 * Reads the head of one request from a byte stream, strictly (RFC 9112 §2 to §5): each byte is looked at once, and the
 * first one that no well-formed head could have at its place ends it. A head inside the first chunk is read where it
 * lies; otherwise the bytes are kept, never more than `maxHeadBytes` of them.
 */
export class HeadParser {
  readonly #limits: HeadLimits;
  /** `DONE` also after a failure. */
  #state: State = STATE.START;
  /** Bytes before the next chunk. */
  #seenBytes = 0;
  #held: Buffer = NOTHING;
  #rest: Buffer = NOTHING;
  /**
   * Offsets in the head: start of the method, the two spaces and the CR of the request line, then colon and CR of each
   * field.
   */
  readonly #marks: number[] = [];

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /**
   * Takes the next chunk. Only what is needed of an unfinished head is copied.
   * @returns The head once its last byte has arrived; `undefined` means more bytes, please.
   * @throws HandshakeError `ERR_HEAD_SYNTAX`, or `ERR_HEAD_TOO_BIG` as soon as a limit is certain to be passed.
   * @throws MisuseError `ERR_STATE` after a head or an error.
   */
  receive(chunk: Uint8Array): RequestHead | undefined {
    let state = this.#state;
    if (state === STATE.DONE) throw new MisuseError('ERR_STATE', 'this parser has read its head already');
    this.#state = STATE.DONE;
    const seenBytes = this.#seenBytes;
    const end = Math.min(chunk.length, this.#limits.maxHeadBytes - seenBytes);
    for (let at = 0; ; at++) {
      const run = RUNS[state]!;
      while (at < end && run[chunk[at]!] === 1) at++;
      if (at === end) break;
      state = this.#next(state, chunk[at]!, seenBytes + at);
      if (state === STATE.DONE) return this.#complete(asBuffer(chunk), at + 1);
    }
    if (seenBytes + end === this.#limits.maxHeadBytes) throw tooBig('its bytes');
    this.#state = state;
    this.#hold(chunk);
    return undefined;
  }

  /**
   * The bytes behind the head, once; empty before there is a head. They lie in the chunk that held the end of the head,
   * and belong to whoever that belongs to.
   */
  takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  /** The state after a byte that ends a run. `offset` is its place in the head. */
  #next(state: Exclude<State, typeof STATE.DONE>, byte: number, offset: number): State {
    const marks = this.#marks;
    switch (state) {
      case STATE.START:
        if (byte === CR) return STATE.EMPTY_LINE_LF;
        if (byte === TLS_HANDSHAKE) throw fault('this is TLS, spoken to a port without it');
        return this.#methodStart(byte, offset);
      case STATE.METHOD_START:
        return this.#methodStart(byte, offset);
      case STATE.METHOD:
        if (byte !== SPACE) throw fault('the method is not a token followed by a space');
        marks.push(offset);
        return STATE.TARGET_START;
      case STATE.TARGET_START:
        if (TARGET_CHARS[byte] !== 1) throw fault('the request target is missing');
        return STATE.TARGET;
      case STATE.TARGET:
        if (byte !== SPACE) throw fault('the request target is not visible ASCII followed by a space');
        marks.push(offset);
        return STATE.VERSION;
      case STATE.VERSION:
        return this.#version(byte, offset);
      case STATE.LINE_START:
        return this.#lineStart(byte);
      case STATE.NAME:
        if (byte !== COLON) throw fault('a field name is not a token followed by a colon');
        marks.push(offset);
        return STATE.VALUE;
      case STATE.VALUE:
        if (byte !== CR) throw fault('a field value holds a control character');
        marks.push(offset);
        return STATE.LINE_LF;
      case STATE.EMPTY_LINE_LF:
        return lineFeed(byte, STATE.METHOD_START);
      case STATE.LINE_LF:
        return lineFeed(byte, STATE.LINE_START);
      case STATE.FINAL_LF:
        break;
    }
    return lineFeed(byte, STATE.DONE);
  }

  #methodStart(byte: number, offset: number): State {
    if (TOKEN_CHARS[byte] !== 1) throw fault('the request does not begin with a method');
    this.#marks.push(offset);
    return STATE.METHOD;
  }

  #version(byte: number, offset: number): State {
    const at = offset - this.#marks[2]! - 1;
    if (at === VERSION_FORM.length) {
      if (byte !== CR) throw fault('the request line goes on behind the HTTP version');
      this.#marks.push(offset);
      return STATE.LINE_LF;
    }
    const expected = VERSION_FORM.charCodeAt(at);
    const fits = VERSION_FORM[at] === 'd' ? isDigit(byte) : byte === expected;
    if (!fits) throw fault('the request line does not end with an HTTP version');
    return STATE.VERSION;
  }

  #lineStart(byte: number): State {
    if (byte === CR) return STATE.FINAL_LF;
    if (byte === SPACE || byte === TAB) throw fault('a line is folded');
    if (TOKEN_CHARS[byte] !== 1) throw fault('a line does not begin with a field name');
    if ((this.#marks.length - 4) / 2 >= this.#limits.maxHeaderFields) throw tooBig('its number of fields');
    return STATE.NAME;
  }

  #complete(chunk: Buffer, end: number): RequestHead {
    this.#rest = chunk.subarray(end);
    if (this.#seenBytes === 0) return this.#head(chunk.toString('latin1', 0, end));
    this.#hold(chunk.subarray(0, end));
    const text = this.#held.toString('latin1', 0, this.#seenBytes);
    this.#held = NOTHING;
    return this.#head(text);
  }

  #head(text: string): RequestHead {
    const marks = this.#marks;
    // once for all names: they are ASCII, and no character of Latin-1 changes its length
    const lowerCase = text.toLowerCase();
    const flat: string[] = [];
    let lineStart = marks[3]! + 2;
    for (let i = 4; i < marks.length; i += 2) {
      const colon = marks[i]!;
      const end = marks[i + 1]!;
      flat.push(lowerCase.slice(lineStart, colon), trimmed(text, colon + 1, end));
      lineStart = end + 2;
    }
    return {
      method: text.slice(marks[0], marks[1]),
      target: text.slice(marks[1]! + 1, marks[2]),
      httpVersion: text.slice(marks[3]! - 3, marks[3]),
      fields: new Fields(flat),
    };
  }

  #hold(chunk: Uint8Array): void {
    const heldBytes = this.#seenBytes + chunk.length;
    if (heldBytes > this.#held.length) {
      // doubling keeps a head that comes byte by byte linear
      const capacity = Math.min(Math.max(heldBytes, 2 * this.#held.length, 256), this.#limits.maxHeadBytes);
      const larger = Buffer.allocUnsafeSlow(capacity);
      this.#held.copy(larger, 0, 0, this.#seenBytes);
      this.#held = larger;
    }
    this.#held.set(chunk, this.#seenBytes);
    this.#seenBytes = heldBytes;
  }
}

const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
