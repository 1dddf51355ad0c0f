import type { Buffer } from 'node:buffer';
import { ConnectError } from '../protocol/connect-error.ts';
import { type Agreement, judgeUpgrade, type UpgradeRequestHead } from '../protocol/handshake/client.ts';
import type { HeadLimits } from '../protocol/handshake/head-reader.ts';
import { ResponseBodyReader } from '../protocol/handshake/response-body.ts';
import { type ResponseHead, ResponseHeadParser } from '../protocol/handshake/response-head.ts';
import { retryAfterMs } from './retry-after.ts';

/** Most bytes kept of the body of a refusal. */
const MAX_BODY_BYTES = 4_096;
/** Most interim answers before the real one (RFC 9110 §15.2). */
const MAX_INTERIM_ANSWERS = 8;

/** What the bytes so far came to. */
export type Answer =
  | { readonly is: 'accepted'; readonly agreement: Agreement; readonly rest: Buffer }
  /** A refusal whose body is not complete: {@link AnswerReader.refusal} may be asked for any time. */
  | { readonly is: 'refusing' }
  | { readonly is: 'refused' };

/** Reads the server's answer to an upgrade request: interim answers, a 101, or a refusal with its body. */
export class AnswerReader {
  readonly #request: UpgradeRequestHead;
  readonly #limits: HeadLimits;
  readonly #wallNow: () => number;
  #parser: ResponseHeadParser;
  #interimAnswers = 0;
  #head: ResponseHead | undefined;
  #body: ResponseBodyReader | undefined;

  /** @param wallNow Wall time in ms, for a `Retry-After` that is a date. */
  constructor(request: UpgradeRequestHead, limits: HeadLimits, wallNow: () => number) {
    this.#request = request;
    this.#limits = limits;
    this.#wallNow = wallNow;
    this.#parser = new ResponseHeadParser(limits);
  }

  /**
   * Takes the next chunk. Not to be called after a verdict.
   * @returns `undefined`: more bytes, please.
   * @throws ConnectError `ERR_RESPONSE` for what is no HTTP, or a 101 that does not answer the request.
   */
  receive(chunk: Buffer): Answer | undefined {
    if (this.#body !== undefined) return this.#receiveBody(this.#body, chunk);
    for (let bytes = chunk; ; ) {
      const head = this.#parser.receive(bytes);
      if (head === undefined) return undefined;
      const rest = this.#parser.takeRest();
      if (head.status === 101) return this.#judge(head, rest);
      if (head.status >= 200) return this.#refuse(head, rest);
      if (head.status < 100 || ++this.#interimAnswers > MAX_INTERIM_ANSWERS) {
        throw this.#error('ERR_RESPONSE', `status ${head.status}`, head);
      }
      this.#parser = new ResponseHeadParser(this.#limits);
      if (rest.length === 0) return undefined;
      bytes = rest;
    }
  }

  /** Why there is no connection, with what has come of the body. Only after a refusal has begun. */
  refusal(): ConnectError {
    const head = this.#head!;
    const { status, fields } = head;
    if (status < 300 || status > 399 || status === 304) {
      return this.#error('ERR_RESPONSE', `status ${status}`, head);
    }
    return this.#error('ERR_REDIRECT', `status ${status}${toWhere(fields.get('location'))}`, head);
  }

  #judge(head: ResponseHead, rest: Buffer): Answer {
    const agreement = judgeUpgrade(head, this.#request);
    if (typeof agreement === 'string') throw this.#error('ERR_RESPONSE', agreement, head);
    return { is: 'accepted', agreement, rest };
  }

  #refuse(head: ResponseHead, rest: Buffer): Answer {
    this.#head = head;
    this.#body = new ResponseBodyReader(head, MAX_BODY_BYTES);
    return this.#receiveBody(this.#body, rest);
  }

  #receiveBody(body: ResponseBodyReader, chunk: Buffer): Answer {
    body.receive(chunk);
    return body.done ? { is: 'refused' } : { is: 'refusing' };
  }

  #error(code: 'ERR_RESPONSE' | 'ERR_REDIRECT', detail: string, head: ResponseHead): ConnectError {
    const { status, fields } = head;
    return new ConnectError(code, detail, {
      phase: 'response',
      status,
      headers: new Headers([...fields].map(([name, value]) => [name, value])),
      body: this.#body?.take(),
      retryAfterMs: retryAfterMs(fields.get('retry-after'), this.#wallNow()),
    });
  }
}

/** Where a redirect leads, for people: without query, which may hold a token. */
function toWhere(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return '';
  const { protocol, host, pathname } = new URL(location);
  return `, to ${`${protocol}//${host}${pathname}`.slice(0, 128)}`;
}
