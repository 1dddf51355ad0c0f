import type { LatencyHistogram } from '../../src/load/index.ts';

/** Latency of a period; `null` without a message. */
export interface Latency {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The state of a process of clients, and what happened since the previous sample. */
export interface ClientSample extends Latency {
  readonly open: number;
  /** Answers and deliveries. */
  readonly messages: number;
}

export function latencyFigures(latency: LatencyHistogram): Latency {
  const quantile = (share: number): number | null => (latency.count === 0 ? null : latency.quantileMs(share));
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
