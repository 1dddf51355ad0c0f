import { isIP } from 'node:net';
import { HandshakeError } from '../../protocol/errors.ts';
import type { Fields } from '../../protocol/handshake/fields.ts';
import { isAuthority } from '../../protocol/handshake/target.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { addressMatcher } from '../../options/addresses.ts';
import { forwardedElements } from './forwarded-field.ts';
import type { TrustProxy } from '../../options/server-options.ts';
import { MAX_PROXIES } from '../../options/server-option-table.ts';

/** Who sent a request, as far as trusted proxies say so. */
export interface Sender {
  readonly address: string;
  /** Whether the client came over TLS. */
  readonly secure: boolean;
  /** Authority that the client asked for; `undefined` where no proxy says so, so that `Host` counts. */
  readonly host: string | undefined;
  /** A trusted proxy spoke for the client. */
  readonly proxied: boolean;
}

/** What one proxy says about the sender it got the request from; `undefined` where it says nothing. Not judged yet. */
interface Hop {
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
}

/**
 * Makes a policy of the option `trustProxy`. The fields are read from the right, proxy by proxy, up to the first sender
 * that is not trusted. Members further left are not read at all: a client could have written them.
 * @returns Who sent a request, given the address it came from and whether it came over TLS. It throws HandshakeError
 *   `ERR_HEAD_SYNTAX` where a trusted proxy sent a value that cannot be read, where there are more than
 *   {@link MAX_PROXIES}, or where `Forwarded` and `X-Forwarded-For` disagree: then one of them is the client's own.
 */
export function proxyPolicy(trust: TrustProxy): (address: string, secure: boolean, fields: Fields) => Sender {
  const direct = (address: string, secure: boolean): Sender => ({
    address,
    secure,
    host: undefined,
    proxied: false,
  });
  if (trust === false) return direct;
  const trusts = trustOf(trust);
  return (address, secure, fields) => {
    if (!trusts(address, 0)) return direct(address, secure);
    const standard = hopsOfForwarded(fields);
    const usual = hopsOfForwardedFor(fields);
    const sender = walk(usual ?? standard ?? noHops, address, secure, trusts);
    if (usual !== undefined && standard !== undefined) {
      if (walk(standard, address, secure, trusts).address !== sender.address) {
        throw malformed('Forwarded and X-Forwarded-For disagree about the client');
      }
    }
    return sender;
  };
}

/** @returns Whether a socket from an address is that of a trusted proxy. */
export function trustedSenders(trust: TrustProxy): (address: string) => boolean {
  if (trust === false) return () => false;
  const trusts = trustOf(trust);
  return (address) => trusts(address, 0);
}

/** Whether the sender that many proxies away is trusted. */
type Trusts = (address: string, hop: number) => boolean;
/** What the next proxy says, the nearest first; `undefined` after the last. */
type NextHop = () => Hop | undefined;

const noHops: NextHop = () => undefined;

function trustOf(trust: number | readonly string[]): Trusts {
  if (typeof trust === 'number') return (_, hop) => hop < trust;
  const matches = addressMatcher(trust);
  return (address) => matches(address);
}

/**
 * Follows the proxies from `peer`, which is trusted. Each value is judged once, when its proxy is reached. A proxy that
 * says nothing about scheme, host or port leaves what the proxy before it said.
 */
function walk(nextHop: NextHop, peer: string, secure: boolean, trusts: Trusts): Sender {
  let address = peer;
  let proto: string | undefined;
  let host: string | undefined;
  let port: string | undefined;
  for (let at = 0; at === 0 || trusts(address, at); at++) {
    const hop = nextHop();
    if (hop === undefined) break;
    if (at === MAX_PROXIES) throw malformed(`the request passed more than ${MAX_PROXIES} trusted proxies`);
    if (hop.proto !== undefined) proto = checkedProto(hop.proto);
    if (hop.host !== undefined) host = checkedHost(hop.host);
    if (hop.port !== undefined) port = checkedPort(hop.port);
    const from = addressOf(hop.address);
    // The proxy hides or does not know its sender, so the proxy itself stands for it.
    if (from === undefined) break;
    address = from;
  }
  const isSecure = proto === undefined ? secure : proto === 'https' || proto === 'wss';
  return { address, secure: isSecure, host: withPort(host, port, isSecure), proxied: true };
}

