import { addressMatcher } from '../../options/addresses.ts';
import type { ResolvedServerOptions } from '../../options/resolve-server-options.ts';
import type { Fields } from '../../protocol/handshake/fields.ts';
import {
  compilePath,
  hostPolicy,
  type OriginOptions,
  type OriginRefusal,
  originPolicy,
  type OriginSubject,
} from './policies.ts';
import { proxyPolicy, type Sender, trustedSenders } from './trust-proxy.ts';

/** The options of a server that decide about a request by its path, origin, host and sender; each compiled once. */
export class EntryPolicies {
  /** @throws What a function given as option `path` throws. */
  readonly matchesPath: (path: string) => boolean;
  /** Why the request is refused; `undefined` if it is not. @throws What a function given as `allowedOrigins` throws. */
  readonly judgeOrigin: (subject: OriginSubject) => OriginRefusal | undefined;
  /** Why `allowedHosts` refuses an authority; `undefined` if it does not. */
  readonly judgeHost: (authority: string) => OriginRefusal | undefined;
  /** The client that sent a request, as trusted proxies report it. */
  readonly senderOf: (address: string, secure: boolean, fields: Fields) => Sender;
  /** Whether sockets from this address must begin with a PROXY header. */
  readonly sendsProxyHeader: (address: string) => boolean;
  /** Whether sockets from this address may belong to many clients. */
  readonly isProxy: (address: string) => boolean;

  constructor(options: OriginOptions & Pick<ResolvedServerOptions, 'path' | 'proxyProtocol' | 'trustProxy'>) {
    const { proxyProtocol, trustProxy } = options;
    this.matchesPath = compilePath(options.path);
    this.judgeOrigin = originPolicy(options);
    this.judgeHost = hostPolicy(options.allowedHosts);
    this.senderOf = proxyPolicy(trustProxy);
    const isListed = proxyProtocol === false ? undefined : addressMatcher(proxyProtocol);
    const sendsProxyHeader = (address: string): boolean =>
      isListed !== undefined && (address === '' || isListed(address));
    this.sendsProxyHeader = sendsProxyHeader;
    const isTrusted = trustedSenders(trustProxy);
    this.isProxy = (address) => isTrusted(address) || sendsProxyHeader(address);
  }
}
