import type { Attributes } from '@opentelemetry/api';
import type { MetricName } from '../observe/metrics/metric-table.ts';
import { ATTRIBUTE } from './attributes.ts';

/** How a metric of `METRICS` is named in OpenTelemetry. */
export interface InstrumentRow {
  readonly name: string;
  /** Of UCUM, as OpenTelemetry demands. */
  readonly unit: string;
  /**
   * A counter only grows; an up-down counter can be added up over servers; a gauge cannot. A histogram is recorded: once per
   * handshake, close or pong, or for the sampled messages.
   */
  readonly kind: 'counter' | 'upDownCounter' | 'gauge' | 'histogram';
  /** Attributes in the order of the labels. */
  readonly attributes?: readonly string[];
  /** Attributes that two metrics of one name differ in. */
  readonly constant?: Attributes;
}

type Kind = InstrumentRow['kind'];
type Extra = Pick<InstrumentRow, 'attributes' | 'constant'>;
const row = (kind: Kind, name: string, unit: string, extra: Extra = {}): InstrumentRow =>
  Object.freeze({ name: `hawser.${name}`, unit, kind, ...extra });
const counter = (name: string, unit: string, extra?: Extra): InstrumentRow =>
  row('counter', name, unit, extra);
const now = (name: string, unit: string, extra?: Extra): InstrumentRow =>
  row('upDownCounter', name, unit, extra);
const histogram = (name: string, unit: string): InstrumentRow => row('histogram', name, unit);

const RECEIVED = { [ATTRIBUTE.direction]: 'received' };
const SENT = { [ATTRIBUTE.direction]: 'sent' };

/**
 * Not in OpenTelemetry: other instrumentations report the process, as `nodejs.*`, `v8js.*` and `process.*`; the version is that of
 * the instrumentation scope.
 */
export type OmittedMetric =
  | 'build_info'
  | 'event_loop_delay_seconds'
  | 'event_loop_utilization_ratio'
  | 'cpu_seconds_total'
  | 'resident_memory_bytes'
  | 'heap_used_bytes'
  | 'heap_limit_bytes';

/** Every other metric, by its name without `hawser_`. */
export const INSTRUMENT_TABLE: Readonly<Record<Exclude<MetricName, OmittedMetric>, InstrumentRow>> =
  Object.freeze({
    connections: now('connections', '{connection}', { attributes: ['hawser.connection.state'] }),
    connections_limit: row('gauge', 'connection.limit', '{connection}'),
    connections_total: counter('connection.opened', '{connection}'),
    pending_handshakes: now('handshake.pending', '{handshake}'),
    handshakes_total: counter('handshakes', '{handshake}', {
      attributes: ['hawser.handshake.result', 'hawser.handshake.code'],
    }),
    refused_addresses: now('address.refused', '{address}'),
    handshake_seconds: histogram('handshake.duration', 's'),
    upgrade_hook_seconds: histogram('upgrade_hook.duration', 's'),
    connection_seconds: histogram('connection.duration', 's'),
    closes_total: counter('connection.closed', '{connection}', {
      attributes: [ATTRIBUTE.closeCode, ATTRIBUTE.closeCause],
    }),
    messages_received_total: counter('messages', '{message}', {
      attributes: [ATTRIBUTE.kind],
      constant: RECEIVED,
    }),
    messages_sent_total: counter('messages', '{message}', { attributes: [ATTRIBUTE.kind], constant: SENT }),
    message_bytes: histogram('message.size', 'By'),
    wire_bytes_total: counter('wire.io', 'By', { attributes: [ATTRIBUTE.direction] }),
    compression_bytes_total: counter('compression.io', 'By', {
      attributes: [ATTRIBUTE.direction, 'hawser.compression.stage'],
    }),
    buffered_bytes: now('buffer.usage', 'By'),
    memory_budget_bytes: row('gauge', 'buffer.limit', 'By'),
    slow_connections: now('connection.slow', '{connection}'),
    suspect_connections: now('connection.suspect', '{connection}'),
    dropped_messages_total: counter('message.dropped', '{message}', { attributes: ['hawser.drop.policy'] }),
    handler_seconds: histogram('handler.duration', 's'),
    handler_errors_total: counter('handler.errors', '{error}'),
    broadcasts_total: counter('broadcasts', '{broadcast}'),
    broadcast_recipients: histogram('broadcast.recipients', '{connection}'),
    broadcast_seconds: histogram('broadcast.duration', 's'),
    topics: now('topics', '{topic}'),
    subscriptions: now('subscriptions', '{subscription}'),
    rate_limited_total: counter('rate_limited', '{event}', { attributes: ['hawser.rate_limit.action'] }),
    delayed_handshakes_total: counter('handshake.delayed', '{handshake}', {
      attributes: ['hawser.priority'],
    }),
    shed_total: counter('connection.shed', '{connection}', { attributes: ['hawser.priority'] }),
    ping_rtt_seconds: histogram('ping.duration', 's'),
    ping_timeouts_total: counter('ping.timeouts', '{timeout}'),
    engine_errors_total: counter('engine.errors', '{error}'),
    recoveries_total: counter('recoveries', '{recovery}', { attributes: ['hawser.recovery.result'] }),
    load_level: row('gauge', 'load.level', '1'),
    load_pressure_ratio: row('gauge', 'load.pressure', '1', { attributes: ['hawser.load.signal'] }),
  });
