import { isIP } from 'node:net';
import { HandshakeError } from '../../protocol/errors.ts';
import type { Fields } from '../../protocol/handshake/fields.ts';
import { isAuthority } from '../../protocol/handshake/target.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { addressMatcher } from '../../options/addresses.ts';
import { forwardedElements } from './forwarded-field.ts';
import type { TrustProxy } from '../../options/server-options.ts';
import { MAX_PROXIES } from '../../options/server-option-table.ts';

/** The client that sent a request, as trusted proxies report it. */
export interface Sender {
  readonly address: string;
  /** Whether the client uses TLS. */
  readonly secure: boolean;
  /** Authority that the client requested; `undefined` if no proxy reports it, and `Host` applies. */
  readonly host: string | undefined;
  /** Whether a trusted proxy sent the request for the client. */
  readonly proxied: boolean;
}

/** The report of one proxy about its sender; `undefined` for missing values. Not validated yet. */
interface Hop {
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
}

/**
 * Compiles the option `trustProxy`. The policy reads the fields from the right, proxy by proxy, up to the first sender that
 * is not trusted. It does not read further members: a client could have written them.
 * @returns A function that finds the client of a request, given the address of the socket and whether it uses TLS. It throws
 *   HandshakeError `ERR_HEAD_SYNTAX` if a trusted proxy sent an invalid value, if there are more than {@link MAX_PROXIES}
 *   proxies, or if `Forwarded` and `X-Forwarded-For` disagree: then the client wrote one of them.
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

/** @returns A function that returns whether an address is that of a trusted proxy. */
export function trustedSenders(trust: TrustProxy): (address: string) => boolean {
  if (trust === false) return () => false;
  const trusts = trustOf(trust);
  return (address) => trusts(address, 0);
}

/** Whether the sender with this address is trusted, `hop` proxies away from the server. */
type Trusts = (address: string, hop: number) => boolean;
/** The report of the next proxy, the nearest first; `undefined` after the last. */
type NextHop = () => Hop | undefined;

const noHops: NextHop = () => undefined;

function trustOf(trust: number | readonly string[]): Trusts {
  if (typeof trust === 'number') return (_, hop) => hop < trust;
  const matches = addressMatcher(trust);
  return (address) => matches(address);
}

/**
 * Follows the proxies from `peer`, which is trusted. Each value is validated once, when its proxy is reached. If a proxy
 * does not report scheme, host or port, the value of the previous proxy stays.
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
    // The proxy hides or does not know its sender: its own address counts as the client's.
    if (from === undefined) break;
    address = from;
  }
  const isSecure = proto === undefined ? secure : proto === 'https' || proto === 'wss';
  return { address, secure: isSecure, host: withPort(host, port, isSecure), proxied: true };
}

/**
 * `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, matched from the right: a single scheme for several proxies belongs to
 * the nearest, and a client cannot shift a list by adding members on the left.
 */
function hopsOfForwardedFor(fields: Fields): NextHop | undefined {
  const addresses = membersFromRight(fields.get('x-forwarded-for'));
  const protos = membersFromRight(fields.get('x-forwarded-proto'));
  const hosts = membersFromRight(fields.get('x-forwarded-host'));
  const ports = membersFromRight(fields.get('x-forwarded-port'));
  const hop = (): Hop => ({ address: addresses(), proto: protos(), host: hosts(), port: ports() });
  const nearest = hop();
  // A port without a host has no meaning.
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
 * Iterates over the members of a list from the right, in linear time; returns `undefined` at the end. Skips empty members
 * (RFC 9110 §5.6.1.2).
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

/** Reads an IP address with or without port, IPv6 with or without brackets. @returns `undefined` for any other text. */
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

/** Adds `port` to a host without a port. A port that contradicts the scheme is that of an inner hop and is ignored. */
function withPort(host: string | undefined, port: string | undefined, secure: boolean): string | undefined {
  if (host === undefined || port === undefined || /:\d+$/.test(host)) return host;
  if (port === (secure ? '80' : '443')) return host;
  return `${host.replace(/:$/, '')}:${port}`;
}

const malformed = (detail: string): HandshakeError => new HandshakeError('ERR_HEAD_SYNTAX', detail);
