import { HandshakeError } from '../errors.ts';
import type { RequestHead } from './http-head.ts';

/** The parsed request target. */
export interface RequestTarget {
  /** Authority: `Host`, or the authority of an absolute target (RFC 9112 §3.2.2). Valid, as sent, without user. */
  readonly host: string;
  /** Path and query as sent; starts with `/`. */
  readonly pathAndQuery: string;
  /** Path like `URL.pathname`: dot segments are resolved, so that all code sees the same path. */
  readonly path: string;
}

/** Excludes characters that end the authority of a URL or start another part of it. */
const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=-]+)(?::\d*)?$/i;
/**
 * Authorities that every URL parser accepts: a dotted address, or labels of letters, digits and hyphens of which the last begins
 * with a letter; then a port below 60,000. The URL parser took 1.7 of the 4.1 µs of reading a request.
 */
const PLAIN_AUTHORITY =
  /^(?:(?:(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!:|$)|(?=:|$))){4}|(?:[a-z\d][a-z\d-]*\.)*[a-z][a-z\d-]*)(?::(?:\d{1,4}|[1-5]\d{4}))?$/i;
/** Beginning of a label that the URL parser decodes, and may refuse. */
const PUNYCODE = /xn--/i;
/** Whether `text` is a host with an optional port and no user, as `Host` requires (RFC 9110 §7.2). */
export const isAuthority = (text: string): boolean =>
  (PLAIN_AUTHORITY.test(text) && !PUNYCODE.test(text)) ||
  (AUTHORITY.test(text) && URL.canParse(`http://${text}`));

/**
 * Visible ASCII without `#`: bytes above ASCII are not part of a URL, and clients never send a fragment (RFC 9110
 * §4.2.5).
 */
const VISIBLE = /^[\x21\x22\x24-\x7e]+$/;
/** Paths that a URL parser does not change: no dot segments, nothing that it escapes or unescapes. */
const PLAIN_PATH = /^(?:\/(?:[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]*)?)+$/;
/** Schemes of an absolute target. */
const SCHEME = /^(?:http|ws)s?:\/\//i;

/**
 * Reads a request target in origin or absolute form (RFC 9112 §3.2) and the required single `Host`. `Host` must be
 * valid even if an absolute target replaces it.
 * @param forwardedHost Valid authority that replaces both.
 * @param ownHost Valid authority for a request that may omit `Host`.
 * @throws HandshakeError `ERR_HOST`, `ERR_TARGET`.
 */
export function readTarget(
  { target, fields }: RequestHead,
  forwardedHost?: string,
  ownHost?: string,
): RequestTarget {
  const host = fields.get('host') ?? ownHost;
  if (host === undefined || host === '' || fields.count('host') > 1) throw new HandshakeError('ERR_HOST');
  if (!isAuthority(host)) throw new HandshakeError('ERR_HOST', 'it is not a host with an optional port');
  if (!VISIBLE.test(target)) throw new HandshakeError('ERR_TARGET', 'a fragment, or not visible ASCII');
  if (target.startsWith('/')) return originForm(target, forwardedHost ?? host);
  const scheme = SCHEME.exec(target);
  if (scheme === null) throw new HandshakeError('ERR_TARGET', 'neither origin form nor absolute form');
  return absoluteForm(target.slice(scheme[0].length), forwardedHost);
}

/**
 * Returns the absolute URL of a request. The scheme tells whether it came over TLS, even if an absolute target says
 * otherwise.
 */
export const targetUrl = ({ host, pathAndQuery }: RequestTarget, secure: boolean): URL =>
  new URL(`${secure ? 'https' : 'http'}://${host}${pathAndQuery}`);

function originForm(pathAndQuery: string, host: string): RequestTarget {
  const query = pathAndQuery.indexOf('?');
  const path = query < 0 ? pathAndQuery : pathAndQuery.slice(0, query);
  return {
    host,
    pathAndQuery,
    path: PLAIN_PATH.test(path) ? path : new URL(`http://host${path}`).pathname,
  };
}

function absoluteForm(afterScheme: string, forwardedHost: string | undefined): RequestTarget {
  const end = afterScheme.search(/[/?]/);
  const host = end < 0 ? afterScheme : afterScheme.slice(0, end);
  if (!isAuthority(host)) throw new HandshakeError('ERR_TARGET', 'its authority is not valid');
  const rest = end < 0 ? '' : afterScheme.slice(end);
  return originForm(rest.startsWith('/') ? rest : `/${rest}`, forwardedHost ?? host);
}
