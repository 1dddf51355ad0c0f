import type { DriverOf } from '../../connection/connection.ts';
import type { Clock } from '../../engine/clock.ts';
import type { ResolvedServerOptions } from '../../options/resolve-server-options.ts';
import type { Groups } from './groups.ts';
import type { NodeGate } from './node-gate.ts';
import type { RequestHandlers } from './request-handlers.ts';

/** The server, as the sessions of `hawser.v1` see it. */
export interface SessionHost<UserData> {
  readonly options: Pick<
    ResolvedServerOptions<UserData>,
    | 'authorizeSubscribe'
    | 'authorizePublish'
    | 'heartbeat'
    | 'maxTopicsPerConnection'
    | 'pingIntervalMs'
    | 'textAs'
    | 'upgradeTimeoutMs'
  >;
  readonly clock: Clock;
  readonly groups: Groups<UserData>;
  readonly node: NodeGate;
  readonly handlers: RequestHandlers<UserData>;
  /** A function of the application failed, or returned something unusable. @param where Which function. */
  handlerFailed(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void;
}