/**
 * `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, matched from the right. So a single scheme for several proxies is
 * that of the nearest, and a client gains nothing by making one list longer than the others.
 */
function hopsOfForwardedFor(fields: Fields): NextHop | undefined {
  const addresses = membersFromRight(fields.get('x-forwarded-for'));
  const protos = membersFromRight(fields.get('x-forwarded-proto'));
  const hosts = membersFromRight(fields.get('x-forwarded-host'));
  const ports = membersFromRight(fields.get('x-forwarded-port'));
  const hop = (): Hop => ({ address: addresses(), proto: protos(), host: hosts(), port: ports() });
  const nearest = hop();
  // A port alone says nothing: it belongs to a host.
  if (nearest.address === undefined && nearest.proto === undefined && nearest.host === undefined)
    return undefined;
  let isNearest = true;
  return () => {
    if (isNearest) {
      isNearest = false;
      return nearest;
    }
    const next = hop();
    return next.address === undefined ? undefined : next;
  };
}

function hopsOfForwarded(fields: Fields): NextHop | undefined {
  const value = fields.get('forwarded');
  if (value === undefined) return undefined;
  const elements = forwardedElements(value);
  if (elements === undefined) throw malformed('Forwarded cannot be read');
  if (elements.length === 0) return undefined;
  return () => {
    const element = elements.pop();
    if (element === undefined) return undefined;
    const of = (name: string): string | undefined => element.get(name) || undefined;
    return { address: of('for'), proto: of('proto'), host: of('host'), port: undefined };
  };
}

/**
 * The members of a list, the last first; `undefined` after the first. Each character is looked at once. An empty member
 * is none (RFC 9110 §5.6.1.2).
 */
function membersFromRight(list: string | undefined): () => string | undefined {
  let end = list?.length ?? 0;
  return () => {
    while (end > 0) {
      const comma = list!.lastIndexOf(',', end - 1);
      const member = list!.slice(comma + 1, end).trim();
      end = Math.max(comma, 0);
      if (member !== '') return member;
    }
    return undefined;
  };
}

/** An IP address, with or without port, IPv6 with or without brackets. @returns `undefined` for anything else. */
function addressOf(node: string | undefined): string | undefined {
  if (node === undefined) return undefined;
  const bare = /^\[([^\]]+)\](?::\w+)?$/.exec(node)?.[1] ?? /^([\d.]+):\w+$/.exec(node)?.[1] ?? node;
  return isIP(bare) === 0 || bare.includes('%') ? undefined : normalizeAddress(bare);
}

function checkedProto(proto: string): string {
  const lowerCase = proto.toLowerCase();
  if (!/^(?:http|ws)s?$/.test(lowerCase)) throw malformed('a forwarded scheme is neither http nor ws');
  return lowerCase;
}

function checkedHost(host: string): string {
  if (!isAuthority(host)) throw malformed('a forwarded host cannot be read');
  return host;
}

function checkedPort(port: string): string {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw malformed('a forwarded port is not a number from 1 to 65535');
  return port;
}

/** @returns The host with `port`, unless it has one, or the port contradicts the scheme: then it is that of an inner hop. */
function withPort(host: string | undefined, port: string | undefined, secure: boolean): string | undefined {
  if (host === undefined || port === undefined || /:\d+$/.test(host)) return host;
  if (port === (secure ? '80' : '443')) return host;
  return `${host.replace(/:$/, '')}:${port}`;
}

const malformed = (detail: string): HandshakeError => new HandshakeError('ERR_HEAD_SYNTAX', detail);
