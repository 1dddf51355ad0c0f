import type { RequestHead } from './http-head.ts';
import { type RequestTarget, readTarget, targetUrl } from './target.ts';

/** Longest body of a plain request, in bytes. */
export const MAX_BODY_BYTES = 65_536;

/** Why a body is not read, as an HTTP status. */
export interface BodyRefusal {
  readonly status: 400 | 411 | 413;
}

const refusal = (status: BodyRefusal['status']): BodyRefusal => Object.freeze({ status });
const MALFORMED = refusal(400);
const LENGTH_REQUIRED = refusal(411);
const TOO_LARGE = refusal(413);

/**
 * Tells how many bytes of body follow a head (RFC 9112 §6.3). A length that could be read in two ways is refused: that is
 * what request smuggling is made of.
 * @returns 0 to {@link MAX_BODY_BYTES}, or why not: 411 for a `Transfer-Encoding`, 413 for more, 400 for a length that is
 *   not a number, that differs from another one, or that comes with a `Transfer-Encoding`.
 */
export function bodyLength(head: RequestHead): number | BodyRefusal {
  const [length, ...others] = head.fields.all('content-length');
  if (head.fields.count('transfer-encoding') > 0) return length === undefined ? LENGTH_REQUIRED : MALFORMED;
  if (length === undefined) return 0;
  if (!/^\d+$/.test(length) || others.some((other) => other !== length)) return MALFORMED;
  // inexact above 2^53, and infinite for very many digits: too large either way
  const bytes = Number(length);
  return bytes > MAX_BODY_BYTES ? TOO_LARGE : bytes;
}

/**
 * Absolute URL of a request without upgrade.
 * @param secure Whether it came over TLS.
 * @param forwardedHost Valid authority that takes the place of `Host`.
 * @returns `undefined` where `Host` or target are not what HTTP/1.1 asks for: to be answered with 400.
 */
export function readPlainTarget(head: RequestHead, secure: boolean, forwardedHost?: string): URL | undefined {
  let target: RequestTarget;
  try {
    target = readTarget(head, forwardedHost);
  } catch {
    return undefined; // it throws nothing but refusals
  }
  return targetUrl(target, secure);
}
