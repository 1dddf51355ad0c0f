import { NODE_VERSION, VERSION } from '../version.ts';
import { LOAD_LEVELS } from '../load-control/level.ts';
import type { HistogramCounts } from './histogram.ts';
import type { MetricName } from './metric-table.ts';
import type { ProcessReading, ServerReading } from './reading.ts';

/** A value with its labels, in the order of the table. */
export type Sample = readonly [labels: readonly string[], value: number | HistogramCounts];

type ProcessMetric =
  | 'event_loop_delay_seconds'
  | 'event_loop_utilization_ratio'
  | 'cpu_seconds_total'
  | 'resident_memory_bytes'
  | 'heap_used_bytes'
  | 'heap_limit_bytes';
type ServerMetric = Exclude<MetricName, ProcessMetric>;

const NO_LABELS: readonly string[] = Object.freeze([]);
const NO_SAMPLES: readonly Sample[] = Object.freeze([]);

const one = (value: number | HistogramCounts): readonly Sample[] => [[NO_LABELS, value]];
const by = (values: Readonly<Record<string, number | HistogramCounts>>): readonly Sample[] =>
  Object.entries(values).map(([label, value]) => [[label], value]);
/** Of the meter: nothing without one. */
const metered = (value: HistogramCounts | undefined): readonly Sample[] =>
  value === undefined ? NO_SAMPLES : one(value);

/** How each metric of a server is read. */
const SERVER_SAMPLES: Readonly<Record<ServerMetric, (from: ServerReading) => readonly Sample[]>> = {
  build_info: () => [[[VERSION, NODE_VERSION], 1]],
  connections: ({ stats: { connections } }) => by({ open: connections.open, closing: connections.closing }),
  connections_limit: ({ maxConnections }) => one(maxConnections),
  connections_total: ({ stats }) => one(stats.connections.opened),
  pending_handshakes: ({ stats }) => one(stats.handshakes.pending),
  handshakes_total: ({ counts }) => [
    ...counts.acceptances.map(([[status = ''], value]): Sample => [['accepted', status], value]),
    ...counts.refusals.map(([[code = ''], value]): Sample => [['refused', code], value]),
  ],
  refused_addresses: ({ stats }) => one(stats.refusedAddresses.now),
  handshake_seconds: ({ counts }) => one(counts.handshakeSeconds),
  upgrade_hook_seconds: ({ counts }) => one(counts.upgradeHookSeconds),
  connection_seconds: ({ counts }) => one(counts.connectionSeconds),
  closes_total: ({ counts }) => counts.closes,
  messages_received_total: ({ stats, meter }) =>
    meter === undefined ? one(stats.messages.received) : by(meter.byKind.received),
  messages_sent_total: ({ stats, meter }) =>
    meter === undefined ? one(stats.messages.sent) : by(meter.byKind.sent),
  message_bytes: ({ meter }) => (meter === undefined ? NO_SAMPLES : by({ ...meter.bytes })),
  wire_bytes_total: ({ stats: { bytes } }) => by({ received: bytes.received, sent: bytes.sent }),
  compression_bytes_total: ({ compression }) => [
    [['received', 'compressed'], compression.receivedCompressed],
    [['received', 'raw'], compression.receivedRaw],
    [['sent', 'compressed'], compression.sentCompressed],
    [['sent', 'raw'], compression.sentRaw],
  ],
  buffered_bytes: ({ stats }) => one(stats.bytes.buffered),
  memory_budget_bytes: ({ memoryBudgetBytes }) => one(memoryBudgetBytes),
  slow_connections: ({ stats }) => one(stats.slowConnections),
  suspect_connections: ({ stats }) => one(stats.heartbeat.suspects),
  dropped_messages_total: ({ counts }) => counts.dropped,
  handler_seconds: ({ meter }) => metered(meter?.handlerSeconds),
  handler_errors_total: ({ stats }) => one(stats.errorsByCode.ERR_HANDLER ?? 0),
  broadcasts_total: ({ stats }) => one(stats.broadcasts.count),
  broadcast_recipients: ({ meter }) => metered(meter?.broadcastRecipients),
  broadcast_seconds: ({ meter }) => metered(meter?.broadcastSeconds),
  topics: ({ stats }) => one(stats.topics.count),
  subscriptions: ({ stats }) => one(stats.topics.subscriptions),
  rate_limited_total: ({ counts }) => counts.rateLimited,
  delayed_handshakes_total: ({ counts }) => counts.delayedHandshakes,
  shed_total: ({ counts }) => counts.shed,
  ping_rtt_seconds: ({ counts }) => one(counts.pingRttSeconds),
  ping_timeouts_total: ({ stats }) => one(stats.heartbeat.timeouts),
  engine_errors_total: ({ counts }) => one(counts.engineErrors),
  recoveries_total: ({ counts }) => counts.recoveries,
  load_level: ({ stats: { load } }) =>
    load === undefined ? NO_SAMPLES : one(LOAD_LEVELS.indexOf(load.level)),
  load_pressure_ratio: ({ stats: { load } }) => (load === undefined ? NO_SAMPLES : by(load.pressure)),
};

/** How each metric of the process is read. */
const PROCESS_SAMPLES: Readonly<Record<ProcessMetric, (from: ProcessReading) => readonly Sample[]>> = {
  event_loop_delay_seconds: ({ loopDelay }) => (loopDelay === undefined ? NO_SAMPLES : by(loopDelay)),
  event_loop_utilization_ratio: ({ loopUtilization }) => one(loopUtilization),
  cpu_seconds_total: ({ cpuSeconds }) => one(cpuSeconds),
  resident_memory_bytes: ({ residentBytes }) => one(residentBytes),
  heap_used_bytes: ({ heapUsedBytes }) => one(heapUsedBytes),
  heap_limit_bytes: ({ heapLimitBytes }) => one(heapLimitBytes),
};

const isProcessMetric = (name: MetricName): name is ProcessMetric => Object.hasOwn(PROCESS_SAMPLES, name);

/** The samples of one metric of a server; none for a metric of the process, or of a meter that the server has not. */
export const samplesOfServer = (name: MetricName, from: ServerReading): readonly Sample[] =>
  isProcessMetric(name) ? NO_SAMPLES : SERVER_SAMPLES[name](from);

/** The samples of one metric of the process; none for a metric of a server. */
export const samplesOfProcess = (name: MetricName, from: ProcessReading): readonly Sample[] =>
  isProcessMetric(name) ? PROCESS_SAMPLES[name](from) : NO_SAMPLES;
