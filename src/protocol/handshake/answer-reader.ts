import type { Buffer } from 'node:buffer';
import { ConnectError, type ConnectPhase } from '../connect-error.ts';
import { acceptValue } from './accept-key.ts';
import type { ConnectErrorCode } from '../errors.ts';
import { type Agreement, judgeUpgrade, type UpgradeRequestHead } from './client.ts';
import type { Fields } from './fields.ts';
import type { HeadLimits } from './head-reader.ts';
import { ResponseBodyReader } from './response-body.ts';
import { type ResponseHead, ResponseHeadParser } from './response-head.ts';

/** Maximum bytes kept of the body of a refusal. */
const MAX_BODY_BYTES = 4_096;
/** Maximum interim responses before the final one (RFC 9110 §15.2). */
const MAX_INTERIM_ANSWERS = 8;

/** A response that grants the request. */
export interface AcceptedAnswer<Grant> {
  readonly is: 'accepted';
  readonly grant: Grant;
  readonly head: ResponseHead;
  /** The bytes after the head: a view of the last chunk, or empty. */
  readonly rest: Buffer;
}

/** The result of the bytes so far. */
export type Answer<Grant> =
  | AcceptedAnswer<Grant>
  /** A refusal whose body is incomplete. {@link AnswerReader.refusal} already works, with the part of the body so far. */
  | { readonly is: 'refusing' }
  | { readonly is: 'refused' };

/** Decides which responses grant a request of a client, and how a refusal is reported. */
export interface AnswerJudge<Grant> {
  readonly phase: ConnectPhase;
  /** Whether a response with this status grants the request, if its fields fit. Any other final status is a refusal. */
  grants(status: number): boolean;
  /** @returns The grant; or what is wrong with the response, as part of a sentence. */
  judge(head: ResponseHead): Grant | string;
  /** Error code and detail of a refusal. */
  refusal(head: ResponseHead): readonly [code: ConnectErrorCode, detail: string];
  /** Error code for a response that is not HTTP, or does not fit the request. */
  readonly fault: ConnectErrorCode;
}

/**
 * Judges the response to an upgrade request: only a 101 that fits the request grants it (§4.1). Hashes the key at once, so that
 * the response need not wait for it.
 */
export function upgradeJudge(request: UpgradeRequestHead): AnswerJudge<Agreement> {
  const expected = acceptValue(request.key);
  return {
    phase: 'response',
    fault: 'ERR_RESPONSE',
    grants: (status) => status === 101,
    judge: (head) => judgeUpgrade(head, request, expected),
    refusal: ({ status, fields }) =>
      isRedirect(status)
        ? ['ERR_REDIRECT', `status ${status}${shownLocation(fields.get('location'))}`]
        : ['ERR_RESPONSE', `status ${status}`],
  };
}

/**
 * Reads the response to a client's request from chunks of any size: interim responses, and then a response that grants the
 * request or a refusal with its body (the first 4,096 bytes). Serves one request.
 */
export class AnswerReader<Grant> {
  readonly #judge: AnswerJudge<Grant>;
  readonly #limits: HeadLimits;
  readonly #wallNow: () => number;
  #parser: ResponseHeadParser;
  #interimAnswers = 0;
  #head: ResponseHead | undefined;
  #body: ResponseBodyReader | undefined;

  /**
   * @param judge For the opening handshake: {@link upgradeJudge}.
   * @param wallNow Wall time in ms since 1970, for a `Retry-After` that is a date.
   */
  constructor(judge: AnswerJudge<Grant>, limits: HeadLimits, wallNow: () => number) {
    this.#judge = judge;
    this.#limits = limits;
    this.#wallNow = wallNow;
    this.#parser = this.#newParser();
  }

