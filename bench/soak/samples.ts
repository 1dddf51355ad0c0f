import type { Point } from './flatness.ts';
import type { ServerSample } from './server-settings.ts';

/** One row of a run. A figure is `null` where it could not be had, as while there is no server. */
export interface Sample {
  /** Since the start of the stage. */
  readonly atMs: number;
  readonly server: ServerSample | null;
  /** Share of a core that the server used since the previous row. */
  readonly cpuShare: number | null;
  /** Connections of the clients that are open. */
  readonly open: number;
  readonly ratePerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Something that the scenario did. */
export interface Mark {
  readonly atMs: number;
  readonly says: string;
}

/** All that was recorded of a run. */
export interface Recording {
  readonly samples: readonly Sample[];
  readonly marks: readonly Mark[];
  /** Heap and external memory after a full collection, in bytes. */
  readonly live: readonly Point[];
}

/** Points of one figure of the server, in the last part of a run. */
export function serverPoints(
  { samples }: Pick<Recording, 'samples'>,
  of: (server: ServerSample) => number,
  fromMs: number,
): Point[] {
  return samples.flatMap(({ atMs, server }) =>
    server === null || atMs < fromMs ? [] : [{ atMs, value: of(server) }],
  );
}
