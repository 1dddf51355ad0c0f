import type { HistogramData } from './latency-histogram.ts';
import type { LoadMode } from './load-plan.ts';
import type { ProcessUsage } from './process-meter.ts';
import type { Tally } from './tally.ts';
import type { TimelinePoint } from './timeline.ts';
import type { WindowFigures } from './window-meter.ts';

/** The measurements of a run. Plain data. */
export interface LoadResult {
  readonly mode: LoadMode;
  /** Open connections during the measurement; in mode `handshake`, the number opened concurrently. */
  readonly connections: number;
  readonly elapsedMs: number;
  /** Answers of an echo, deliveries of a fan-out, connections opened in `handshake`. */
  readonly messages: number;
  readonly latency: HistogramData;
  readonly opening: HistogramData;
  /** Mode `fan-out`: time until the last recipient had all messages of a turn. */
  readonly lastRecipient: HistogramData;
  /** Delay between the schedule and the write, if the load generator caused it. */
  readonly lateness: HistogramData;
  /** Number of connections that failed to open or were lost, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly generator: {
    /** CPU time during the measurement; `undefined` if the system does not report it. */
    readonly cpuMicros: number | undefined;
    /** Share of the time in which its event loop was busy. */
    readonly busyShare: number;
  };
  /** Figures of the process of the server; `undefined` without its process id. */
  readonly server: ServerFigures | undefined;
  /**
   * Mode `echo` that leaves with closing handshakes: messages that the server had not answered when it answered the Close.
   * Connections that took too long to close do not count.
   */
  readonly unanswered?: number;
  /** The run was interrupted. */
  readonly interrupted: boolean;
  /** The measurement, interval by interval; only if it was asked for, and never in `idle`. */
  readonly timeline?: readonly TimelinePoint[];
}

export interface ServerFigures {
  /** CPU time during the measurement. */
  readonly cpuMicros: number;
  /** Memory before the first connection, with all connections open, and, in mode `idle`, after traffic. */
  readonly rssBytes: {
    readonly before: number;
    readonly open: number;
    readonly afterTraffic: number | undefined;
  };
}

/** A process that is busy for a larger share of the time has reached the limit of one core. */
const BUSY_SHARE = 0.9;
/** A message that is sent later than this after its scheduled time is late. */
export const LATE_MS = 2;

/** The side that limited the rate. */
export type Bottleneck = 'server' | 'generator' | 'both' | 'neither';

/** A measured rate below this share of the planned rate misses it. */
export const MET_SHARE = 0.95;

/** How well a run kept its planned rate. */
export interface PlannedRate {
  /** Measured rate divided by the planned rate. */
  readonly metShare: number;
  /** 99th percentile of the delay that the load generator caused; `undefined` if it was not measured. */
  readonly lateMs: number | undefined;
}

/**
 * Finds the side that limited the rate. Without a planned rate a busy generator counts as a limit. With a planned rate the
 * generator is always busy, because it polls the clock. Then it was the limit only if the rate was missed and messages were
 * sent late.
 */
export function bottleneckOf(
  { generator, server, elapsedMs }: Pick<LoadResult, 'generator' | 'server' | 'elapsedMs'>,
  planned: PlannedRate | undefined,
): Bottleneck {
  const serverIsBusy = server !== undefined && server.cpuMicros / 1_000 > BUSY_SHARE * elapsedMs;
  const isBusy = generator.busyShare > BUSY_SHARE;
  const generatorIsLimit =
    planned === undefined
      ? isBusy
      : planned.metShare < MET_SHARE && (planned.lateMs === undefined ? isBusy : planned.lateMs > LATE_MS);
  if (generatorIsLimit) return serverIsBusy ? 'both' : 'generator';
  return serverIsBusy ? 'server' : 'neither';
}

/** The figures of a run that are not in its tally. */
export interface RunFigures {
  readonly window: WindowFigures;
  /** CPU time and memory of the server before the run. */
  readonly before: ProcessUsage | undefined;
  readonly connections: number;
  readonly failures: ReadonlyMap<string, number>;
  readonly afterTraffic?: number | undefined;
  readonly timeline?: readonly TimelinePoint[] | undefined;
}

/** Builds the result of a run. */
export function resultOf(
  mode: LoadMode,
  tally: Tally,
  { window, before, connections, failures, afterTraffic, timeline }: RunFigures,
  interrupted: boolean,
): LoadResult {
  return {
    mode,
    connections,
    elapsedMs: window.elapsedMs,
    messages: tally.messages,
    latency: tally.latency.toData(),
    opening: tally.opening.toData(),
    lastRecipient: tally.lastRecipient.toData(),
    lateness: tally.lateness.toData(),
    failures: Object.fromEntries(failures),
    generator: { cpuMicros: window.ownMicros, busyShare: window.busyShare },
    server:
      window.server === undefined
        ? undefined
        : {
            cpuMicros: window.server.cpuMicros,
            rssBytes: {
              before: before?.rssBytes ?? window.server.rssBytes,
              open: window.server.rssBytes,
              afterTraffic,
            },
          },
    interrupted,
    ...(timeline === undefined ? {} : { timeline }),
  };
}
