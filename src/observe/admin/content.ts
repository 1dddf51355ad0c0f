import type { Readiness } from '../../server/readiness.ts';
import type { EndpointAnswer } from '../endpoint-answers.ts';
import type { ActionRequest } from './actions.ts';
import type { StreamedAnswer } from './capture-action.ts';
import type { AdminSnapshot, AdminTable, AdminView } from './snapshot.ts';

/** What an admin port shows and does: of one server, or of workers. */
export interface AdminContent {
  readonly snapshots: SnapshotSource;
  readiness(): Readiness | Promise<Readiness>;
  /** Seconds after which a client that gets 503 may try again. */
  retryAfter(): number;
  metrics(): string | Promise<string>;
  /** @param ofCluster Whether the statistics of all servers are wanted. */
  stats(ofCluster: boolean): unknown;
  connections(view: AdminView): Promise<AdminTable>;
  act(request: ActionRequest): EndpointAnswer | StreamedAnswer;
}

/** Takes snapshots for viewers. */
export interface SnapshotSource {
  /**
   * @param views What the viewers want to see.
   * @param wanted Asked between slices of a scan.
   * @returns The snapshot of each view, by its key; `undefined` if no viewer is left.
   */
  take(
    views: readonly AdminView[],
    wanted: () => boolean,
  ): Promise<ReadonlyMap<string, AdminSnapshot> | undefined>;
  /** The last viewer has left: the next snapshot is a first one. */
  rest(): void;
}
