import { MisuseError } from '../../protocol/errors.ts';
import type { UpgradeRequest } from '../../options/hooks.ts';
import { verdictOf } from '../../options/call-check.ts';
import {
  type AllowedOrigins,
  canonicalHostname,
  canonicalOrigin,
  isListable,
  MAX_ORIGIN_CHARS,
  PLAIN,
} from '../../options/origins.ts';
import type { PathRule } from '../../options/server-options.ts';

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

/** Compiles the `path` option. What a function throws passes through; anything but `true` and `false` is misuse. */
export function compilePath(rule: PathRule | undefined): (path: string) => boolean {
  if (rule === undefined) return () => true;
  if (typeof rule === 'string') return (path) => path === rule;
  if (typeof rule === 'function') {
    const serves: (path: string) => unknown = rule;
    return (path) => verdictOf('path', serves(path));
  }
  // A pattern that remembers where it stopped would match every other request only.
  const pattern = new RegExp(rule.source, rule.flags.replace(/[gy]/g, ''));
  return (path) => pattern.test(path);
}
