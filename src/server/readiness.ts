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
