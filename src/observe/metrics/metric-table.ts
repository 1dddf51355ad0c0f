/** One metric of a server or of the process, as data. */
export interface Metric {
  /** Name in the text, such as `hawser_connections`. A histogram adds `_bucket`, `_sum` and `_count`. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Names of the labels, in order. Each label has a bounded set of values: never an id, address, path, topic or text of a peer. */
  readonly labels: readonly string[];
  /** The unit of the value; `''` for a number of things. */
  readonly unit: 'seconds' | 'bytes' | 'ratio' | '';
  /** One line, without a full stop. */
  readonly help: string;
  /** Upper bounds of the buckets of a histogram, ascending; the bucket without a bound follows. */
  readonly buckets?: readonly number[];
  /**
   * Where the value comes from: the counters of the server, which always count; its meter, which only counts with the option
   * `metrics`; or the process, once for all servers.
   */
  readonly from: 'server' | 'meter' | 'process';
}

type Extra = Partial<Pick<Metric, 'labels' | 'unit' | 'from'>>;

const metric = (
  name: string,
  kind: Metric['kind'],
  help: string,
  extra: Extra,
  buckets?: readonly number[],
) =>
  Object.freeze({
    name: `hawser_${name}`,
    kind,
    labels: Object.freeze(extra.labels ?? []),
    unit: extra.unit ?? '',
    help,
    ...(buckets === undefined ? {} : { buckets }),
    from: extra.from ?? 'server',
  });
const counter = (name: string, help: string, extra: Extra = {}): Metric =>
  metric(name, 'counter', help, extra);
const gauge = (name: string, help: string, extra: Extra = {}): Metric => metric(name, 'gauge', help, extra);
const histogram = (name: string, buckets: readonly number[], help: string, extra: Extra): Metric =>
  metric(name, 'histogram', help, extra, Object.freeze(buckets));

/** Of something that a client waits for, in seconds. */
const SHORT = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Of synchronous work, in seconds. */
const FINE = [0.000_05, 0.000_1, 0.000_25, 0.000_5, ...SHORT];
/** Of whole connections, in seconds: up to a day. */
const LONG = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];
/** Powers of two, so that a meter finds the bucket without a search. */
const SIZES = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];
const NUMBERS = [1, 10, 100, 1_000, 10_000, 100_000];

const SECONDS = { unit: 'seconds' } as const;

