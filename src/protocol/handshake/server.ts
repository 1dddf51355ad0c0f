import { HandshakeError } from '../errors.ts';
import { isValidKey } from './accept-key.ts';
import { type ExtensionOffer, parseExtensions } from './extension-list.ts';
import { type Fields, isFieldValue, isToken, listContains, listMembers, parseTokenList } from './fields.ts';
import type { ConnectHead } from './connect-head.ts';
import type { RequestHead } from './http-head.ts';
import { type RequestTarget, readTarget, targetUrl } from './target.ts';

/** A request for WebSocket that satisfies all of §4.2.1, or of RFC 8441 over HTTP/2. */
export interface UpgradeRequest {
  /** `GET`; over HTTP/2 `CONNECT`. */
  readonly method: string;
  /** Absolute URL, `http` or `https`; created on first access. Queries often hold tokens: do not log it. */
  readonly url: URL;
  /** Same as `url.pathname`, without creating the URL. */
  readonly path: string;
  /** Authority of the request as sent: `Host`, or that of an absolute target. */
  readonly host: string;
  /** Value of each `Origin` field, as sent and unchecked. */
  readonly origins: readonly string[];
  /** The `Sec-WebSocket-Key`; `acceptValue` takes it. Empty over HTTP/2, which has none. */
  readonly key: string;
  /** Subprotocols offered, in the client's order of preference. */
  readonly protocols: ReadonlySet<string>;
  /** Extensions offered, in the client's order of preference. */
  readonly extensions: readonly ExtensionOffer[];
  readonly fields: Fields;
}

/** Whether a request asks for an upgrade to WebSocket, valid or not. `Upgrade: h2c` alone does not. */
export function wantsWebSocket(head: RequestHead): boolean {
  const upgrade = head.fields.get('upgrade');
  return upgrade !== undefined && listContains(upgrade, 'websocket');
}

/**
 * Checks an upgrade request against §4.2.1 and parses it. The first fault is reported.
 * @param secure Whether the request came over TLS; sets the scheme of `url`.
 * @param forwardedHost Valid authority that replaces `Host`, from a trusted proxy.
 * @throws HandshakeError if a field is missing, repeated or malformed; `status` is the HTTP status to answer with.
 */
export function readUpgradeRequest(
  head: RequestHead,
  secure: boolean,
  forwardedHost?: string,
): UpgradeRequest {
  const { fields } = head;
  if (!wantsWebSocket(head)) throw new HandshakeError('ERR_NO_UPGRADE');
  if (head.method !== 'GET') throw new HandshakeError('ERR_METHOD');
  if (head.httpVersion !== '1.1') throw new HandshakeError('ERR_HTTP_VERSION');
  const target = readTarget(head, forwardedHost);
  if (!listContains(fields.get('connection') ?? '', 'upgrade'))
    throw new HandshakeError('ERR_CONNECTION_FIELD');
  checkBody(fields);
  // before the key: other versions have no key and are told which version is supported (§4.4)
  checkVersion(fields);
  const key = fields.get('sec-websocket-key');
  // two joined keys are too long
  if (key === undefined || !isValidKey(key)) throw new HandshakeError('ERR_KEY');
  return new ReadUpgradeRequest(head, target, key, secure);
}

/**
 * Checks an extended CONNECT against RFC 8441 §5 and §4.2.1, and parses it. The first fault is reported.
 * @param secure Whether the request came over TLS; sets the scheme of `url`.
 * @param forwardedHost Valid authority that replaces `:authority`, from a trusted proxy.
 * @throws HandshakeError as {@link readUpgradeRequest}.
 */
export function readExtendedConnect(
  head: ConnectHead,
  secure: boolean,
  forwardedHost?: string,
): UpgradeRequest {
  const { fields, scheme } = head;
  // A proxy may change between TLS and plain text, so either scheme is valid on either (RFC 9113 §8.3.1).
  if (scheme !== 'https' && scheme !== 'http') {
    throw new HandshakeError('ERR_TARGET', 'the scheme of an extended CONNECT must be https or http');
  }
  const target = readTarget(head, forwardedHost);
  checkBody(fields);
  checkVersion(fields);
  // The key proves nothing here: `:protocol` does (RFC 8441 §5.1).
  return new ReadUpgradeRequest(head, target, '', secure);
}

function checkBody(fields: Fields): void {
  const contentLength = fields.get('content-length');
  if ((contentLength !== undefined && contentLength !== '0') || fields.count('transfer-encoding') > 0) {
    throw new HandshakeError('ERR_REQUEST_BODY');
  }
}

