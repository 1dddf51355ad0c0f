import type { DriverOf } from '../connection/connection.ts';
import type { Observers } from '../connection/observers.ts';
import type { Clock } from '../engine/clock.ts';
import { paceOf } from '../observe/admin/slices.ts';
import { Shedder } from '../observe/load-control/shedder.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import type { LoadGate } from './admission/load-gate.ts';
import type { Registry } from './groups/registry.ts';

/** The server whose connections {@link shedderOf} sheds. */
export interface SheddingServer<UserData> {
  readonly options: Pick<ResolvedServerOptions<UserData>, 'loadControl'>;
  readonly registry: Registry<DriverOf<UserData>>;
  readonly gate: LoadGate;
  readonly clock: Clock;
  readonly observers: Observers;
  readonly isLeaving: boolean;
}

/** @returns `undefined` without the option `loadControl.shed`. */
export function shedderOf<UserData>(
  server: SheddingServer<UserData>,
): Shedder<DriverOf<UserData>> | undefined {
  const { loadControl } = server.options;
  if (loadControl === false || !loadControl.shed) return undefined;
  return new Shedder({
    connections: server.registry,
    clock: server.clock,
    pace: paceOf(server.clock),
    get source() {
      return server.gate.source;
    },
    get isLeaving() {
      return server.isLeaving;
    },
    shed: (driver) => server.observers.tell('shed', driver, driver.priority),
    batchShed: (batch) => server.observers.tell('batchShed', batch),
  });
}
