import {
  duration,
  type DurationFigures,
  LATE_MS,
  type LoadFigures,
  MET_SHARE,
  percent,
  significant,
  size,
  whole,
} from '../../load/index.ts';

/** The machine that ran the load generator. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly node: string;
  readonly hawser: string;
}

/** The report as lines of text. @param histogram Lines of the latency histogram. */
export function reportLines(
  figures: LoadFigures,
  machine: Machine,
  histogram: readonly string[] = [],
): string[] {
  const rows: (readonly [string, string])[] = [];
  if (figures.mode !== 'idle') rows.push(['rate', rateText(figures)]);
  if (figures.latencyMs !== null && figures.mode !== 'handshake')
    rows.push(['latency', durations(figures.latencyMs)]);
  if (figures.lastRecipientMs !== null) rows.push(['last recipient', durations(figures.lastRecipientMs)]);
  if (figures.openingMs !== null) rows.push(['opening', durations(figures.openingMs)]);
  rows.push(['generator', generatorText(figures)]);
  rows.push(...serverRows(figures));
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${figures.mode} on ${figures.url}: ${setting(figures)}`,
    '',
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    ...(histogram.length === 0 ? [] : ['', ...histogram.map((line) => `  ${line}`)]),
    ...remarks(figures).flatMap((remark) => ['', `  ${remark}`]),
    '',
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}; Node ${machine.node}, Hawser ${machine.hawser}`,
  ];
}

function setting({
  mode,
  connections,
  payload,
  compress,
  pipeline,
  publishes,
  plannedRate,
  elapsedMs,
}: LoadFigures): string {
  const kind = payload.binary ? 'binary' : payload.multibyte ? 'multi-byte text' : 'text';
  const messages = [`messages of ${size(payload.bytes)} ${kind}${compress ? ', compressed' : ''}`];
  const parts = {
    echo: [`${whole(connections)} connections`, ...messages, `${pipeline} in flight on each`],
    'fan-out': [`to ${whole(connections)} connections`, ...messages, `${publishes} at a time`],
    handshake: [`${whole(connections)} at a time`],
    idle: [`${whole(connections)} connections`],
  }[mode];
  if (plannedRate !== null) parts.push(`planned rate ${whole(plannedRate)} per second`);
  return `${parts.join(', ')}; ${duration(elapsedMs)}`;
}

function rateText({ mode, ratePerSecond, bytesPerSecond, messages }: LoadFigures): string {
  if (mode === 'handshake')
    return `${whole(ratePerSecond)} connections per second (${whole(messages)} in total)`;
  const what = mode === 'fan-out' ? 'deliveries' : 'messages';
  return `${whole(ratePerSecond)} ${what} per second, ${size(bytesPerSecond)}/s (${whole(messages)} in total)`;
}

const durations = ({ p50, p75, p90, p99, p999, max }: DurationFigures): string =>
  [
    ['p50', p50],
    ['p75', p75],
    ['p90', p90],
    ['p99', p99],
    ['p99.9', p999],
    ['max', max],
  ]
    .map(([name, ms]) => `${name} ${duration(Number(ms))}`)
    .join('   ');

function generatorText({ mode, generator: { busyShare, cpuMicrosPerMessage } }: LoadFigures): string {
  return `busy ${percent(busyShare)} of the time${cpuText(mode, cpuMicrosPerMessage)}`;
}

function serverRows({ server, mode }: LoadFigures): (readonly [string, string])[] {
  if (server === null) return [];
  const { cpuShare, cpuMicrosPerMessage, rssBytes, rssBytesPerConnection } = server;
  const resident = `${size(rssBytes)} resident`;
  if (mode !== 'idle') {
    return [['server', `${percent(cpuShare)} of a core${cpuText(mode, cpuMicrosPerMessage)}, ${resident}`]];
  }
  const after = server.rssBytesPerConnectionAfterTraffic;
  const memory = `${resident}, ${size(rssBytesPerConnection)} per connection`;
  return [['memory', after === null ? memory : `${memory}, ${size(after)} after traffic`]];
}

const cpuText = (mode: LoadFigures['mode'], micros: number | null): string =>
  micros === null
    ? ''
    : `, ${significant(micros)} µs of CPU per ${mode === 'handshake' ? 'connection' : 'message'}`;

/** Sentences about what limits the figures. */
export function remarks({
  mode,
  failures,
  bottleneck,
  plannedRate,
  interrupted,
  ratePerSecond,
  generator,
}: LoadFigures): string[] {
  const found = Object.entries(failures).map(
    ([why, times]) => `${whole(times)} ${times === 1 ? 'connection' : 'connections'} failed: ${why}`,
  );
  if (interrupted) found.push('interrupted: the figures end at the interrupt');
  if (bottleneck === 'generator' || bottleneck === 'both') {
    found.push(
      bottleneck === 'both'
        ? 'warning: the server and the load generator both reached their limit; a faster generator might measure a higher rate'
        : 'warning: the load generator reached its limit, so the rate says nothing about the limit of the server; --pid shows the CPU time of the server',
    );
  }
  if (plannedRate !== null && ratePerSecond < MET_SHARE * plannedRate && bottleneck !== 'generator') {
    found.push(
      'the server did not keep up with the planned rate; latency counts from the scheduled time of each message',
    );
  }
  if (
    plannedRate !== null &&
    (generator.lateMs ?? 0) > LATE_MS &&
    bottleneck !== 'generator' &&
    bottleneck !== 'both'
  ) {
    found.push(
      `the load generator sent 1 % of the messages ${duration(generator.lateMs!)} late or more; latency includes this delay`,
    );
  }
  if (plannedRate === null && mode === 'echo') {
    found.push(
      'each answer starts the next message, so a slow server gets less load; with --rate, messages follow a schedule and latency counts from the scheduled time',
    );
  }
  return found;
}
