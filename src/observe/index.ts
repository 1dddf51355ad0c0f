/**
 * `hawser/observe`: what a running server tells its operator. It has no dependency.
 *
 * @module
 */
export { type Metric, METRICS } from './metrics/metric-table.ts';
export type {
  ConnectionMessage,
  HandlerMessage,
  HandshakeMessage,
  PublishedMessage,
  ReceivedMessage,
  SentMessage,
} from './tracing/channels.ts';
export type { HandshakeRequest } from './tracing/traces.ts';
export { CHANNELS } from '../engine/channels.ts';
