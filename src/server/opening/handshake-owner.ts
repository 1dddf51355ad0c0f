import type { DriverOf } from '../../connection/connection.ts';
import type { ConnectionIdentity } from '../../connection/connection-events.ts';
import type { Refusal } from '../../observe/observer.ts';
import type { HandshakeTrace, HandshakeTracer } from '../../observe/tracing/traces.ts';
import type { DeadlineQueue } from '../../engine/deadlines.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Transport, TransportOwner } from '../../sockets/transport.ts';
import type { Admission, Reservation } from '../admission/admission.ts';
import type { LoadGuard } from '../load-guard.ts';
import type { EntryPolicies } from '../admission/entry-policies.ts';
import type { HandshakePlaces } from '../admission/handshake-places.ts';
import type { Endpoints } from './endpoints.ts';
import type { HeldInputOwner } from './held-input.ts';
import type { UpgradeRequest } from '../../options/hooks.ts';
import type { Quality } from '../../options/live-settings.ts';
import type { ResolvedServerOptions } from '../../options/resolve-server-options.ts';

/** A socket that shutdown waits for: in its handshake, or closing after a refusal. */
export interface PendingSocket {
  /** The server shuts down: refuses the request if an answer is possible. */
  shutDown(): void;
  destroy(): void;
}

/** Whole seconds for `Retry-After`: one to two times the option, with jitter against a reconnect storm. */
export function retryAfter(
  options: Pick<ResolvedServerOptions<never>, 'retryAfterSeconds' | 'random'>,
): number {
  return Math.ceil(options.retryAfterSeconds * (1 + options.random.fraction()));
}

/** The server, as a handshake sees it. */
export interface HandshakeOwner<UserData> extends HeldInputOwner {
  readonly options: ResolvedServerOptions<UserData>;
  readonly live: { readonly quality: Pick<Quality, 'compresses'> };
  readonly engine: Engine;
  readonly deadlines: DeadlineQueue;
  readonly admission: Admission;
  readonly places: HandshakePlaces;
  readonly guard: Pick<LoadGuard<UserData>, 'gate' | 'breaker' | 'handshakeDelayed'>;
  readonly shuttingDown: boolean;
  readonly pendingSockets: Set<PendingSocket>;
  readonly policies: EntryPolicies;
  /** `undefined` if the server answers no path itself. */
  readonly endpoints: Endpoints | undefined;
  /** Follows handshakes, besides the channels; `undefined` for none. */
  readonly handshakeTracer: HandshakeTracer | undefined;
  /** Authority of the listening address: the default for HTTP/1.0 requests without `Host`. */
  readonly ownAuthority: string;
  /** Code that the server still loads, and that the connection may need; `undefined` for none. Never rejects. */
  opening(): Promise<void> | undefined;
  /** Reports a request with `Sec-WebSocket-Key` but without `Upgrade`. */
  upgradeLost(remoteAddress: string, url: string): void;
  refused(refusal: Refusal): void;
  /** The `upgrade` hook has returned, or its promise has settled. */
  upgradeHookEnded(durationMs: number): void;
  /**
   * Creates the connection, tells `trace`, emits `connection` and returns the driver.
   * @param handshakeMs Time since the socket was accepted.
   */
  admitted(
    identity: Omit<ConnectionIdentity<UserData>, 'id'>,
    request: UpgradeRequest,
    reservation: Reservation,
    open: (owner: TransportOwner) => Transport,
    handshakeMs: number,
    trace: HandshakeTrace | undefined,
  ): DriverOf<UserData>;
  /** Removes a socket; a shutdown that waits for it continues. */
  socketReleased(socket: PendingSocket): void;
  /** Reports a failure of the `request` or the `requestHead` hook. */
  hookFailed(name: 'request' | 'requestHead', error: unknown): void;
}
