/**
 * The load generator as a library, for `hawser bench` and the benchmark in `bench/`. Private to the package. It imports only
 * public entry points of Hawser, and measures every server in the same way.
 *
 * @module
 */
export { networkWords } from './failure-words.ts';
export { type LatencyBar, latencyBars } from './latency-bars.ts';
export { type HistogramData, LatencyHistogram } from './latency-histogram.ts';
export { type DurationFigures, type LoadFigures, figuresOf } from './load-figures.ts';
export {
  LOAD_MODES,
  LoadError,
  type LoadMode,
  type LoadPlan,
  type LoadTarget,
  type PayloadShape,
  type ProxyTarget,
} from './load-plan.ts';
export { LATE_MS, type LoadResult, MET_SHARE } from './load-result.ts';
export { LoadRun, type LoadSnapshot } from './load-run.ts';
export { processUsage } from './process-meter.ts';
export type { TimelinePoint } from './timeline.ts';
export { duration, percent, significant, size, whole } from './units.ts';
