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

/** Where a run took place. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  readonly node: string;
  readonly hawser: string;
}

/** The report as lines of text. */
export function reportLines(figures: LoadFigures, machine: Machine): string[] {
  const rows: (readonly [string, string])[] = [];
  if (figures.mode !== 'idle') rows.push(['rate', rateText(figures)]);
  if (figures.latencyMs !== null && figures.mode !== 'handshake')
    rows.push(['latency', durations(figures.latencyMs)]);
  if (figures.lastRecipientMs !== null) rows.push(['last one has it', durations(figures.lastRecipientMs)]);
  if (figures.openingMs !== null) rows.push(['opening', durations(figures.openingMs)]);
  rows.push(['generator', generatorText(figures)]);
  rows.push(...serverRows(figures));
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${figures.mode} on ${figures.url}: ${setting(figures)}`,
    '',
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
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
    echo: [`${whole(connections)} connections`, ...messages, `${pipeline} under way on each`],
    'fan-out': [`to ${whole(connections)} connections`, ...messages, `${publishes} at a time`],
    handshake: [`${whole(connections)} at a time`],
    idle: [`${whole(connections)} connections`],
  }[mode];
  if (plannedRate !== null) parts.push(`${whole(plannedRate)} a second planned`);
  return `${parts.join(', ')}; ${duration(elapsedMs)}`;
}

function rateText({ mode, ratePerSecond, bytesPerSecond, messages }: LoadFigures): string {
  if (mode === 'handshake') return `${whole(ratePerSecond)} connections a second (${whole(messages)} in all)`;
  const what = mode === 'fan-out' ? 'deliveries' : 'messages';
  return `${whole(ratePerSecond)} ${what} a second, ${size(bytesPerSecond)}/s (${whole(messages)} in all)`;
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
  const memory = `${resident}, ${size(rssBytesPerConnection)} a connection`;
  return [['memory', after === null ? memory : `${memory}, ${size(after)} after traffic`]];
}

const cpuText = (mode: LoadFigures['mode'], micros: number | null): string =>
  micros === null
    ? ''
    : `, ${significant(micros)} µs of CPU a ${mode === 'handshake' ? 'connection' : 'message'}`;

function remarks({
  mode,
  failures,
  bottleneck,
  plannedRate,
  interrupted,
  ratePerSecond,
  generator,
}: LoadFigures): string[] {
  const found = Object.entries(failures).map(
    ([why, times]) => `failed connections: ${whole(times)}, because: ${why}`,
  );
  if (interrupted) found.push('interrupted: this is what was measured until then');
  if (bottleneck === 'generator' || bottleneck === 'both') {
    found.push(
      bottleneck === 'both'
        ? 'warning: server and load generator were both at their limit; a faster generator might show more'
        : 'warning: the load generator was at its limit, so the rate is its own; trust the CPU time of the server, with --pid',
    );
  }
  if (plannedRate !== null && ratePerSecond < MET_SHARE * plannedRate && bottleneck !== 'generator') {
    found.push(
      'the server did not keep up with the planned rate; latency counts from when a message was due',
    );
  }
  if (
    plannedRate !== null &&
    (generator.lateMs ?? 0) > LATE_MS &&
    bottleneck !== 'generator' &&
    bottleneck !== 'both'
  ) {
    found.push(
      `1 % of the messages left ${duration(generator.lateMs!)} late or more, for no reason of the server's; latency includes that`,
    );
  }
  if (plannedRate === null && mode === 'echo') {
    found.push(
      'senders wait for answers, so a slow server is asked less; with --rate, latency counts from when a message is due',
    );
  }
  return found;
}
