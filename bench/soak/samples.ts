import type { Point } from './flatness.ts';
import type { ServerSample } from './server-settings.ts';

/** One row of a run. A figure is `null` where it is unknown, as while there is no server. */
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

const middle = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** The p99 of a typical row in a part of a run: the median of the rows; `null` without one. */
export const typicalP99 = (samples: readonly Sample[], fromMs: number, untilMs: number): number | null =>
  middle(
    samples.flatMap(({ atMs, p99Ms }) => (p99Ms === null || atMs <= fromMs || atMs > untilMs ? [] : [p99Ms])),
  );
