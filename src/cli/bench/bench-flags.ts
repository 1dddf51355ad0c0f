import { headersOf, protocolsOf, proxyOf, tlsOf, urlOf } from '../client-flags.ts';
import { UsageError } from '../command.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, textOf, wholeNumberOf } from '../flags.ts';
import { LOAD_MODES, type LoadMode, type LoadPlan, type LoadTarget } from '../../load/index.ts';
import type { Thresholds } from './thresholds.ts';

const MAX_MS = 2 ** 31 - 1;
const MAX_PAYLOAD_BYTES = 2 ** 28;
/** Maximum unanswered bytes of all connections together: they must fit into memory twice. */
const MAX_UNANSWERED_BYTES = 2 ** 32;

export const LOAD_FLAGS: readonly Flag[] = [
  {
    name: 'mode',
    short: 'm',
    value: `<${LOAD_MODES.join('|')}>`,
    says: 'what to measure: answers of an echo server, deliveries of a relay, connections per second, or memory of idle connections',
    default: 'echo',
  },
  {
    name: 'connections',
    short: 'c',
    value: '<n>',
    says: 'number of connections; with handshake, the number opened concurrently',
    default: '50',
  },
  { name: 'size', short: 's', value: '<bytes>', says: 'size of a message', default: '128' },
  { name: 'binary', says: 'send binary messages instead of text' },
  { name: 'multibyte', says: 'send text with characters of 1 to 4 bytes instead of ASCII' },
  {
    name: 'compress',
    says: 'send and request compressed messages (permessage-deflate without context takeover)',
  },
  {
    name: 'pipeline',
    value: '<n>',
    says: 'echo: unanswered messages per connection',
    default: '1',
  },
  {
    name: 'publishes',
    value: '<n>',
    says: 'fan-out: messages that the sender sends in one write',
    default: '1',
  },
  {
    name: 'rate',
    short: 'r',
    value: '<n>',
    says: 'total messages (or connections) per second, on a fixed schedule; latency counts from the scheduled time. Without --rate each answer starts the next message',
  },
  {
    name: 'traffic',
    value: '<n>',
    says: 'idle: messages that each connection exchanges before the second measurement',
    default: '0',
  },
  {
    name: 'keep',
    value: '<n>',
    says: 'handshake: connections to keep open; the oldest is aborted first; 0 aborts each as soon as it is open',
    default: '0',
  },
];
export const TIME_FLAGS: readonly Flag[] = [
  {
    name: 'duration',
    short: 'd',
    value: '<s>',
    says: 'duration of the measurement, in seconds',
    default: '10',
  },
  { name: 'duration-ms', value: '<ms>', says: 'the same, in milliseconds' },
  {
    name: 'warm-up-ms',
    value: '<ms>',
    says: 'duration of the load before the measurement begins',
    default: '1,000',
  },
  {
    name: 'ramp-ms',
    value: '<ms>',
    says: 'spread the opening of connections over this time; 0 opens them as fast as possible',
    default: '0',
  },
  {
    name: 'timeout-ms',
    value: '<ms>',
    says: 'time limit for opening a connection, and for each answer',
    default: '10,000',
  },
];
export const RESULT_FLAGS: readonly Flag[] = [
  {
    name: 'pid',
    value: '<n>',
    says: 'process id of the server on this machine; reports its CPU time and memory',
  },
  { name: 'max-p99-ms', value: '<ms>', says: 'exit 3 if the p99 latency is higher' },
  {
    name: 'min-rate',
    value: '<n>',
    says: 'exit 3 if the rate of messages (or connections) per second is lower',
  },
  {
    name: 'html',
    value: '<file>',
    says: 'write a report as a web page: throughput and latency over time, percentiles, thresholds, conditions',
  },
  { name: 'yes', short: 'y', says: 'do not ask before putting load on another machine' },
  { name: 'json', says: 'print the report as a line of JSON' },
  ...COMMON_FLAGS,
];

/**
 * Reads the plan of the run from the flags.
 * @throws UsageError for invalid values; CommandError for a file that cannot be read.
 */
