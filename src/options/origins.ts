import type { UpgradeRequest } from './hooks.ts';

/**
 * Which origins may open connections; see the server's options. A function must return `true` or `false`; any other
 * result, also a promise, is misuse and refuses with 500.
 */
export type AllowedOrigins =
  | 'same-origin'
  | '*'
  | readonly (string | RegExp)[]
  | ((origin: string, request: UpgradeRequest) => boolean);

/**
 * Maximum length of an origin to check, in characters. A DNS name has at most 253; longer text never reaches a regular
 * expression.
 */
export const MAX_ORIGIN_CHARS = 512;
const AUTHORITY = String.raw`(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?`;
/** Scheme, host, port and nothing else: no path, user, query, blank or second value. `file://` has no host. */
const SERIALIZED_ORIGIN = new RegExp(`^[a-z][a-z\\d+.-]*://(?:${AUTHORITY})?$`, 'i');
const HOST_AND_PORT = new RegExp(`^${AUTHORITY}$`, 'i');
/**
 * Origins that {@link canonicalOrigin} certainly returns unchanged: lower-case ASCII names whose last label begins with
 * a letter (so they are not IPv4 numbers), without Punycode, and a port below 60000.
 */
export const PLAIN = /^https?:\/\/(?!.*xn--)(?:[a-z\d-]+\.)*[a-z][a-z\d-]*(?::(?:[1-5]\d{4}|\d{1,4}))?$/;

/**
 * An origin as browsers serialize it (RFC 6454 §6.1): lower-case, international names in ASCII, without the default
 * port.
 * @returns `undefined` for text that is not exactly one serialized origin. `null` is one, and stays unchanged.
 */
export function canonicalOrigin(text: string): string | undefined {
  if (text === 'null') return text;
  if (text.length > MAX_ORIGIN_CHARS || !SERIALIZED_ORIGIN.test(text) || !URL.canParse(text))
    return undefined;
  const { protocol, host } = new URL(text);
  return `${protocol}//${host.toLowerCase()}`;
}

/** The host name in a `Host` field or in an entry of `allowedHosts`, as browsers serialize it, without port. */
export function canonicalHostname(authority: string): string | undefined {
  const url = `http://${authority}`;
  return HOST_AND_PORT.test(authority) && URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Whether `text` is a host without port, as entries of `allowedHosts` must be. */
export function isHostname(text: string): boolean {
  return !/:\d*$/.test(text.replace(/^\[.*\]/, '')) && canonicalHostname(text) !== undefined;
}

/**
 * Whether a text may be an entry of the list. A scheme with a path, or with a slash at the end, admits only that exact
 * value, which some programs send. Wildcards, host names without scheme and the words of the option admit no browser.
 */
export const isListable = (text: string): boolean =>
  canonicalOrigin(text) !== undefined || /^[a-z][a-z\d+.-]*:\/\/[^*,\s]*$/i.test(text);
