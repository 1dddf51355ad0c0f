import { Buffer } from 'node:buffer';
import { ConnectError } from '../connect-error.ts';

/** The parts of a WebSocket URL (§3). */
export interface Destination {
  /** Whether to use TLS. */
  readonly secure: boolean;
  /** Where to connect: a host, without brackets, and a port; or the path of a Unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Value of `Host`, with the port only if it is not the default. */
  readonly host: string;
  /** Request target, path and query: visible ASCII. */
  readonly target: string;
  /** Value of `Authorization` (Basic) for user and password of the URL; `undefined` if the URL has none. A secret. */
  readonly authorization: string | undefined;
}

const SECURE: ReadonlyMap<string, boolean> = new Map([
  ['ws:', false],
  ['http:', false],
  ['wss:', true],
  ['https:', true],
]);

/**
 * Reads a URL: `ws:`, `wss:`, their synonyms `http:` and `https:`, or `ws+unix:/path/to.sock:/path?query`. In the path of a
 * Unix socket a colon is written `%3A`. The path of the request is `/` by default.
 * @throws ConnectError `ERR_URL` for an invalid URL, another scheme, or a fragment (§3).
 */
export function readDestination(url: string | URL): Destination {
  const parsed = parse(url);
  // `hash` is also empty for an empty fragment, which is not allowed either.
  if (parsed.href.includes('#')) throw wrong('it has a fragment');
  if (parsed.protocol === 'ws+unix:') return unixDestination(parsed);
  const secure = SECURE.get(parsed.protocol);
  if (secure === undefined)
    throw wrong(`its scheme is ${parsed.protocol.slice(0, 32)}, not ws:, wss: or ws+unix:`);
  const host = parsed.hostname.startsWith('[') ? parsed.hostname.slice(1, -1) : parsed.hostname;
  return {
    secure,
    address: { host, port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port) },
    host: parsed.host,
    target: parsed.pathname + parsed.search,
    authorization: authorizationOf(parsed),
  };
}

const wrong = (detail: string, cause?: unknown): ConnectError =>
  new ConnectError('ERR_URL', detail, { phase: 'url', ...(cause === undefined ? {} : { cause }) });

function parse(url: unknown): URL {
  if (url instanceof URL) return url;
  if (typeof url !== 'string')
    throw wrong(`it is no string or URL, but ${url === null ? 'null' : typeof url}`);
  try {
    return new URL(url);
  } catch (error) {
    // The message does not show the URL, which may contain a password or a token.
    throw wrong('it is not an absolute URL', error);
  }
}

function unixDestination(url: URL): Destination {
  if (url.host !== '') throw wrong('ws+unix: has no host; write ws+unix:/path/to.sock:/path');
  const colon = url.pathname.indexOf(':');
  const path = decoded(colon < 0 ? url.pathname : url.pathname.slice(0, colon));
  if (path === '') throw wrong('the path of the Unix socket is missing');
  const target = (colon < 0 ? '/' : url.pathname.slice(colon + 1) || '/') + url.search;
  if (!/^\/[\x21-\x7e]*$/.test(target))
    throw wrong("the path behind the Unix socket does not begin with '/'");
  return { secure: false, address: { path }, host: 'localhost', target, authorization: undefined };
}

/** Basic authentication (RFC 7617), in UTF-8. */
function authorizationOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const user = decoded(username);
  // The first colon ends the user name (RFC 7617).
  if (user.includes(':')) throw wrong('its user name contains a colon');
  return `Basic ${Buffer.from(`${user}:${decoded(password)}`, 'utf8').toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw wrong('it contains a % that escapes nothing', error);
  }
}
