/**
 * `hawser/observe`: what a running server tells its operator. It has no dependency.
 *
 * @example
 * app.get('/metrics', (request, response) => {
 *   response.type(METRICS_TYPE).send(metricsText(server));
 * });
 *
 * @module
 */
export {
  ADMIN_PROTOCOL,
  ADMIN_SORTS,
  type AdminCluster,
  type AdminConnection,
  type AdminEvent,
  type AdminEventKind,
  type AdminGauge,
  type AdminGauges,
  type AdminLatency,
  type AdminNode,
  type AdminNodeLoad,
  type AdminPercentiles,
  type AdminServer,
  type AdminSnapshot,
  type AdminSort,
  type AdminTable,
  type AdminTopic,
  type AdminTotals,
  type AdminView,
  type AdminWorker,
} from './admin/snapshot.ts';
export {
  type Aggregator,
  type CollectedMetric,
  type CollectedValue,
  collectors,
  type MetricCollector,
} from './metrics/collectors.ts';
export type { HistogramCounts } from './metrics/histogram.ts';
export { type Metric, METRICS } from './metrics/metric-table.ts';
export { type MeteredServer, metricsText, type MetricsTextOptions } from './metrics/metrics-text.ts';
export type { MeterCounts } from './metrics/meter.ts';
export { METRICS_TYPE } from './metrics/text.ts';
export type {
  ConnectionMessage,
  HandlerMessage,
  HandshakeMessage,
  PublishedMessage,
  ReceivedMessage,
  SentMessage,
  ShedMessage,
} from './tracing/channels.ts';
export type { HandshakeRequest } from './tracing/traces.ts';
export { CHANNELS } from '../engine/channels.ts';
export { capture, type Capture, type CaptureEnd, type CaptureResult } from './capture/capture.ts';
export type { CaptureOptions } from './capture/capture-options.ts';
export type { CaptureFunction } from './capture/capture-sink.ts';
export type { CaptureRecord } from './capture/recorder.ts';
export { inspect } from './inspect/inspect.ts';
export type { InspectOptions } from './inspect/inspect-options.ts';
export type {
  InspectedConnection,
  InspectedField,
  InspectedFormat,
  InspectedFrame,
  InspectedMessage,
  Inspection,
  Violation,
} from './inspect/model.ts';
export { trail, type Trail, type TrailOptions } from './trail/trail.ts';
export type { TrailEntry, TrailEvent } from './trail/trail-entry.ts';
export {
  compareMemoryReports,
  type ConnectionMemory,
  type MemoryChange,
  type MemoryComparison,
  type MemoryParts,
  type MemoryReport,
} from './memory-report.ts';
