import type { RequestHead } from './http-head.ts';
import { readTarget, targetUrl } from './target.ts';

/** The HTTP status for a body that is not read. */
export interface BodyRefusal {
  readonly status: 400 | 411 | 413;
}

const refusal = (status: BodyRefusal['status']): BodyRefusal => Object.freeze({ status });
const MALFORMED = /* @__PURE__ */ refusal(400);
const LENGTH_REQUIRED = /* @__PURE__ */ refusal(411);
const TOO_LARGE = /* @__PURE__ */ refusal(413);

/**
 * Returns the length of the body that follows a head (RFC 9112 §6.3). An ambiguous length is refused, because it
 * enables request smuggling.
 * @param maxBytes Longest body to read.
 * @returns 0 to `maxBytes`, or a refusal: 411 for a `Transfer-Encoding`, 413 for a longer body, 400 for a
 *   length that is not a number, that differs from another one, or that comes with a `Transfer-Encoding`.
 */
export function bodyLength(head: RequestHead, maxBytes: number): number | BodyRefusal {
  const [length, ...others] = head.fields.all('content-length');
  if (head.fields.count('transfer-encoding') > 0) return length === undefined ? LENGTH_REQUIRED : MALFORMED;
  if (length === undefined) return 0;
  if (!/^\d+$/.test(length) || others.some((other) => other !== length)) return MALFORMED;
  // inexact above 2^53 and infinite for very many digits; both are too large
  const bytes = Number(length);
  return bytes > maxBytes ? TOO_LARGE : bytes;
}

/** Whether a request names its host. All do but those of HTTP/1.0, which load balancers send as health checks. */
export const namesHost = ({ httpVersion, fields, target }: RequestHead): boolean =>
  httpVersion !== '1.0' || fields.count('host') > 0 || !target.startsWith('/');

/**
 * Returns the absolute URL of a request without upgrade.
 * @param secure Whether the request came over TLS.
 * @param forwardedHost Valid authority that replaces `Host`.
 * @param ownAuthority Authority for an HTTP/1.0 request without `Host` (RFC 9112 §3.3).
 * @throws HandshakeError `ERR_HOST`, `ERR_TARGET` if `Host` or target are invalid.
 */
export function readPlainTarget(
  head: RequestHead,
  secure: boolean,
  forwardedHost?: string,
  ownAuthority?: string,
): URL {
  const ownHost = head.httpVersion === '1.0' ? ownAuthority : undefined;
  return targetUrl(readTarget(head, forwardedHost, ownHost), secure);
}
