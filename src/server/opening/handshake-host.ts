import type { DriverOf } from '../../connection/connection.ts';
import type { ConnectionIdentity } from '../../connection/connection-events.ts';
import type { Refusal } from '../../observe/observer.ts';
import type { Fields } from '../../protocol/handshake/fields.ts';
import type { DeadlineQueue } from '../../engine/deadlines.ts';
import type { Transport, TransportOwner } from '../../sockets/transport.ts';
import type { Admission, Reservation } from '../admission/admission.ts';
import type { HandshakePlaces } from '../admission/handshake-places.ts';
import type { HeldInputHost } from './held-input.ts';
import type { UpgradeRequest } from '../../options/hooks.ts';
import type { ResolvedServerOptions } from '../../options/resolve-server-options.ts';
import type { OriginRefusal, OriginSubject } from '../admission/policies.ts';
import type { Sender } from '../admission/trust-proxy.ts';

/** A handshake, or what is left of one: something that shutting down has to wait for. */
export interface PendingSocket {
  /** The server goes down: whoever can be told so is told. */
  shutDown(): void;
  destroy(): void;
}

/** Whole seconds for `Retry-After`, at random between one and two times the option, so that clients do not return together. */
export function retryAfter(
  options: Pick<ResolvedServerOptions<never>, 'retryAfterSeconds' | 'random'>,
): number {
  return Math.ceil(options.retryAfterSeconds * (1 + options.random.fraction()));
}

/** What a handshake needs of its server. */
export interface HandshakeHost<UserData> extends HeldInputHost {
  readonly options: ResolvedServerOptions<UserData>;
  readonly deadlines: DeadlineQueue;
  readonly admission: Admission;
  readonly places: HandshakePlaces;
  readonly shuttingDown: boolean;
  readonly pendingSockets: Set<PendingSocket>;
  matchesPath(path: string): boolean;
  /** Who sent a request, as far as trusted proxies say so. */
  senderOf(address: string, secure: boolean, fields: Fields): Sender;
  /** Whether sockets from an address begin with a PROXY header. */
  sendsProxyHeader(address: string): boolean;
  judgeOrigin(subject: OriginSubject): OriginRefusal | undefined;
  /** Why `allowedHosts` refuses an authority, if it does. */
  judgeHost(authority: string): OriginRefusal | undefined;
  /** Authority of the address listened on: for requests of HTTP/1.0 that name none. */
  readonly ownAuthority: string;
  /** A request with `Sec-WebSocket-Key` came without `Upgrade`. */
  upgradeLost(remoteAddress: string, url: string): void;
  refused(refusal: Refusal): void;
  /** Makes the connection, emits `connection`, and returns its driver. */
  admitted(
    identity: Omit<ConnectionIdentity<UserData>, 'id'>,
    request: UpgradeRequest,
    reservation: Reservation,
    open: (owner: TransportOwner) => Transport,
  ): DriverOf<UserData>;
  /** A socket is done with, so a shutdown may go on. */
  socketGone(socket: PendingSocket): void;
  /** A hook of the application failed. */
  hookFailed(error: unknown): void;
}
