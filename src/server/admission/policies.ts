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

/** The options of the server that the origin policy reads. */
export interface OriginOptions {
  readonly allowedOrigins: AllowedOrigins;
  readonly requireOrigin: boolean;
  readonly allowedHosts: false | readonly string[];
}

/** The facts of a request that the policy reads. */
export interface OriginSubject {
  /** The trimmed value of each `Origin` field. */
  readonly origins: readonly string[];
  /** Authority of the request: `Host`, or that of an absolute request target. */
  readonly host: string;
  readonly secure: boolean;
  /** Passed to a function given as `allowedOrigins`. */
  readonly request: UpgradeRequest;
}

export interface OriginRefusal {
  readonly code: 'ERR_ORIGIN' | 'ERR_HOST_NOT_ALLOWED';
  /** For the log; contains no text of the client. */
  readonly why: string;
}

const originRefusal = (code: OriginRefusal['code'], why: string): OriginRefusal =>
  Object.freeze({ code, why });
const FOREIGN_HOST = originRefusal('ERR_HOST_NOT_ALLOWED', 'the host is not in allowedHosts');
const MISSING = originRefusal('ERR_ORIGIN', 'there is no Origin, and requireOrigin is on');
const SEVERAL = originRefusal('ERR_ORIGIN', 'there is more than one Origin field');
const MALFORMED = originRefusal(
  'ERR_ORIGIN',
  'Origin is not a serialized origin, which the same-origin policy requires',
);
const FOREIGN = originRefusal('ERR_ORIGIN', 'the origin is not in allowedOrigins');
const WITH_PATH = originRefusal(
  'ERR_ORIGIN',
  'allowedOrigins lists the origin with a path or slash at the end; browsers send neither, so list it without',
);
const CROSS_ORIGIN = originRefusal(
  'ERR_ORIGIN',
  'the origin differs from that of the request and is not in allowedOrigins',
);
const OTHER_SCHEME = originRefusal(
  'ERR_ORIGIN',
  'the origin differs from that of the request only in the scheme; behind a proxy that ends TLS, list the public origin in allowedOrigins',
);

/** @returns A function that returns why `allowedHosts` refuses an authority, or `undefined`. */
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
 * Compiles the policy (RFC 6455 §10.2). It checks the host first, then the origin, and compares whole values.
 * @returns A function that returns why a request is refused, or `undefined`. It throws only what a function given as
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
    // A value that is not an origin is admitted as a literal only: a pattern could take its path for the end of a host.
    if (canonical === undefined) return FOREIGN;
    if (known.has(canonical)) return undefined;
    // `null` is admitted as a literal only, never by a pattern that matches it.
    if (canonical !== 'null' && patterns.some((pattern) => pattern.test(canonical))) return undefined;
    return meant.has(canonical) ? WITH_PATH : FOREIGN;
  };
}

function judgeSameOrigin(origin: string, { secure, host }: OriginSubject): OriginRefusal | undefined {
  const own = `${secure ? 'https' : 'http'}://${host}`;
  // Fast path: equal text is the same origin, if it is an origin.
  if (origin === own && origin.length <= MAX_ORIGIN_CHARS && PLAIN.test(origin)) return undefined;
  const theirs = canonicalOrigin(origin);
  if (theirs === undefined) return MALFORMED;
  if (theirs === canonicalOrigin(own)) return undefined;
  return theirs === canonicalOrigin(`${secure ? 'http' : 'https'}://${host}`) ? OTHER_SCHEME : CROSS_ORIGIN;
}

/** The same pattern, anchored at both ends and without state between calls. */
function wholeMatch({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replace(/[gmy]/g, ''));
}

/** Compiles the `path` option. Errors of a function pass through; a result other than `true` or `false` is misuse. */
export function compilePath(rule: PathRule | undefined): (path: string) => boolean {
  if (rule === undefined) return () => true;
  if (typeof rule === 'string') return (path) => path === rule;
  if (typeof rule === 'function') {
    const serves: (path: string) => unknown = rule;
    return (path) => verdictOf('path', serves(path));
  }
  // Without g and y: with its state, a pattern would match only every other request.
  const pattern = new RegExp(rule.source, rule.flags.replace(/[gy]/g, ''));
  return (path) => pattern.test(path);
}
