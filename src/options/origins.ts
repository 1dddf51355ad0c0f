import type { UpgradeRequest } from './hooks.ts';

/**
 * Which origins may open connections; explained at the server's options. A function must return `true` or `false`;
 * anything else, a promise too, is misuse and refuses with 500.
 */
export type AllowedOrigins =
  | 'same-origin'
  | '*'
  | readonly (string | RegExp)[]
  | ((origin: string, request: UpgradeRequest) => boolean);

/** Longest origin looked at, in characters. A DNS name has at most 253; regular expressions are not run on more. */
export const MAX_ORIGIN_CHARS = 512;
const AUTHORITY = String.raw`(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?`;
/** Scheme, host, port and nothing else: no path, user, query, blank or second value. `file://` has no host. */
const SERIALIZED_ORIGIN = new RegExp(`^[a-z][a-z\\d+.-]*://(?:${AUTHORITY})?$`, 'i');
const HOST_AND_PORT = new RegExp(`^${AUTHORITY}$`, 'i');
/**
 * Origins that {@link canonicalOrigin} certainly accepts: lower-case ASCII names whose last label begins with a letter,
 * so that it cannot be taken for an IPv4 number, without Punycode, and a port below 60000.
 */
export const PLAIN = /^https?:\/\/(?!.*xn--)(?:[a-z\d-]+\.)*[a-z][a-z\d-]*(?::(?:[1-5]\d{4}|\d{1,4}))?$/;

/**
 * An origin the way browsers write it (RFC 6454 §6.1): lower-case, international names in ASCII, default port left out.
 * @returns `undefined` for what is not exactly one serialized origin. `null` is one, and stays as it is.
 */
export function canonicalOrigin(text: string): string | undefined {
  if (text === 'null') return text;
  if (text.length > MAX_ORIGIN_CHARS || !SERIALIZED_ORIGIN.test(text) || !URL.canParse(text))
    return undefined;
  const { protocol, host } = new URL(text);
  return `${protocol}//${host.toLowerCase()}`;
}

/** Host name of a `Host` field or of an entry of `allowedHosts`, the way browsers write it, without port. */
export function canonicalHostname(authority: string): string | undefined {
  const url = `http://${authority}`;
  return HOST_AND_PORT.test(authority) && URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Whether `text` names a host and nothing else, no port either: what `allowedHosts` is made of. */
export function isHostname(text: string): boolean {
  return !/:\d*$/.test(text.replace(/^\[.*\]/, '')) && canonicalHostname(text) !== undefined;
}

/**
 * Whether a text may be listed. One that is no serialized origin admits only that very value, as some programs send it:
 * with a path, a slash at the end, or as a bare name. Wildcards and words of the option would admit nothing.
 */
export const isListable = (text: string): boolean =>
  canonicalOrigin(text) !== undefined || !(/[*,]/.test(text) || text === 'same-origin');
