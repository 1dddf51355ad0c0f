import { MisuseError } from '../protocol/errors.ts';
import type { UpgradeRequest } from './hooks.ts';
import { verdictOf } from './verdict.ts';

/**
 * Which origins may open connections; explained at the server's options. A function must return `true` or `false`;
 * anything else, a promise too, is misuse and refuses with 500.
 */
export type AllowedOrigins =
  | 'same-origin'
  | '*'
  | readonly (string | RegExp)[]
  | ((origin: string, request: UpgradeRequest) => boolean);

/** The part of the server's options that this policy is made of. */
export interface OriginOptions {
  readonly allowedOrigins: AllowedOrigins;
  readonly requireOrigin: boolean;
  readonly allowedHosts: false | readonly string[];
}

/** What the policy looks at. */
export interface OriginSubject {
  /** Value of each `Origin` field there was, trimmed. */
  readonly origins: readonly string[];
  /** Authority of the request: `Host`, or what an absolute target replaced it by. */
  readonly host: string;
  readonly secure: boolean;
  /** For the function, if there is one. */
  readonly request: UpgradeRequest;
}

export interface OriginRefusal {
  readonly code: 'ERR_ORIGIN' | 'ERR_HOST_NOT_ALLOWED';
  /** For the log; holds nothing of the client's text. */
  readonly why: string;
}

/** Longest origin looked at, in characters. A DNS name has at most 253; regular expressions are not run on more. */
const MAX_ORIGIN_CHARS = 512;
const AUTHORITY = String.raw`(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?`;
/** Scheme, host, port and nothing else: no path, user, query, blank or second value. `file://` has no host. */
const SERIALIZED_ORIGIN = new RegExp(`^[a-z][a-z\\d+.-]*://(?:${AUTHORITY})?$`, 'i');
const HOST_AND_PORT = new RegExp(`^${AUTHORITY}$`, 'i');
/**
 * Origins that {@link canonicalOrigin} certainly accepts: lower-case ASCII names whose last label begins with a letter,
 * so that it cannot be taken for an IPv4 number, without Punycode, and a port below 60000.
 */
const PLAIN = /^https?:\/\/(?!.*xn--)(?:[a-z\d-]+\.)*[a-z][a-z\d-]*(?::(?:[1-5]\d{4}|\d{1,4}))?$/;

const originRefusal = (code: OriginRefusal['code'], why: string): OriginRefusal =>
  Object.freeze({ code, why });
const FOREIGN_HOST = originRefusal('ERR_HOST_NOT_ALLOWED', 'the host is not in allowedHosts');
const MISSING = originRefusal('ERR_ORIGIN', 'there is no Origin, and requireOrigin is on');
const SEVERAL = originRefusal('ERR_ORIGIN', 'there is more than one Origin field');
const MALFORMED = originRefusal(
  'ERR_ORIGIN',
  'Origin is not a serialized origin, which same-origin asks for',
);
const FOREIGN = originRefusal('ERR_ORIGIN', 'the origin is not in allowedOrigins');
const WITH_PATH = originRefusal(
  'ERR_ORIGIN',
  'allowedOrigins has the origin only with a path or slash behind it; browsers send neither, so list it without',
);
const CROSS_ORIGIN = originRefusal(
  'ERR_ORIGIN',
  'the origin is not that of the request, nor in allowedOrigins',
);
const OTHER_SCHEME = originRefusal(
  'ERR_ORIGIN',
  'the origin differs from that of the request only in the scheme; behind a proxy that ends TLS, list the public origin in allowedOrigins',
);

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

/** @returns What tells for each authority why `allowedHosts` refuses it, or `undefined`. */
export function hostPolicy(
  allowedHosts: OriginOptions['allowedHosts'],
): (authority: string) => OriginRefusal | undefined {
  if (allowedHosts === false) return () => undefined;
  const hosts = new Set(allowedHosts.map(canonicalHostname));
  return (authority) => {
    const host = canonicalHostname(authority);
    return host === undefined || !hosts.has(host) ? FOREIGN_HOST : undefined;
  };
}

