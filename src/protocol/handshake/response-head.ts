import { ConnectError, type ConnectPhase } from '../connect-error.ts';
import type { ConnectErrorCode } from '../errors.ts';
import { type Fields, VALUE_CHARS } from './fields.ts';
import {
  CR,
  fitsVersion,
  HEAD_STATE,
  type HeadLimits,
  HeadReader,
  headRuns,
  isDigit,
  SPACE,
  VERSION_LENGTH,
} from './head-reader.ts';

/** The head of an HTTP/1 response: well-formed, but not checked any further. */
export interface ResponseHead {
  /** Two digits and the dot between them: `1.1`. */
  readonly httpVersion: string;
  /** Three digits. */
  readonly status: number;
  /** As sent; may be empty. */
  readonly reason: string;
  readonly fields: Fields;
}

const STATE = /* @__PURE__ */ Object.freeze({
  VERSION: HEAD_STATE.FIRST_LINE,
  STATUS: 7,
  REASON: 8,
} as const);
const RUNS = /* @__PURE__ */ headRuns([undefined, undefined, VALUE_CHARS]);
/** Only the CR: everything before the reason has a fixed position. */
const LINE_MARKS = 1;
/** Position of the status. */
const STATUS_AT = VERSION_LENGTH + 1;
const REASON_AT = STATUS_AT + 4;

/** How to report a malformed head. */
export interface ResponseFault {
  readonly code: ConnectErrorCode;
  readonly phase: ConnectPhase;
}
const SERVERS_FAULT: ResponseFault = /* @__PURE__ */ Object.freeze({
  code: 'ERR_RESPONSE',
  phase: 'response',
});

/** Reads the head of one response. Throws ConnectError, `ERR_RESPONSE` by default. */
export class ResponseHeadParser extends HeadReader<ResponseHead> {
  /** A user agent unfolds folded fields of a server (RFC 9112 §5.2). */
  protected override get unfolds(): boolean {
    return true;
  }

  readonly #fault: ResponseFault;

  constructor(limits: HeadLimits, fault = SERVERS_FAULT) {
    super(limits, RUNS, STATE.VERSION, LINE_MARKS);
    this.#fault = fault;
  }

  protected override firstLine(state: number, byte: number, offset: number): number {
    if (state === STATE.VERSION) {
      if (offset === VERSION_LENGTH && byte === SPACE) return STATE.STATUS;
      if (offset < VERSION_LENGTH && fitsVersion(byte, offset)) return state;
      throw this.fault('it does not begin with an HTTP version');
    }
    if (state === STATE.STATUS) {
      if (offset < STATUS_AT + 3) {
        if (isDigit(byte)) return state;
      } else if (byte === SPACE) return STATE.REASON;
      // Servers without a reason phrase often omit the space before it.
      else if (byte === CR) return this.#endOfLine(offset);
      throw this.fault('its status is not three digits');
    }
    if (byte === CR) return this.#endOfLine(offset);
    throw this.fault('its reason holds a control character');
  }

  protected override head(text: string, fields: Fields): ResponseHead {
    return {
      httpVersion: text.slice(VERSION_LENGTH - 3, VERSION_LENGTH),
      status: Number(text.slice(STATUS_AT, STATUS_AT + 3)),
      reason: text.slice(REASON_AT, this.marks[0]),
      fields,
    };
  }

  protected override fault(detail: string): ConnectError {
    return this.#error(`its head is not well-formed HTTP: ${detail}`);
  }

  protected override tooBig(detail: string): ConnectError {
    return this.#error(`its head is larger than the limit: ${detail}`);
  }

  #error(detail: string): ConnectError {
    const { code, phase } = this.#fault;
    return new ConnectError(code, detail, { phase });
  }

  #endOfLine(offset: number): number {
    this.marks.push(offset);
    return HEAD_STATE.LINE_LF;
  }
}
