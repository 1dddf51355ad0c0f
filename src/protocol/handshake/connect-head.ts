import { Fields } from './fields.ts';
import type { RequestHead } from './http-head.ts';

/** The head of an HTTP/2 request with the method CONNECT and a `:protocol` (RFC 8441 §4), not checked any further. */
export interface ConnectHead extends RequestHead {
  /** The protocol to speak on the stream, in lower case. */
  readonly protocol: string;
  /** `https` or `http`, if the client obeys RFC 8441; empty if it sent none. */
  readonly scheme: string;
}

/**
 * Reads the fields of an HTTP/2 request. `:authority` becomes the field `host`, as in a translation to HTTP/1.1 (RFC 9113 §8.3.1).
 * A `host` with the same value is dropped; another one stays, so that the request has two, which is refused.
 * @param rawHeaders Alternating names and values as sent, pseudo-header fields included.
 * @returns `undefined` if it is not an extended CONNECT.
 */
export function readConnectHead(rawHeaders: readonly string[]): ConnectHead | undefined {
  const pseudo = new Map<string, string>();
  const flat: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    const value = rawHeaders[at + 1]!;
    if (name.startsWith(':')) pseudo.set(name, value);
    else if (name !== 'host' || value !== pseudo.get(':authority')) flat.push(name, value);
  }
  const protocol = pseudo.get(':protocol');
  if (protocol === undefined || pseudo.get(':method') !== 'CONNECT') return undefined;
  const authority = pseudo.get(':authority');
  return {
    method: 'CONNECT',
    target: pseudo.get(':path') ?? '',
    httpVersion: '2.0',
    fields: Fields.fromRaw(authority === undefined ? flat : ['host', authority, ...flat]),
    protocol: protocol.toLowerCase(),
    scheme: pseudo.get(':scheme') ?? '',
  };
}