export function planOf(url: string, flags: FlagValues): LoadPlan {
  const mode = modeOf(flags);
  const binary = flags.has('binary');
  const multibyte = flags.has('multibyte');
  if (binary && multibyte)
    throw new UsageError('--binary and --multibyte exclude each other: give one of them');
  if (flags.has('duration') && flags.has('duration-ms'))
    throw new UsageError('--duration and --duration-ms exclude each other: give one of them');
  const seconds = wholeNumberOf(flags, 'duration', 10, 1, Math.floor(MAX_MS / 1_000));
  const connections = wholeNumberOf(flags, 'connections', 50, 1, 1_000_000);
  const bytes = wholeNumberOf(flags, 'size', 128, 0, MAX_PAYLOAD_BYTES);
  const pipeline = wholeNumberOf(flags, 'pipeline', 1, 1, 65_536);
  const publishes = wholeNumberOf(flags, 'publishes', 1, 1, 65_536);
  const unanswered = mode === 'fan-out' ? publishes : pipeline;
  if (mode !== 'idle' && mode !== 'handshake' && connections * unanswered * bytes > MAX_UNANSWERED_BYTES) {
    throw new UsageError(
      `--connections, --size and --${mode === 'fan-out' ? 'publishes' : 'pipeline'} together allow more than 4 GiB of unanswered messages: lower one of them`,
    );
  }
  refuseForeign(flags, mode);
  return {
    mode,
    target: targetOf(urlOf(url), flags),
    connections,
    payload: { bytes, binary, multibyte },
    compress: flags.has('compress'),
    pipeline: mode === 'echo' ? pipeline : 1,
    publishes: mode === 'fan-out' ? publishes : 1,
    ratePerSecond: flags.has('rate') ? wholeNumberOf(flags, 'rate', 1, 1, 100_000_000) : undefined,
    rampMs: wholeNumberOf(flags, 'ramp-ms', 0, 0, MAX_MS),
    warmUpMs: wholeNumberOf(flags, 'warm-up-ms', 1_000, 0, MAX_MS),
    durationMs: wholeNumberOf(flags, 'duration-ms', seconds * 1_000, 1, MAX_MS),
    timeoutMs: wholeNumberOf(flags, 'timeout-ms', 10_000, 1, MAX_MS),
    traffic: wholeNumberOf(flags, 'traffic', 0, 0, 1_000_000),
    keep: wholeNumberOf(flags, 'keep', 0, 0, 1_000_000),
    serverPid: flags.has('pid') ? wholeNumberOf(flags, 'pid', 1, 1, 2 ** 31 - 1) : undefined,
    // A closing handshake leaves a local port in TIME_WAIT for a minute: a long run would use up all ports.
    leave: mode === 'handshake' ? 'reset' : 'close',
    verbatim: false,
  };
}

/** @throws UsageError for invalid values. */
export function thresholdsOf(flags: FlagValues): Thresholds {
  const given = (name: string): number | undefined =>
    flags.has(name) ? wholeNumberOf(flags, name, 1, 1, 1_000_000_000) : undefined;
  return { maxP99Ms: given('max-p99-ms'), minRatePerSecond: given('min-rate') };
}

function modeOf(flags: FlagValues): LoadMode {
  const text = textOf(flags, 'mode') ?? 'echo';
  const mode = LOAD_MODES.find((one) => one === text);
  if (mode === undefined)
    throw new UsageError(
      `--mode is '${text}'; it must be ${LOAD_MODES.slice(0, -1).join(', ')} or ${LOAD_MODES.at(-1)}`,
    );
  return mode;
}

/** Flags that only some modes use. The other modes refuse them instead of ignoring them. */
const ONLY_FOR: Readonly<Record<string, readonly LoadMode[]>> = {
  pipeline: ['echo'],
  publishes: ['fan-out'],
  rate: ['echo', 'fan-out', 'handshake'],
  traffic: ['idle'],
  keep: ['handshake'],
  'ramp-ms': ['echo', 'fan-out', 'idle'],
  'warm-up-ms': ['echo', 'fan-out', 'handshake'],
  'max-p99-ms': ['echo', 'fan-out', 'handshake'],
  'min-rate': ['echo', 'fan-out', 'handshake'],
};

function refuseForeign(flags: FlagValues, mode: LoadMode): void {
  for (const [name, modes] of Object.entries(ONLY_FOR)) {
    if (flags.has(name) && !modes.includes(mode)) {
      throw new UsageError(`--${name} has no effect with --mode ${mode}, only with ${modes.join(', ')}`);
    }
  }
  if (mode === 'idle' && !flags.has('pid')) {
    throw new UsageError(
      '--mode idle measures the memory of a process on this machine: give its id with --pid',
    );
  }
}

function targetOf(url: string, flags: FlagValues): LoadTarget {
  const { proxy, proxyTls } = proxyOf(flags);
  if (proxy !== undefined && url.startsWith('ws+unix:')) {
    throw new UsageError('--proxy cannot be used with a ws+unix: URL: no proxy reaches a Unix socket');
  }
  const origin = textOf(flags, 'origin');
  return {
    url,
    headers: [...headersOf(flags), ...(origin === undefined ? [] : [['Origin', origin] as const])],
    protocols: protocolsOf(flags),
    tls: tlsOf(flags),
    ...(proxy === undefined ? {} : { proxy: { url: proxy, tls: proxyTls } }),
  };
}
