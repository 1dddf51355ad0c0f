import { HandshakeError } from '../errors.ts';
import type { RequestHead } from './http-head.ts';

/** What a request is for. */
export interface RequestTarget {
  /** Authority: `Host`, or what an absolute target replaces it by (RFC 9112 §3.2.2). Valid, as sent, without user. */
  readonly host: string;
  /** Path and query as sent; begins with `/`. */
  readonly pathAndQuery: string;
  /** Path as `URL.pathname` has it: dot segments resolved, so that two readers of one target cannot differ. */
  readonly path: string;
}

/** Without what would end the authority of a URL, or begin another part of it. */
const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=-]+)(?::\d*)?$/i;
/** Whether `text` is host and optional port, without user: what `Host` may be (RFC 9110 §7.2). */
export const isAuthority = (text: string): boolean => AUTHORITY.test(text) && URL.canParse(`http://${text}`);

/** Visible ASCII. Bytes above are no URL, and a fragment is never sent (RFC 9110 §4.2.5). */
const VISIBLE = /^[\x21\x22\x24-\x7e]+$/;
/** Paths that a URL parser leaves as they are: no dot segments, nothing that it escapes or unescapes. */
const PLAIN_PATH = /^(?:\/(?:[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@.-]*)?)+$/;
/** Schemes that an absolute target of a request to a WebSocket server can have. */
const SCHEME = /^(?:http|ws)s?:\/\//i;

/**
 * Reads a request target in origin or absolute form (RFC 9112 §3.2), and the one `Host` that every request has to have.
 * `Host` must be valid also where an absolute target replaces it.
 * @param forwardedHost Valid authority that takes the place of both.
 * @param ownHost Valid authority for a request without `Host`, where it may have none.
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

/** The whole URL of a request: its scheme tells whether it came over TLS, whatever an absolute target said. */
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