function checkVersion(fields: Fields): void {
  if (fields.get('sec-websocket-version') === '13') return;
  const [version, ...others] = fields.all('sec-websocket-version').map(listMembers).filter(hasMembers);
  if (version === undefined || others.length > 0) throw new HandshakeError('ERR_VERSION_MISSING');
  if (version.length > 1 || version[0] !== '13') throw new HandshakeError('ERR_VERSION');
}

const hasMembers = (list: readonly string[]): boolean => list.length > 0;

/**
 * Selects the subprotocol (§4.2.2).
 * @param preferences The server's subprotocols in order of preference.
 * @param chosen Choice of the `upgrade` hook; takes precedence over `preferences`.
 * @returns One of `offered`, or the empty string (no field) if there is no common one.
 * @throws HandshakeError `ERR_UPGRADE_HOOK` if `chosen` was not offered.
 */
export function selectProtocol(
  offered: ReadonlySet<string>,
  preferences: readonly string[],
  chosen?: string,
): string {
  if (chosen === undefined) return preferences.find((protocol) => offered.has(protocol)) ?? '';
  if (offered.has(chosen)) return chosen;
  throw hookFault(
    `the subprotocol ${JSON.stringify(chosen)} was not offered; the client offers ${[...offered].join(', ') || 'none'}`,
  );
}

const OURS: ReadonlySet<string> = new Set(['connection', 'upgrade', 'content-length', 'transfer-encoding']);

/**
 * Checks the header fields that the `upgrade` hook adds to the 101.
 * @returns The same fields as a list: an iterable may yield them only once.
 * @throws HandshakeError `ERR_UPGRADE_HOOK` for a name that is not a token or is reserved, or for a value with CR, LF,
 *   NUL, another control character or a character above U+00FF.
 */
export function checkHookHeaders(
  headers: Iterable<readonly [name: string, value: string]>,
): readonly (readonly [name: string, value: string])[] {
  const list = [...headers];
  for (const pair of list) {
    // a string is iterable, too: 'ab' would become the header a with the value b
    if (!Array.isArray(pair) || pair.length !== 2)
      throw hookFault('headers has a member that is no [name, value]');
    const [name, value] = pair;
    if (typeof name !== 'string' || !isToken(name)) throw hookFault('a header name is not a token');
    const lowerCase = name.toLowerCase();
    if (OURS.has(lowerCase) || lowerCase.startsWith('sec-websocket-')) {
      throw hookFault(`the header ${lowerCase} cannot be set`);
    }
    if (typeof value !== 'string') {
      throw hookFault(
        `the value of the header ${lowerCase} is no string; several values are several [name, value]`,
      );
    }
    if (!isFieldValue(value)) {
      throw hookFault(`the value of the header ${lowerCase} holds characters that HTTP does not allow`);
    }
  }
  return list;
}

const hookFault = (detail: string): HandshakeError => new HandshakeError('ERR_UPGRADE_HOOK', detail);

class ReadUpgradeRequest implements UpgradeRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly origins: readonly string[];
  readonly key: string;
  readonly protocols: ReadonlySet<string>;
  readonly extensions: readonly ExtensionOffer[];
  readonly fields: Fields;
  readonly #target: RequestTarget;
  readonly #secure: boolean;
  #url: URL | undefined;

  constructor(head: RequestHead, target: RequestTarget, key: string, secure: boolean) {
    this.method = head.method;
    this.path = target.path;
    this.host = target.host;
    this.origins = head.fields.all('origin');
    this.key = key;
    this.protocols = offeredProtocols(head.fields.get('sec-websocket-protocol'));
    this.extensions = offeredExtensions(head.fields.get('sec-websocket-extensions'));
    this.fields = head.fields;
    this.#target = target;
    this.#secure = secure;
  }

  get url(): URL {
    this.#url ??= targetUrl(this.#target, this.#secure);
    return this.#url;
  }
}

const NO_PROTOCOLS: ReadonlySet<string> = new Set();
const NO_EXTENSIONS: readonly ExtensionOffer[] = /* @__PURE__ */ Object.freeze([]);

function offeredProtocols(value: string | undefined): ReadonlySet<string> {
  if (value === undefined) return NO_PROTOCOLS;
  const list = parseTokenList(value);
  const protocols = new Set(list);
  if (list === undefined || protocols.size < list.length) throw new HandshakeError('ERR_PROTOCOL_FIELD');
  return protocols;
}

const offeredExtensions = (value: string | undefined): readonly ExtensionOffer[] =>
  value === undefined ? NO_EXTENSIONS : parseExtensions(value);
