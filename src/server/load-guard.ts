import { BreakerCore } from '../breaker/breaker-core.ts';
import type { DriverOf } from '../connection/connection.ts';
import type { Observers } from '../connection/observers.ts';
import { LOAD_SHED } from '../engine/channels.ts';
import type { Clock } from '../engine/clock.ts';
import { paceOf } from '../observe/admin/slices.ts';
import { Shedder } from '../observe/load-control/shedder.ts';
import type { Priority } from '../options/priority.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import type { Admission } from './admission/admission.ts';
import { LoadGate } from './admission/load-gate.ts';
import type { Registry } from './groups/registry.ts';
import type { ReadyReason } from './readiness.ts';

/** Time for which outcomes of the `upgrade` hook count. */
const WINDOW_MS = 10_000;

/** The server that a {@link LoadGuard} protects. */
export interface GuardedServer<UserData> {
  readonly options: Pick<ResolvedServerOptions<UserData>, 'loadControl'>;
  readonly admission: Admission;
  readonly registry: Registry<DriverOf<UserData>>;
  readonly clock: Clock;
  readonly observers: Observers;
  readonly isLeaving: boolean;
}

/** What protects a server from load: its gate for handshakes, the circuit breaker of its hook, and the shedder of connections. */
export class LoadGuard<UserData> {
  readonly gate: LoadGate;
  /** Of the `upgrade` hook; `undefined` without the option `loadControl.breaker`. */
  readonly breaker: BreakerCore | undefined;
  /** `undefined` without the option `loadControl.shed`. */
  readonly shedder: Shedder<DriverOf<UserData>> | undefined;
  readonly #observers: Observers;

  constructor(server: GuardedServer<UserData>) {
    const { loadControl } = server.options;
    this.#observers = server.observers;
    this.gate = new LoadGate(server.admission);
    server.admission.onSoftLimit = (isAbove) => server.observers.tell('softLimitPassed', isAbove);
    if (loadControl === false) return;
    if (loadControl.shed) this.shedder = this.#shedderOf(server);
    if (loadControl.breaker === false) return;
    const { minHandshakes, failureRatio, openMs, trials } = loadControl.breaker;
    this.breaker = new BreakerCore(
      { windowMs: WINDOW_MS, minCalls: minHandshakes, failureRatio, openMs, trials },
      server.clock,
      (next, previous) => server.observers.tell('breakerChanged', next, previous),
    );
  }

  /** Why new clients cannot connect. */
  get reasons(): readonly ReadyReason[] {
    const reasons: ReadyReason[] = [];
    if (this.gate.source.level === 'critical') reasons.push('overloaded');
    if (this.breaker?.state === 'open') reasons.push('breaker');
    return reasons;
  }

  /** A handshake waits because of the load. */
  handshakeDelayed(priority: Priority): void {
    this.#observers.tell('handshakeDelayed', priority);
  }

  #shedderOf(server: GuardedServer<UserData>): Shedder<DriverOf<UserData>> {
    const { gate } = this;
    return new Shedder({
      connections: server.registry,
      clock: server.clock,
      pace: paceOf(server.clock),
      get source() {
        return gate.source;
      },
      get isLeaving() {
        return server.isLeaving;
      },
      shed: (driver) => {
        const { connection, priority } = driver;
        server.observers.tell('shed', driver, priority);
        if (LOAD_SHED.hasSubscribers) LOAD_SHED.publish({ connection, priority });
      },
      batchShed: (batch) => server.observers.tell('batchShed', batch),
    });
  }
}
