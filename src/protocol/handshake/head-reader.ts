import { Buffer } from 'node:buffer';
import { MisuseError } from '../errors.ts';
import { Fields, TOKEN_CHARS, trimmed, VALUE_CHARS } from './fields.ts';

/** Limits of the head of a request or response. */
export interface HeadLimits {
  /** Longest head in bytes, including the first line and the final empty line. */
  readonly maxHeadBytes: number;
  /** Largest number of fields; each repeated field counts. */
  readonly maxHeaderFields: number;
}

/** Parser state: how far the bytes so far have got in the grammar of RFC 9112 §2.1. */
export const HEAD_STATE = /* @__PURE__ */ Object.freeze({
  LINE_LF: 0,
  LINE_START: 1,
  NAME: 2,
  VALUE: 3,
  FINAL_LF: 4,
  DONE: 5,
  /** States from here on belong to the first line. */
  FIRST_LINE: 6,
} as const);

const NO_CHARS = /* @__PURE__ */ new Uint8Array(256);
/**
 * Returns, for each state, the bytes that do not change it: a tight loop skips runs of them.
 * @param firstLine Tables for the states from `FIRST_LINE` on; `undefined` for a state that every byte leaves.
 */
export function headRuns(firstLine: readonly (Uint8Array | undefined)[]): readonly Uint8Array[] {
  const { LINE_LF, LINE_START, NAME, VALUE, FINAL_LF, DONE } = HEAD_STATE;
  const runs: Uint8Array[] = firstLine.map((chars) => chars ?? NO_CHARS);
  const fields = [LINE_LF, LINE_START, NAME, VALUE, FINAL_LF, DONE].map((state) =>
    state === NAME ? TOKEN_CHARS : state === VALUE ? VALUE_CHARS : NO_CHARS,
  );
  return [...fields, ...runs];
}

export const TAB = 0x09;
const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
const COLON = 0x3a;
/** `d` stands for a digit. */
const VERSION_FORM = 'HTTP/d.d';
export const VERSION_LENGTH: number = VERSION_FORM.length;
export const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
/** Whether `byte` may be at position `at` of an HTTP version. */
export const fitsVersion = (byte: number, at: number): boolean =>
  VERSION_FORM[at] === 'd' ? isDigit(byte) : byte === VERSION_FORM.charCodeAt(at);

const NOTHING: Buffer = /* @__PURE__ */ Buffer.alloc(0);
/** A fold becomes one space. Blanks before the line break stay: matching them would take quadratic time. */
const OBS_FOLD = /\r\n[ \t]+/g;

/**
 * Reads one HTTP head from a byte stream, strictly (RFC 9112 §2 to §5). Each byte is examined once; the first byte that
 * no well-formed head can have at its place is an error. A head inside the first chunk is read in place. Otherwise the
 * bytes are copied, never more than `maxHeadBytes` of them. The subclass defines the first line.
 */
export abstract class HeadReader<Head> {
  /** Offsets in the head: those of the first line, its CR last; then colon and CR of each field. */
  protected readonly marks: number[] = [];
  readonly #maxHeadBytes: number;
  readonly #maxHeaderFields: number;
  readonly #runs: readonly Uint8Array[];
  readonly #lineMarks: number;
  /** Also `DONE` after a failure. */
  #state: number;
  /** True if a field value has an obs-fold: values then have to be unfolded. */
  #folded = false;
  /** Bytes of all earlier chunks. */
  #seenBytes = 0;
  #held: Buffer = NOTHING;
  #rest: Buffer = NOTHING;

  /**
   * @param limits Those of now: a head that has begun keeps them.
   * @param runs From {@link headRuns}.
   * @param start State before the first byte.
   * @param lineMarks Number of marks of the first line.
   */
  constructor(limits: HeadLimits, runs: readonly Uint8Array[], start: number, lineMarks: number) {
    this.#maxHeadBytes = limits.maxHeadBytes;
    this.#maxHeaderFields = limits.maxHeaderFields;
    this.#runs = runs;
    this.#state = start;
    this.#lineMarks = lineMarks;
  }

  /** Returns the state after a byte that ends a run in the first line. `offset` is its position in the head. */
  protected abstract firstLine(state: number, byte: number, offset: number): number;
  /** Creates the result from the whole head as Latin-1. */
  protected abstract head(text: string, fields: Fields): Head;
  /** Creates the error for bytes that no head can have. */
  protected abstract fault(detail: string): Error;
  protected abstract tooBig(detail: string): Error;
  /** Whether a line may continue the previous field (obs-fold, RFC 9112 §5.2). */
  protected abstract readonly unfolds: boolean;