  /**
   * Takes the next chunk. Do not call it after `accepted` or `refused`.
   * @returns `undefined` if more bytes are needed.
   * @throws ConnectError with the judge's `fault` for bytes that are not HTTP, a head over the limits, or a response that
   *   does not fit the request.
   */
  receive(chunk: Buffer): Answer<Grant> | undefined {
    if (this.#body !== undefined) return this.#receiveBody(this.#body, chunk);
    let bytes = chunk;
    do {
      const head = this.#parser.receive(bytes);
      if (head === undefined) return undefined;
      const rest = this.#parser.takeRest();
      if (this.#judge.grants(head.status)) return this.#accept(head, rest);
      if (head.status >= 200) return this.#refuse(head, rest);
      // An unrequested 101 ends HTTP, so it cannot be an interim response.
      if (head.status < 100 || head.status === 101 || ++this.#interimAnswers > MAX_INTERIM_ANSWERS) {
        throw this.#error(this.#judge.fault, `status ${head.status}`, head);
      }
      this.#parser = this.#newParser();
      bytes = rest;
    } while (bytes.length > 0);
    return undefined;
  }

  /** The refusal as an error, with the part of the body received so far. Call it only after `refusing` or `refused`. */
  refusal(): ConnectError {
    const head = this.#head!;
    const [code, detail] = this.#judge.refusal(head);
    return this.#error(code, detail, head);
  }

  #newParser(): ResponseHeadParser {
    const { fault, phase } = this.#judge;
    return new ResponseHeadParser(this.#limits, { code: fault, phase });
  }

  #accept(head: ResponseHead, rest: Buffer): Answer<Grant> {
    const grant = this.#judge.judge(head);
    if (typeof grant === 'string') throw this.#error(this.#judge.fault, grant, head);
    return { is: 'accepted', grant, head, rest };
  }

  #refuse(head: ResponseHead, rest: Buffer): Answer<Grant> {
    this.#head = head;
    this.#body = new ResponseBodyReader(head, MAX_BODY_BYTES);
    return this.#receiveBody(this.#body, rest);
  }

  #receiveBody(body: ResponseBodyReader, chunk: Buffer): Answer<Grant> {
    body.receive(chunk);
    return body.done ? { is: 'refused' } : { is: 'refusing' };
  }

  #error(code: ConnectErrorCode, detail: string, head: ResponseHead): ConnectError {
    const { status, reason, fields } = head;
    return new ConnectError(code, detail, {
      phase: this.#judge.phase,
      status,
      statusText: reason,
      headers: headersOf(fields),
      body: this.#body?.take(),
      retryAfterMs: retryAfterMs(fields.get('retry-after'), this.#wallNow()),
    });
  }
}

/** Response fields as `Headers`; repeated fields are joined as `Headers` joins them. */
export const headersOf = (fields: Fields): Headers =>
  new Headers([...fields].map(([name, value]) => [name, value]));

const isRedirect = (status: number): boolean => status >= 300 && status <= 399 && status !== 304;

/** The target of a redirect for an error message: without query, which may hold a token. */
function shownLocation(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return '';
  const { protocol, host, pathname } = new URL(location);
  return `, to ${`${protocol}//${host}${pathname}`.slice(0, 128)}`;
}

/** Maximum of a `Retry-After` in ms: that of a timer. */
const MAX_MS = 2 ** 31 - 1;

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3): a number of seconds, or a date.
 * @param nowMs Wall time in ms since 1970.
 * @returns Milliseconds from 0 to 2^31 − 1; `undefined` without the field, or if it is malformed.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : dateMs(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_MS);
}

/** A date as HTTP writes it (RFC 9110 §5.6.7); `Date.parse` alone accepts much else. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} (?:[01]\d|2[0-3]):\d{2}:\d{2} GMT$/;

/** @returns Wall time in ms since 1970; NaN for other text. */
const dateMs = (text: string): number =>
  // oxlint-disable-next-line no-restricted-globals -- Reads text. The protocol still has no clock.
  HTTP_DATE.test(text) ? Date.parse(text) : NaN;
