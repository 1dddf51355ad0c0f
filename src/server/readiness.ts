/**
 * Why new clients cannot connect. `not-listening`: the server has neither begun to listen, nor been attached, nor handled an
 * upgrade. `shutting-down`: `shutdown` was called. `full`: all places of `maxConnections` were taken, and 95 % still are.
 * `engine`: the engine is down, and `requireEngine` is set. `overloaded`: the level of load is `critical`. `breaker`: the circuit
 * breaker of the `upgrade` hook is open. Later versions may add reasons.
 */
export type ReadyReason = 'not-listening' | 'shutting-down' | 'full' | 'engine' | 'overloaded' | 'breaker';

/** Whether new clients can connect, for health checks and load balancers. */
export interface Readiness {
  readonly ready: boolean;
  /** Empty if `ready`. */
  readonly reasons: readonly ReadyReason[];
}

/** The server whose readiness is asked. */
export interface AskedServer {
  /** Whether a shutdown has begun. */
  readonly isLeaving: boolean;
  /** Whether clients can reach the server: it listens, is attached, or has handled an upgrade. */
  readonly isReachable: () => boolean;
  readonly admission: { readonly hasRoom: boolean };
  readonly topics: { readonly lacksEngine: boolean };
  /** What load control has against new clients. */
  readonly guard: { readonly reasons: readonly ReadyReason[] };
}

export function readinessOf({ isLeaving, isReachable, admission, topics, guard }: AskedServer): Readiness {
  const reasons: ReadyReason[] = [];
  if (isLeaving) reasons.push('shutting-down');
  else if (!isReachable()) reasons.push('not-listening');
  if (!admission.hasRoom) reasons.push('full');
  if (topics.lacksEngine) reasons.push('engine');
  reasons.push(...guard.reasons);
  return { ready: reasons.length === 0, reasons };
}