  /**
   * Takes the next chunk. Copies only the bytes of an unfinished head.
   * @returns The head once its last byte has arrived; `undefined` if more input is needed.
   * @throws An error of the subclass; for a limit, as soon as the excess is certain.
   * @throws MisuseError `ERR_STATE` after a head or an error.
   */
  receive(chunk: Uint8Array): Head | undefined {
    let state = this.#state;
    if (state === HEAD_STATE.DONE)
      throw new MisuseError('ERR_STATE', 'this parser has read its head already');
    this.#state = HEAD_STATE.DONE;
    const runs = this.#runs;
    const seenBytes = this.#seenBytes;
    const end = Math.min(chunk.length, this.#maxHeadBytes - seenBytes);
    for (let at = 0; ; at++) {
      const run = runs[state]!;
      while (at < end && run[chunk[at]!] === 1) at++;
      if (at === end) break;
      state = this.#next(state, chunk[at]!, seenBytes + at);
      if (state === HEAD_STATE.DONE) return this.#complete(asBuffer(chunk), at + 1);
    }
    if (seenBytes + end === this.#maxHeadBytes) throw this.tooBig('its bytes');
    this.#state = state;
    this.#hold(chunk);
    return undefined;
  }

  /**
   * Returns the bytes after the head, once; empty before there is a head. They are a view of the chunk that held the
   * end of the head, and belong to the owner of that chunk.
   */
  takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  /** @returns `next` if the byte after a CR is LF. */
  protected lineFeed(byte: number, next: number): number {
    if (byte !== LF) throw this.fault('a CR is not followed by LF');
    return next;
  }

  #next(state: number, byte: number, offset: number): number {
    const marks = this.marks;
    switch (state) {
      case HEAD_STATE.LINE_START:
        return this.#lineStart(byte);
      case HEAD_STATE.NAME:
        if (byte !== COLON) throw this.fault('a field name is not a token followed by a colon');
        marks.push(offset);
        return HEAD_STATE.VALUE;
      case HEAD_STATE.VALUE:
        if (byte !== CR) throw this.fault('a field value holds a control character');
        marks.push(offset);
        return HEAD_STATE.LINE_LF;
      case HEAD_STATE.LINE_LF:
        return this.lineFeed(byte, HEAD_STATE.LINE_START);
      case HEAD_STATE.FINAL_LF:
        return this.lineFeed(byte, HEAD_STATE.DONE);
      default:
        return this.firstLine(state, byte, offset);
    }
  }

  #lineStart(byte: number): number {
    if (byte === CR) return HEAD_STATE.FINAL_LF;
    if (byte === SPACE || byte === TAB) return this.#continuedLine();
    if (TOKEN_CHARS[byte] !== 1) throw this.fault('a line does not begin with a field name');
    if ((this.marks.length - this.#lineMarks) / 2 >= this.#maxHeaderFields) {
      throw this.tooBig('its number of fields');
    }
    return HEAD_STATE.NAME;
  }

  /** Handles a line that starts with a blank: it continues the value of the previous field. */
  #continuedLine(): number {
    if (!this.unfolds || this.marks.length === this.#lineMarks) throw this.fault('a line is folded');
    // The end of the value moves to the end of this line.
    this.marks.pop();
    this.#folded = true;
    return HEAD_STATE.VALUE;
  }

  #complete(chunk: Buffer, end: number): Head {
    this.#rest = chunk.subarray(end);
    if (this.#seenBytes === 0) return this.#read(chunk.toString('latin1', 0, end));
    this.#hold(chunk.subarray(0, end));
    const text = this.#held.toString('latin1', 0, this.#seenBytes);
    this.#held = NOTHING;
    return this.#read(text);
  }

  #read(text: string): Head {
    const { marks } = this;
    // once for all names: they are ASCII, and lower case keeps the length of every Latin-1 character
    const lowerCase = text.toLowerCase();
    const flat: string[] = [];
    let lineStart = marks[this.#lineMarks - 1]! + 2;
    for (let i = this.#lineMarks; i < marks.length; i += 2) {
      const colon = marks[i]!;
      const end = marks[i + 1]!;
      flat.push(lowerCase.slice(lineStart, colon), this.#value(text, colon + 1, end));
      lineStart = end + 2;
    }
    return this.head(text, new Fields(flat));
  }

  /** Returns a field value, unfolded and trimmed. */
  #value(text: string, start: number, end: number): string {
    if (!this.#folded) return trimmed(text, start, end);
    const value = text.slice(start, end).replace(OBS_FOLD, ' ');
    return trimmed(value, 0, value.length);
  }

  #hold(chunk: Uint8Array): void {
    const heldBytes = this.#seenBytes + chunk.length;
    if (heldBytes > this.#held.length) {
      // doubling keeps the cost of a head that arrives byte by byte linear
      const capacity = Math.min(Math.max(heldBytes, 2 * this.#held.length, 256), this.#maxHeadBytes);
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
