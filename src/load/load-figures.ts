import { LatencyHistogram, type HistogramData } from './latency-histogram.ts';
import { printableUrl } from '../protocol/index.ts';
import type { LoadPlan } from './load-plan.ts';
import { type Bottleneck, bottleneckOf, type LoadResult } from './load-result.ts';

/** Figures of a histogram of durations, in ms. */
export interface DurationFigures {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The figures of a report, computed from a result. Every field is always present; `null` means not measured. */
export interface LoadFigures {
  readonly mode: LoadPlan['mode'];
  readonly url: string;
  readonly connections: number;
  readonly payload: LoadPlan['payload'];
  readonly compress: boolean;
  readonly pipeline: number;
  readonly publishes: number;
  readonly plannedRate: number | null;
  readonly elapsedMs: number;
  readonly messages: number;
  readonly ratePerSecond: number;
  /** Payload bytes of the answers per second, without frame headers. */
  readonly bytesPerSecond: number;
  readonly latencyMs: DurationFigures | null;
  readonly openingMs: DurationFigures | null;
  readonly lastRecipientMs: DurationFigures | null;
  readonly generator: {
    readonly busyShare: number;
    readonly cpuMicrosPerMessage: number | null;
    readonly lateMs: number | null;
  };
  readonly server: {
    readonly cpuShare: number;
    readonly cpuMicrosPerMessage: number | null;
    readonly rssBytes: number;
    readonly rssBytesPerConnection: number;
    readonly rssBytesPerConnectionAfterTraffic: number | null;
  } | null;
  readonly bottleneck: Bottleneck;
  readonly failures: Readonly<Record<string, number>>;
  readonly interrupted: boolean;
}

export function durationFigures(data: HistogramData): DurationFigures | null {
  const histogram = new LatencyHistogram();
  histogram.add(data);
  if (histogram.count === 0) return null;
  return {
    count: histogram.count,
    mean: histogram.meanMs,
    p50: histogram.quantileMs(0.5),
    p75: histogram.quantileMs(0.75),
    p90: histogram.quantileMs(0.9),
    p99: histogram.quantileMs(0.99),
    p999: histogram.quantileMs(0.999),
    max: histogram.maxMs,
  };
}

export function figuresOf(plan: LoadPlan, result: LoadResult): LoadFigures {
  const { messages, elapsedMs, generator, server, connections } = result;
  const seconds = elapsedMs / 1_000;
  const ratePerSecond = seconds > 0 ? messages / seconds : 0;
  const perMessage = (micros: number | undefined): number | null =>
    micros === undefined || messages === 0 ? null : micros / messages;
  const lateness = durationFigures(result.lateness);
  const planned =
    plan.ratePerSecond === undefined
      ? undefined
      : { metShare: ratePerSecond / plan.ratePerSecond, lateMs: lateness?.p99 };
  const perConnection = (bytes: number): number =>
    connections === 0 || server === undefined ? 0 : (bytes - server.rssBytes.before) / connections;
  return {
    mode: plan.mode,
    url: printableUrl(plan.target.url),
    connections,
    payload: plan.payload,
    compress: plan.compress,
    pipeline: plan.pipeline,
    publishes: plan.publishes,
    plannedRate: plan.ratePerSecond ?? null,
    elapsedMs,
    messages,
    ratePerSecond,
    bytesPerSecond: plan.mode === 'handshake' ? 0 : ratePerSecond * plan.payload.bytes,
    latencyMs: durationFigures(result.latency),
    openingMs: durationFigures(result.opening),
    lastRecipientMs: durationFigures(result.lastRecipient),
    generator: {
      busyShare: generator.busyShare,
      cpuMicrosPerMessage: perMessage(generator.cpuMicros),
      lateMs: lateness?.p99 ?? null,
    },
    server:
      server === undefined
        ? null
        : {
            cpuShare: elapsedMs > 0 ? server.cpuMicros / 1_000 / elapsedMs : 0,
            cpuMicrosPerMessage: perMessage(server.cpuMicros),
            rssBytes: server.rssBytes.open,
            rssBytesPerConnection: perConnection(server.rssBytes.open),
            rssBytesPerConnectionAfterTraffic:
              server.rssBytes.afterTraffic === undefined ? null : perConnection(server.rssBytes.afterTraffic),
          },
    bottleneck: bottleneckOf(result, planned),
    failures: result.failures,
    interrupted: result.interrupted,
  };
}
