import { createSecureContext } from 'node:tls';
import { ConnectError } from '../protocol/connect-error.ts';
import type { ClientTlsOptions, ResolvedConnectOptions } from '../options/connect-options.ts';
import { type Destination, readDestination } from '../protocol/handshake/destination.ts';

/** Statuses whose `Location` is followed (RFC 9110 §15.4). */
const FOLLOWED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Names of header fields that carry credentials. Wide on purpose: a dropped field causes an error, a leaked one harm. */
const CREDENTIALS = /auth|cookie|token|secret|key|session|credential|passw|signature|jwt/i;

/** A destination, and the headers and TLS options for it. */
export interface Hop {
  readonly destination: Destination;
  /** The absolute URL. Relative redirects are resolved against it. */
  readonly url: string;
  readonly headers: ResolvedConnectOptions['headers'];
  readonly tls: ClientTlsOptions | undefined;
}

/**
 * The next hop of a redirect. When the origin changes, the client drops header fields that carry credentials, credentials of
 * the URL, and its certificate.
 * @param refusal The answer of the server.
 * @returns `undefined` if the status is not a redirect that can be followed.
 * @throws ConnectError `ERR_REDIRECT` for a target that is not followed: the refusal with another detail.
 */
export function nextHop(from: Hop, refusal: ConnectError): Hop | undefined {
  if (refusal.status === undefined || !FOLLOWED.has(refusal.status)) return undefined;
  const location = refusal.headers.get('location');
  if (location === null) throw notFollowed(refusal, 'it has no Location');
  if ('path' in from.destination.address) throw notFollowed(refusal, 'it comes from a Unix socket');
  const url = targetOf(from.url, location);
  if (url === undefined) throw notFollowed(refusal, 'its Location is not a URL');
  if (!/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw notFollowed(refusal, `the scheme of its Location is ${url.protocol.slice(0, 32)}`);
  }
  // RFC 9110 §4.2.4: a user and password in a foreign reference can disguise the host.
  if (url.username !== '' || url.password !== '') {
    throw notFollowed(refusal, 'its Location has a user and a password');
  }
  url.hash = '';
  const destination = readDestination(url);
  if (from.destination.secure && !destination.secure) {
    throw notFollowed(refusal, 'it leads from wss: to ws:, which would send everything in clear text');
  }
  if (isSameOrigin(from.destination, destination)) {
    const { authorization } = from.destination;
    return { ...from, url: url.href, destination: { ...destination, authorization } };
  }
  return {
    destination,
    url: url.href,
    headers: from.headers.filter(([name]) => !CREDENTIALS.test(name)),
    tls: withoutIdentity(from.tls),
  };
}

/** The same refusal, with the reason why it was not followed. */
export function notFollowed(refusal: ConnectError, why: string): ConnectError {
  const { phase, status, statusText, headers, body, retryAfterMs } = refusal;
  return new ConnectError('ERR_REDIRECT', `status ${status}; ${why}`, {
    phase,
    status,
    statusText,
    headers,
    body,
    retryAfterMs,
  });
}

function targetOf(base: string, location: string): URL | undefined {
  try {
    const from = new URL(base);
    // A relative reference would inherit user and password.
    from.username = '';
    from.password = '';
    return new URL(location, from);
  } catch {
    return undefined;
  }
}

function isSameOrigin(a: Destination, b: Destination): boolean {
  if ('path' in a.address || 'path' in b.address) return false;
  return a.secure === b.secure && a.address.host === b.address.host && a.address.port === b.address.port;
}

/** TLS options that identify the client, or the expected server. */
const IDENTITY = [
  'cert',
  'key',
  'pfx',
  'passphrase',
  'secureContext',
  'servername',
  'session',
  'pskCallback',
] as const satisfies readonly (keyof ClientTlsOptions)[];

function withoutIdentity(tls: ClientTlsOptions | undefined): ClientTlsOptions | undefined {
  if (tls === undefined) return undefined;
  const rest: Record<string, unknown> = { ...tls };
  for (const name of IDENTITY) delete rest[name];
  return { ...rest, secureContext: createSecureContext({ minVersion: 'TLSv1.2', ...rest }) };
}
