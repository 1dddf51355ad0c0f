import { isIP } from 'node:net';
import { HandshakeError } from '../protocol/errors.ts';
import type { Fields } from '../protocol/handshake/fields.ts';
import { isAuthority } from '../protocol/handshake/target.ts';
import { normalizeAddress } from '../transport/ip-address.ts';
import { addressMatcher } from './addresses.ts';
import { forwardedElements } from './forwarded-field.ts';

/** Which senders are proxies of ours: none, so many in a row, or those with these addresses. */
export type TrustProxy = false | number | readonly string[];

/** Who sent a request, as far as proxies of ours say so. */
export interface Sender {
  readonly address: string;
  /** Whether the client came over TLS. */
  readonly secure: boolean;
  /** Authority that the client asked for; `undefined` where no proxy says so, so that `Host` counts. */
  readonly host: string | undefined;
  /** A proxy of ours spoke for the client. */
  readonly proxied: boolean;
}

/** What one proxy says about who it got the request from. */
interface Hop {
  /** `undefined` where it is no IP address. */
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/**
 * Makes a policy of the option `trustProxy`. The fields are read from the right, from proxy to proxy, up to the first
 * sender that is none of ours: what stands further left anybody could have written.
 * @returns Who sent a request, given the address it came from and whether it came over TLS. It throws HandshakeError
 *   `ERR_HEAD_SYNTAX` where one of our proxies sent what cannot be read, or `Forwarded` and `X-Forwarded-For` disagree:
 *   then one of them is the client's own.
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
    const sender = walk(usual ?? standard ?? [], address, secure, trusts);
    if (usual !== undefined && standard !== undefined) {
      if (walk(standard, address, secure, trusts).address !== sender.address) {
        throw malformed('Forwarded and X-Forwarded-For disagree about the client');
      }
    }
    return sender;
  };
}

type Trusts = (address: string, hop: number) => boolean;

function trustOf(trust: number | readonly string[]): Trusts {
  if (typeof trust === 'number') return (_, hop) => hop < trust;
  const matches = addressMatcher(trust);
  return (address) => matches(address);
}

/** @param hops Nearest proxy first. */
function walk(hops: readonly Hop[], peer: string, secure: boolean, trusts: Trusts): Sender {
  let sender: Sender = { address: peer, secure, host: undefined, proxied: true };
  for (const [at, hop] of hops.entries()) {
    if (!trusts(sender.address, at)) break;
    sender = {
      // A proxy that does not want to tell, or cannot: whoever sent it that stays behind it.
      address: hop.address ?? sender.address,
      secure: hop.proto === undefined ? sender.secure : hop.proto === 'https' || hop.proto === 'wss',
      host: hop.host ?? sender.host,
      proxied: true,
    };
    if (hop.address === undefined) break;
  }
  return sender;
}

/** `X-Forwarded-For`, `-Proto` and `-Host`. The last two have a member for each proxy, or one for all of them. */
function hopsOfForwardedFor(fields: Fields): readonly Hop[] | undefined {
  const forwardedFor = membersOf(fields, 'x-forwarded-for');
  const protos = membersOf(fields, 'x-forwarded-proto');
  const hosts = membersOf(fields, 'x-forwarded-host');
  if (forwardedFor.length + protos.length + hosts.length === 0) return undefined;
  const count = Math.max(forwardedFor.length, 1);
  const memberAt = (list: readonly string[], hop: number): string | undefined =>
    list.length < count ? list[0] : list[list.length - 1 - hop];
  return Array.from({ length: count }, (_, hop) => ({
    address: addressOf(forwardedFor[count - 1 - hop]),
    proto: checkedProto(memberAt(protos, hop)),
    host: checkedHost(memberAt(hosts, hop)),
  }));
}

function hopsOfForwarded(fields: Fields): readonly Hop[] | undefined {
  const value = fields.get('forwarded');
  if (value === undefined) return undefined;
  const elements = forwardedElements(value);
  if (elements === undefined) throw malformed('Forwarded cannot be read');
  return elements.reverse().map((element) => ({
    address: addressOf(element.get('for')),
    proto: checkedProto(element.get('proto')),
    host: checkedHost(element.get('host')),
  }));
}

function membersOf(fields: Fields, name: string): string[] {
  const value = fields.get(name);
  return value === undefined ? [] : value.split(',').map((member) => member.trim());
}

/** An address, with or without port, IPv6 with or without brackets. @returns `undefined` for anything else. */
function addressOf(node: string | undefined): string | undefined {
  if (node === undefined) return undefined;
  const bare = /^\[([^\]]+)\](?::\w+)?$/.exec(node)?.[1] ?? /^([\d.]+):\w+$/.exec(node)?.[1] ?? node;
  return isIP(bare) === 0 || bare.includes('%') ? undefined : normalizeAddress(bare);
}

function checkedProto(proto: string | undefined): string | undefined {
  if (proto === undefined) return undefined;
  const lowerCase = proto.toLowerCase();
  if (!/^(?:http|ws)s?$/.test(lowerCase)) throw malformed('a forwarded scheme is neither http nor ws');
  return lowerCase;
}

function checkedHost(host: string | undefined): string | undefined {
  if (host !== undefined && !isAuthority(host)) throw malformed('a forwarded host cannot be read');
  return host;
}

const malformed = (detail: string): HandshakeError => new HandshakeError('ERR_HEAD_SYNTAX', detail);
