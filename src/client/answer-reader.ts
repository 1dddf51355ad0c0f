import type { Buffer } from 'node:buffer';
import { ConnectError, type ConnectPhase } from '../protocol/connect-error.ts';
import type { ConnectErrorCode } from '../protocol/errors.ts';
import { type Agreement, judgeUpgrade, type UpgradeRequestHead } from '../protocol/handshake/client.ts';
import type { Fields } from '../protocol/handshake/fields.ts';
import type { HeadLimits } from '../protocol/handshake/head-reader.ts';
import { ResponseBodyReader } from '../protocol/handshake/response-body.ts';
import { type ResponseHead, ResponseHeadParser } from '../protocol/handshake/response-head.ts';

/** Maximum bytes of a refusal's body that are kept. */
const MAX_BODY_BYTES = 4_096;
/** Maximum interim responses before the final one (RFC 9110 §15.2). */
const MAX_INTERIM_ANSWERS = 8;

/** An answer that grants the request. */
export interface AcceptedAnswer<Grant> {
  readonly is: 'accepted';
  readonly grant: Grant;
  readonly head: ResponseHead;
  /** The bytes right after the head. */
  readonly rest: Buffer;
}

/** The result of the bytes so far. */
export type Answer<Grant> =
  | AcceptedAnswer<Grant>
  /** A refusal whose body is not complete: {@link AnswerReader.refusal} may be called at any time. */
  | { readonly is: 'refusing' }
  | { readonly is: 'refused' };

/** Decides which answers grant a request of the client, and words a refusal. */
export interface AnswerJudge<Grant> {
  readonly phase: ConnectPhase;
  /** Whether an answer with this status grants the request, if its fields fit. Any other final status is a refusal. */
  grants(status: number): boolean;
  /** @returns The grant; or what is wrong with the answer, as part of a sentence. */
  judge(head: ResponseHead): Grant | string;
  /** The code and the detail of a refusal. */
  refusal(head: ResponseHead): readonly [code: ConnectErrorCode, detail: string];
  /** Code for an answer that is not HTTP, or does not fit. */
  readonly fault: ConnectErrorCode;
}

/** Judges the answer to an upgrade request: only a 101 grants it. */
export function upgradeJudge(request: UpgradeRequestHead): AnswerJudge<Agreement> {
  return {
    phase: 'response',
    fault: 'ERR_RESPONSE',
    grants: (status) => status === 101,
    judge: (head) => judgeUpgrade(head, request),
    refusal: ({ status, fields }) =>
      isRedirect(status)
        ? ['ERR_REDIRECT', `status ${status}${shownLocation(fields.get('location'))}`]
        : ['ERR_RESPONSE', `status ${status}`],
  };
}

/** Reads the answer to a request of the client: interim answers, an answer that grants it, or a refusal with its body. */
export class AnswerReader<Grant> {
  readonly #judge: AnswerJudge<Grant>;
  readonly #limits: HeadLimits;
  readonly #wallNow: () => number;
  #parser: ResponseHeadParser;
  #interimAnswers = 0;
  #head: ResponseHead | undefined;
  #body: ResponseBodyReader | undefined;

  /** @param wallNow Wall time in ms, for a `Retry-After` that is a date. */
  constructor(judge: AnswerJudge<Grant>, limits: HeadLimits, wallNow: () => number) {
    this.#judge = judge;
    this.#limits = limits;
    this.#wallNow = wallNow;
    this.#parser = this.#newParser();
  }

  /**
   * Takes the next chunk. Do not call it after a result was returned.
   * @returns `undefined`: more bytes are needed.
   * @throws ConnectError For bytes that are not HTTP, or an answer that does not fit the request.
   */
  receive(chunk: Buffer): Answer<Grant> | undefined {
    if (this.#body !== undefined) return this.#receiveBody(this.#body, chunk);
    for (let bytes = chunk; ; ) {
      const head = this.#parser.receive(bytes);
      if (head === undefined) return undefined;
      const rest = this.#parser.takeRest();
      if (this.#judge.grants(head.status)) return this.#accept(head, rest);
      if (head.status >= 200) return this.#refuse(head, rest);
      // An unexpected 101 ends HTTP, so it cannot be interim.
      if (head.status < 100 || head.status === 101 || ++this.#interimAnswers > MAX_INTERIM_ANSWERS) {
        throw this.#error(this.#judge.fault, `status ${head.status}`, head);
      }
      this.#parser = this.#newParser();
      if (rest.length === 0) return undefined;
      bytes = rest;
    }
  }

  /** The error for a refusal, with the part of the body that has arrived. Call it only after a refusal has begun. */
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

/** The fields of an answer; `Headers` joins most repeated fields. */
export const headersOf = (fields: Fields): Headers =>
  new Headers([...fields].map(([name, value]) => [name, value]));

const isRedirect = (status: number): boolean => status >= 300 && status <= 399 && status !== 304;

/** The target of a redirect for a message, without the query, which may hold a token. */
function shownLocation(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return '';
  const { protocol, host, pathname } = new URL(location);
  return `, to ${`${protocol}//${host}${pathname}`.slice(0, 128)}`;
}

/** Maximum of `Retry-After`, in ms: 2^31 − 1, as for timers. */
const MAX_MS = 2 ** 31 - 1;

/**
 * The delay of a `Retry-After` field (RFC 9110 §10.2.3), which is a number of seconds or a date.
 * @param nowMs Wall time.
 * @returns Milliseconds from 0 to 2^31 − 1; `undefined` if the field is missing or invalid.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : dateMs(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_MS);
}

/** Accepts only dates in HTTP's format (RFC 9110 §5.6.7): `Date.parse` also accepts much other text. */
const dateMs = (text: string): number =>
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text) ? Date.parse(text) : NaN;
