import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { AdminSettings } from '../../options/admin-options.ts';
import { canonicalHostname } from '../../options/origins.ts';
import { timingSafeEqualText } from '../../options/secrets.ts';
import { type EndpointAnswer, textAnswer } from '../endpoint-answers.ts';

/** A page cannot set `Authorization` on a WebSocket, so it offers this subprotocol with the token in base64url. */
export const TOKEN_PROTOCOL = 'hawser.bearer.';

const HOST = 'This host is not allowed: list its name in admin.allowedHosts.';
const ORIGIN = 'Requests of other pages are not allowed.';
const TOKEN = 'Send the token as Authorization: Bearer, or open the page with #token=… in its URL.';

/** Decides who may use an admin port. */
export class Access {
  readonly #token: string | undefined;
  readonly #hosts: ReadonlySet<string>;

  constructor({ token, host, allowedHosts }: AdminSettings) {
    this.#token = token;
    // An address in Host is always right: DNS rebinding needs a name.
    this.#hosts = new Set(
      ['localhost', ...(isIP(host) === 0 ? [host] : []), ...allowedHosts].map(
        (name) => canonicalHostname(name) ?? name,
      ),
    );
  }

  /** @returns Why the request is refused because of the host that it names; `undefined` if it is not. */
  judgeHost({ host = '' }: IncomingHttpHeaders): EndpointAnswer | undefined {
    const hostname = canonicalHostname(host);
    return hostname !== undefined && (this.#hosts.has(hostname) || isAddress(hostname))
      ? undefined
      : textAnswer(403, HOST);
  }

  /** As {@link judgeHost}, and because of the page that sent it. */
  judgeSender(headers: IncomingHttpHeaders): EndpointAnswer | undefined {
    const foreign = this.judgeHost(headers);
    if (foreign !== undefined) return foreign;
    const { host = '', origin } = headers;
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return textAnswer(403, ORIGIN);
    // The scheme may differ: a proxy in front may end TLS.
    if (origin !== undefined && !(URL.canParse(origin) && isSameHost(new URL(origin), host)))
      return textAnswer(403, ORIGIN);
    return undefined;
  }

  /** @returns Why the request is refused because of its token; `undefined` if it is not. */
  judgeToken({ authorization, ...headers }: IncomingHttpHeaders): EndpointAnswer | undefined {
    if (this.#token === undefined) return undefined;
    const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    const given = bearer ?? tokenOf(headers['sec-websocket-protocol']);
    if (given !== undefined && timingSafeEqualText(given, this.#token)) return undefined;
    return textAnswer(401, TOKEN, ['www-authenticate', 'Bearer realm="hawser admin"']);
  }
}

const isAddress = (hostname: string): boolean => isIP(hostname.replace(/^\[|\]$/g, '')) > 0;

/** Compares host and port; a default port may be left out. */
function isSameHost({ protocol, host }: URL, own: string): boolean {
  const url = `${protocol}//${own}`;
  return (protocol === 'http:' || protocol === 'https:') && URL.canParse(url) && new URL(url).host === host;
}

/** The token among the offered subprotocols. */
function tokenOf(offered: string | undefined): string | undefined {
  const protocol = offered
    ?.split(',')
    .map((each) => each.trim())
    .find((each) => each.startsWith(TOKEN_PROTOCOL));
  return protocol === undefined
    ? undefined
    : Buffer.from(protocol.slice(TOKEN_PROTOCOL.length), 'base64url').toString();
}
