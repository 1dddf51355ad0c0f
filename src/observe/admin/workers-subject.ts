import type { Clock } from '../../engine/clock.ts';
import type { AdminSnapshot, AdminView, AdminWorker } from './snapshot.ts';

/** A worker, as `startWorkers` tells of it. */
export interface ShownWorker extends Pick<AdminWorker, 'number' | 'state' | 'restarts'> {
  /** A process id, or the id of a thread; `undefined` while none runs. */
  readonly id: number | undefined;
}

type UpListener = (worker: ShownWorker) => void;
type ExitListener = (
  worker: ShownWorker,
  exit: { readonly code: number | null; readonly signal: string | null },
) => void;

/** The workers that an admin port shows: the result of `startWorkers` of `hawser/cluster`. */
export interface ShownWorkers {
  /** All workers, by number. */
  readonly workers: readonly ShownWorker[];
  /** The merged metrics of all workers, as text for Prometheus. */
  metrics(): Promise<string>;
  /** What the workers that answer in time serve. */
  snapshots(
    views: readonly AdminView[],
    options: { readonly deadlineMs: number },
  ): Promise<
    readonly {
      readonly worker: ShownWorker;
      readonly servers: readonly (readonly AdminSnapshot[])[];
    }[]
  >;
  /** `up`: a worker runs. */
  on(event: 'up', listener: UpListener): unknown;
  /** `exit`: a worker has ended. */
  on(event: 'exit', listener: ExitListener): unknown;
  /** Removes a listener of `up`. */
  off(event: 'up', listener: UpListener): unknown;
  /** Removes a listener of `exit`. */
  off(event: 'exit', listener: ExitListener): unknown;
}

/** What the admin port of workers shows. */
export interface WorkersSubject {
  readonly workers: ShownWorkers;
  readonly clock: Clock;
  readonly name: string | undefined;
}
