import type { HistogramData } from './latency-histogram.ts';
import type { LoadMode } from './load-plan.ts';
import type { ProcessUsage } from './process-meter.ts';
import type { Tally } from './tally.ts';
import type { WindowFigures } from './window-meter.ts';

/** What a run came to, as plain data. */
export interface LoadResult {
  readonly mode: LoadMode;
  /** Connections that stood when it was measured; in `handshake`, those being opened at a time. */
  readonly connections: number;
  readonly elapsedMs: number;
  /** Answers of an echo, deliveries of a fan-out, connections opened in `handshake`. */
  readonly messages: number;
  readonly latency: HistogramData;
  readonly opening: HistogramData;
  /** Until the last recipient of a fan-out had everything. */
  readonly lastRecipient: HistogramData;
  /** How late the generator sent what was due, for no reason of the server's. */
  readonly lateness: HistogramData;
  /** Why connections were not opened, or lost, and how many. */
  readonly failures: Readonly<Record<string, number>>;
  readonly generator: {
    /** CPU time while it was measured; `undefined` where the system does not tell. */
    readonly cpuMicros: number | undefined;
    /** Share of the time in which its event loop had something to do. */
    readonly busyShare: number;
  };
  /** Of the process that was named. */
  readonly server: ServerFigures | undefined;
  /** The run was interrupted. */
  readonly interrupted: boolean;
}

export interface ServerFigures {
  /** CPU time while it was measured. */
  readonly cpuMicros: number;
  /** Before the first connection, when all stood, and, in `idle` with traffic, after it. */
  readonly rssBytes: {
    readonly before: number;
    readonly open: number;
    readonly afterTraffic: number | undefined;
  };
}

/** Above this share of the time a process is limited by one core. */
const BUSY_SHARE = 0.9;
/** Messages that leave later than this are late. */
export const LATE_MS = 2;

/** The side that limited the rate. */
export type Bottleneck = 'server' | 'generator' | 'both' | 'neither';

/** Below this share of the planned rate the rate was missed. */
export const MET_SHARE = 0.95;

/** A rate that was planned, and how it was kept. */
export interface PlannedRate {
  /** Measured messages a second, divided by the planned ones. */
  readonly metShare: number;
  /** How late 99 % of the messages left at most, for no reason of the server's; `undefined` where it is not measured. */
  readonly lateMs: number | undefined;
}

/**
 * Says which side limited the rate. If the server was not measured, a busy generator is taken for the limit. With a planned
 * rate the generator is busy by design, because it polls the clock: there it was the limit only if the rate was missed and
 * messages were sent late.
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

/** What was found beside the counts. */
export interface RunFigures {
  readonly window: WindowFigures;
  /** The server's process before the run. */
  readonly before: ProcessUsage | undefined;
  readonly connections: number;
  readonly failures: ReadonlyMap<string, number>;
  readonly afterTraffic?: number | undefined;
}

/** Puts together what a run came to. */
export function resultOf(
  mode: LoadMode,
  tally: Tally,
  { window, before, connections, failures, afterTraffic }: RunFigures,
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
  };
}