/** Every metric, by its name without the prefix. */
export const METRIC_TABLE = Object.freeze({
  build_info: gauge('build_info', 'Always 1; the labels say which versions run', {
    labels: ['version', 'node'],
  }),
  connections: gauge('connections', 'Connections now', { labels: ['state'] }),
  connections_limit: gauge('connections_limit', 'The option maxConnections'),
  connections_total: counter('connections_total', 'Connections that were opened'),
  pending_handshakes: gauge('pending_handshakes', 'Sockets between accept and the response, now'),
  handshakes_total: counter('handshakes_total', 'Handshakes by result and error code', {
    labels: ['result', 'code'],
  }),
  refused_addresses: gauge('refused_addresses', 'Addresses now that the option violationLimit refuses'),
  handshake_seconds: histogram(
    'handshake_seconds',
    SHORT,
    'Time from accept to the response 101, with TLS and the upgrade hook',
    SECONDS,
  ),
  upgrade_hook_seconds: histogram(
    'upgrade_hook_seconds',
    SHORT,
    'Time until the upgrade hook has decided',
    SECONDS,
  ),
  connection_seconds: histogram('connection_seconds', LONG, 'Duration of closed connections', SECONDS),
  closes_total: counter('closes_total', 'Closed connections by close code of the peer and cause', {
    labels: ['code', 'cause'],
  }),
  messages_received_total: counter(
    'messages_received_total',
    'Messages received; by kind with the option metrics',
    {
      labels: ['kind'],
    },
  ),
  messages_sent_total: counter(
    'messages_sent_total',
    'Messages sent, a broadcast once per recipient; by kind with the option metrics',
    { labels: ['kind'] },
  ),
  message_bytes: histogram('message_bytes', SIZES, 'Payload of a message, before compression', {
    labels: ['direction'],
    unit: 'bytes',
    from: 'meter',
  }),
  wire_bytes_total: counter(
    'wire_bytes_total',
    'Bytes on the wire above TLS, with frame headers, as compressed',
    {
      labels: ['direction'],
      unit: 'bytes',
    },
  ),
  compression_bytes_total: counter(
    'compression_bytes_total',
    'Payload bytes of compressed messages, raw and compressed; a broadcast counts once per recipient',
    { labels: ['direction', 'stage'], unit: 'bytes' },
  ),
  buffered_bytes: gauge(
    'buffered_bytes',
    'Bytes held now: pending output, unfinished and undelivered input',
    {
      unit: 'bytes',
    },
  ),
  memory_budget_bytes: gauge('memory_budget_bytes', 'Limit of the memory budget', { unit: 'bytes' }),
  slow_connections: gauge(
    'slow_connections',
    'Connections now whose buffered output exceeded highWaterMarkBytes and has not drained to half of it',
  ),
  suspect_connections: gauge('suspect_connections', 'Connections now whose last ping is overdue'),
  dropped_messages_total: counter('dropped_messages_total', 'Messages that were not delivered or not sent', {
    labels: ['policy'],
  }),
  handler_seconds: histogram(
    'handler_seconds',
    FINE,
    'Time in which the listeners handle a message, with the promises that they return; sampled',
    { unit: 'seconds', from: 'meter' },
  ),
  handler_errors_total: counter(
    'handler_errors_total',
    'Listeners, hooks and predicates that threw or rejected',
  ),
  broadcasts_total: counter('broadcasts_total', 'Broadcasts and publishes'),
  broadcast_recipients: histogram('broadcast_recipients', NUMBERS, 'Recipients of a broadcast or publish', {
    from: 'meter',
  }),
  broadcast_seconds: histogram(
    'broadcast_seconds',
    FINE,
    'Time in which a broadcast is queued for its recipients',
    {
      unit: 'seconds',
      from: 'meter',
    },
  ),
  topics: gauge('topics', 'Topics with subscribers now'),
  subscriptions: gauge('subscriptions', 'Subscriptions now'),
  rate_limited_total: counter(
    'rate_limited_total',
    'Times that a peer sent faster than the option rateLimit allows',
    {
      labels: ['action'],
    },
  ),
  delayed_handshakes_total: counter('delayed_handshakes_total', 'Handshakes delayed because of load', {
    labels: ['priority'],
  }),
  shed_total: counter('shed_total', 'Connections closed because the load stayed critical', {
    labels: ['priority'],
  }),
  ping_rtt_seconds: histogram('ping_rtt_seconds', SHORT, 'Time from a ping to its pong', SECONDS),
  ping_timeouts_total: counter('ping_timeouts_total', 'Connections closed because pongs were missing'),
  engine_errors_total: counter(
    'engine_errors_total',
    'Messages of the engine that were invalid, and calls of it that failed',
  ),
  recoveries_total: counter(
    'recoveries_total',
    'Subscriptions that resumed at a position, and followed topics that lost messages, by result',
    { labels: ['result'] },
  ),
  load_level: gauge(
    'load_level',
    'Level of load control: 0 normal, 1 elevated, 2 critical; only with the option loadControl',
  ),
  load_pressure_ratio: gauge(
    'load_pressure_ratio',
    'Signal of load control, divided by its critical threshold; only with the option loadControl',
    { labels: ['signal'], unit: 'ratio' },
  ),
  event_loop_delay_seconds: gauge(
    'event_loop_delay_seconds',
    'Delay of the event loop since the last reading',
    {
      labels: ['stat'],
      unit: 'seconds',
      from: 'process',
    },
  ),
  event_loop_utilization_ratio: gauge(
    'event_loop_utilization_ratio',
    'Share of the time since the last reading in which the event loop was busy, 0 to 1',
    { unit: 'ratio', from: 'process' },
  ),
  cpu_seconds_total: counter('cpu_seconds_total', 'CPU time of the process', {
    unit: 'seconds',
    from: 'process',
  }),
  resident_memory_bytes: gauge('resident_memory_bytes', 'Resident memory of the process', {
    unit: 'bytes',
    from: 'process',
  }),
  heap_used_bytes: gauge('heap_used_bytes', "Used part of V8's heap", { unit: 'bytes', from: 'process' }),
  heap_limit_bytes: gauge('heap_limit_bytes', "Limit of V8's heap", { unit: 'bytes', from: 'process' }),
});

/** The name of a metric without the prefix `hawser_`. */
export type MetricName = keyof typeof METRIC_TABLE;

/** The bounds of a histogram. */
export const bucketsOf = (name: MetricName): readonly number[] => METRIC_TABLE[name].buckets!;

/** Every metric, in the order of the text. Documentation, dashboards and tests can be compared with it. */
export const METRICS: readonly Metric[] = Object.freeze(Object.values(METRIC_TABLE));
