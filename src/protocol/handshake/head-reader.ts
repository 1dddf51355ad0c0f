import { Buffer } from 'node:buffer';
import { MisuseError } from '../errors.ts';
import { Fields, TOKEN_CHARS, trimmed, VALUE_CHARS } from './fields.ts';

export interface HeadLimits {
  /** Longest head in bytes, first line and final empty line included. */
  readonly maxHeadBytes: number;
  /** Most fields, repeated ones each counted. */
  readonly maxHeaderFields: number;
}

/** What is being read: how much of the grammar of RFC 9112 §2.1 the bytes so far have satisfied. */
export const HEAD_STATE = Object.freeze({
  LINE_LF: 0,
  LINE_START: 1,
  NAME: 2,
  VALUE: 3,
  FINAL_LF: 4,
  DONE: 5,
  /** States from here on belong to the first line. */
  FIRST_LINE: 6,
} as const);

const NO_CHARS = new Uint8Array(256);
/**
 * Bytes that change nothing, by state: a run of them is passed over in a tight loop.
 * @param firstLine Those of the states from `FIRST_LINE` on; `undefined` where no byte is of the kind.
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
/** Whether `byte` can be at `at` in an HTTP version. */
export const fitsVersion = (byte: number, at: number): boolean =>
  VERSION_FORM[at] === 'd' ? isDigit(byte) : byte === VERSION_FORM.charCodeAt(at);

const NOTHING: Buffer = Buffer.alloc(0);
/** Becomes one space. Blanks before the line break stay: matching them, too, would take quadratic time. */
const OBS_FOLD = /\r\n[ \t]+/g;

/**
 * Reads one HTTP head from a byte stream, strictly (RFC 9112 §2 to §5): each byte is looked at once, and the first one
 * that no well-formed head could have at its place ends it. A head inside the first chunk is read where it lies;
 * otherwise the bytes are kept, never more than `maxHeadBytes` of them. What the first line is a subclass knows.
 */
export abstract class HeadReader<Head> {
  /** Offsets in the head: as many as the first line has, its CR last; then colon and CR of each field. */
  protected readonly marks: number[] = [];
  readonly #limits: HeadLimits;
  readonly #runs: readonly Uint8Array[];
  readonly #lineMarks: number;
  /** `DONE` also after a failure. */
  #state: number;
  /** Some field value has an obs-fold, so values have to be unfolded. */
  #folded = false;
  /** Bytes before the next chunk. */
  #seenBytes = 0;
  #held: Buffer = NOTHING;
  #rest: Buffer = NOTHING;

  /**
   * @param runs Of {@link headRuns}.
   * @param start State before the first byte.
   * @param lineMarks How many marks the first line leaves.
   */
  constructor(limits: HeadLimits, runs: readonly Uint8Array[], start: number, lineMarks: number) {
    this.#limits = limits;
    this.#runs = runs;
    this.#state = start;
    this.#lineMarks = lineMarks;
  }

  /** The state after a byte that ends a run in the first line. `offset` is its place in the head. */
  protected abstract firstLine(state: number, byte: number, offset: number): number;
  /** The head, whole, as Latin-1. */
  protected abstract head(text: string, fields: Fields): Head;
  /** What is thrown for bytes that no head can have. */
  protected abstract fault(detail: string): Error;
  protected abstract tooBig(detail: string): Error;
  /** Whether a line may continue the field before it (obs-fold, RFC 9112 §5.2). */
  protected abstract readonly unfolds: boolean;

  /**
   * Takes the next chunk. Only what is needed of an unfinished head is copied.
   * @returns The head once its last byte has arrived; `undefined` means more bytes, please.
   * @throws An error of the subclass's, where a limit is concerned as soon as it is certain to be passed.
   * @throws MisuseError `ERR_STATE` after a head or an error.
   */
  receive(chunk: Uint8Array): Head | undefined {
    let state = this.#state;
    if (state === HEAD_STATE.DONE)
      throw new MisuseError('ERR_STATE', 'this parser has read its head already');
    this.#state = HEAD_STATE.DONE;
    const runs = this.#runs;
    const seenBytes = this.#seenBytes;
    const end = Math.min(chunk.length, this.#limits.maxHeadBytes - seenBytes);
    for (let at = 0; ; at++) {
      const run = runs[state]!;
      while (at < end && run[chunk[at]!] === 1) at++;
      if (at === end) break;
      state = this.#next(state, chunk[at]!, seenBytes + at);
      if (state === HEAD_STATE.DONE) return this.#complete(asBuffer(chunk), at + 1);
    }
    if (seenBytes + end === this.#limits.maxHeadBytes) throw this.tooBig('its bytes');
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

  /** @returns `next`, if the byte behind a CR is the right one. */
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
    if ((this.marks.length - this.#lineMarks) / 2 >= this.#limits.maxHeaderFields) {
      throw this.tooBig('its number of fields');
    }
    return HEAD_STATE.NAME;
  }

  /** A line begins with a blank: the value of the field before goes on. */
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
    // once for all names: they are ASCII, and no character of Latin-1 changes its length
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

  /** A field value, on one line. */
  #value(text: string, start: number, end: number): string {
    if (!this.#folded) return trimmed(text, start, end);
    const value = text.slice(start, end).replace(OBS_FOLD, ' ');
    return trimmed(value, 0, value.length);
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