/**
 * Compiles the policy (RFC 6455 §10.2). Host first, then origin; whole values are compared, never parts of them.
 * @returns What tells for each request why it is refused, or `undefined`. It throws only what a function given as
 *   `allowedOrigins` throws.
 */
export function originPolicy(options: OriginOptions): (subject: OriginSubject) => OriginRefusal | undefined {
  const judgeHost = hostPolicy(options.allowedHosts);
  const judge = originJudge(options.allowedOrigins);
  return (subject) => {
    const foreign = judgeHost(subject.host);
    if (foreign !== undefined) return foreign;
    const [origin] = subject.origins;
    if (origin === undefined) return options.requireOrigin ? MISSING : undefined;
    return subject.origins.length > 1 ? SEVERAL : judge(origin, subject);
  };
}

type OriginJudge = (origin: string, subject: OriginSubject) => OriginRefusal | undefined;

function originJudge(allowed: AllowedOrigins): OriginJudge {
  if (allowed === 'same-origin') return judgeSameOrigin;
  if (allowed === '*') return () => undefined;
  if (typeof allowed === 'function') {
    const decide: (origin: string, request: UpgradeRequest) => unknown = allowed;
    return (origin, { request }) =>
      verdictOf('allowedOrigins', decide(canonicalOrigin(origin) ?? origin, request)) ? undefined : FOREIGN;
  }
  return listJudge(allowed);
}

function listJudge(list: readonly (string | RegExp)[]): OriginJudge {
  const known = new Set<string>();
  const meant = new Set<string>();
  const patterns: RegExp[] = [];
  for (const entry of list) {
    if (typeof entry !== 'string') patterns.push(wholeMatch(entry));
    else if (isListable(entry)) known.add(canonicalOrigin(entry) ?? entry);
    else
      throw new MisuseError(
        'ERR_OPTION',
        `${JSON.stringify(entry)} is not an origin such as 'https://app.example'`,
      );
    if (typeof entry === 'string' && URL.canParse(entry)) meant.add(new URL(entry).origin);
  }
  return (origin) => {
    if (known.has(origin)) return undefined;
    const canonical = canonicalOrigin(origin);
    // Only the literal admits another value: to a pattern, a path could look like the end of a host.
    if (canonical === undefined) return FOREIGN;
    if (known.has(canonical)) return undefined;
    // `null` is admitted by its own name only, never by a pattern that happens to fit
    if (canonical !== 'null' && patterns.some((pattern) => pattern.test(canonical))) return undefined;
    return meant.has(canonical) ? WITH_PATH : FOREIGN;
  };
}

/**
 * Whether a text may be listed. One that is no serialized origin admits only that very value, as some programs send it:
 * with a path, a slash at the end, or as a bare name. Wildcards and words of the option would admit nothing.
 */
export const isListable = (text: string): boolean =>
  canonicalOrigin(text) !== undefined || !(/[*,]/.test(text) || text === 'same-origin');

function judgeSameOrigin(origin: string, { secure, host }: OriginSubject): OriginRefusal | undefined {
  const own = `${secure ? 'https' : 'http'}://${host}`;
  // equal text is the same origin if it is an origin at all
  if (origin === own && origin.length <= MAX_ORIGIN_CHARS && PLAIN.test(origin)) return undefined;
  const theirs = canonicalOrigin(origin);
  if (theirs === undefined) return MALFORMED;
  if (theirs === canonicalOrigin(own)) return undefined;
  return theirs === canonicalOrigin(`${secure ? 'http' : 'https'}://${host}`) ? OTHER_SCHEME : CROSS_ORIGIN;
}

/** The same pattern, but it has to match everything, and keeps no position between calls. */
function wholeMatch({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replace(/[gmy]/g, ''));
}
