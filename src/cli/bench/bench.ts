import { cpus, platform, arch } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { DEFAULT_CONNECT_OPTIONS } from '../../client/index.ts';
import { printable, readDestination } from '../../protocol/index.ts';
import { PEER_FLAGS, PROXY_FLAG, warnIfInsecure } from '../client-flags.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from '../command.ts';
import { checkWritable, writeText } from '../files.ts';
import { parseFlags, textOf } from '../flags.ts';
import { helpText } from '../help.ts';
import { jsonLine } from '../json.ts';
import { histogramLines } from './histogram-lines.ts';
import { htmlReport } from './html-report.ts';
import { LOAD_FLAGS, planOf, RESULT_FLAGS, thresholdsOf, TIME_FLAGS } from './bench-flags.ts';
import {
  figuresOf,
  LoadError,
  type LoadFigures,
  type LoadPlan,
  type LoadResult,
  LoadRun,
} from '../../load/index.ts';
import { type Machine, reportLines } from './load-report.ts';
import { Progress } from './progress.ts';
import { missed } from './thresholds.ts';

/** Intervals of the charts over time. */
const INTERVALS = 100;

const FLAGS = [...LOAD_FLAGS, ...TIME_FLAGS, ...PEER_FLAGS, PROXY_FLAG, ...RESULT_FLAGS];

const help = (): string =>
  helpText(
    'hawser bench <url> [flags]',
    [
      'Puts load on a WebSocket server and measures messages per second, latency up to p99.9, connections',
      'per second, CPU time and memory. Checks every answer. The first SIGINT ends the run and prints the',
      'result so far; a second one ends the process at once.',
    ],
    [
      { title: 'Load', flags: LOAD_FLAGS },
      { title: 'Time', flags: TIME_FLAGS },
      { title: 'Connections', flags: [...PEER_FLAGS, PROXY_FLAG] },
      { title: 'Result', flags: RESULT_FLAGS },
    ],
    [
      { command: 'hawser bench localhost:8080', says: 'an echo server, 50 connections, 10 s' },
      {
        command: 'hawser bench localhost:8080 -c 1000 -s 1024 --pipeline 16 --pid 4711',
        says: 'a larger load, with CPU time and memory of the server',
      },
      {
        command: 'hawser bench localhost:8080 --rate 5000 --max-p99-ms 10',
        says: 'check that p99 is below 10 ms at 5,000 messages per second',
      },
      {
        command: 'hawser bench localhost:8080 -d 60 --html report.html',
        says: 'with a report to look at and to pass on',
      },
      {
        command: 'hawser bench localhost:8080 -m fan-out -c 5000 --publishes 8',
        says: 'a relay: one client sends, 5,000 receive',
      },
      {
        command: 'hawser bench wss://localhost:8443 -m handshake --ca ca.pem',
        says: 'TLS handshakes per second',
      },
      {
        command: 'hawser bench localhost:8080 -m idle -c 10000 --pid 4711',
        says: 'memory of 10,000 idle connections',
      },
    ],
  );

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, 1);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const [url] = positionals;
  if (url === undefined) throw new UsageError('the URL of the server is missing: hawser bench <url>');
  const plan = planOf(url, flags);
  const thresholds = thresholdsOf(flags);
  warnIfInsecure(flags, io);
  const htmlFile = textOf(flags, 'html');
  if (htmlFile !== undefined) checkWritable('--html', htmlFile);
  const load = loadRun(plan, io, htmlFile === undefined ? undefined : plan.durationMs / INTERVALS);
  if (!isLocal(plan.target.url) && !flags.has('yes') && !(await confirmed(plan.target.url, io)))
    return EXIT.FAILED;
  const result = await measured(load, io);
  const figures = figuresOf(plan, result);
  const machine = machineOf(io);
  const time = new Date().toISOString();
  if (flags.has('json')) io.out(jsonLine({ event: 'report', time, ...figures, machine }));
  else {
    const histogram = histogramLines(result.latency, io.hasUnicode);
    for (const line of reportLines(figures, machine, histogram)) io.out(printable(line));
  }
  if (htmlFile !== undefined) {
    const { latency, timeline = [] } = result;
    const { warmUpMs, rampMs } = plan;
    const report = { figures, latency, timeline, thresholds, machine, time, warmUpMs, rampMs };
    writeText('--html', htmlFile, htmlReport(report));
  }
  return exitOf(figures, missed(figures, thresholds), io);
}

/** Runs the load. @throws CommandError for a server that cannot be reached: that is an error, not a result. */
async function measured(load: LoadRun, io: CommandIo): Promise<LoadResult> {
  const progress = new Progress(io, DEFAULT_CONNECT_OPTIONS.clock, () => load.snapshot());
  try {
    return await load.run();
  } catch (error) {
    if (error instanceof LoadError) throw new CommandError(printable(error.message), { cause: error });
    throw error;
  } finally {
    progress.end();
  }
}

function loadRun(plan: LoadPlan, { interrupted }: CommandIo, timelineMs: number | undefined): LoadRun {
  try {
    return new LoadRun(plan, { signal: interrupted, timelineMs });
  } catch (error) {
    if (error instanceof LoadError) throw new UsageError(printable(error.message), { cause: error });
    throw error;
  }
}

function exitOf(figures: LoadFigures, missing: readonly string[], io: CommandIo): number {
  for (const sentence of missing) io.err(`hawser: ${sentence}`);
  if (figures.interrupted) return EXIT.INTERRUPTED;
  if (missing.length > 0) return EXIT.CHECK_FAILED;
  return Object.keys(figures.failures).length > 0 ? EXIT.FAILED : EXIT.DONE;
}

function isLocal(url: string): boolean {
  const { address } = readDestination(url);
  return 'path' in address || /^(?:localhost|::1|127\.[\d.]+)$/.test(address.host);
}

/** Asks the user at the terminal. @throws UsageError if there is no terminal. */
async function confirmed(url: string, io: CommandIo): Promise<boolean> {
  const { hostname } = new URL(url);
  const { terminal } = io;
  if (terminal === undefined) {
    throw new UsageError(`${hostname} is not this machine: add --yes if its owner agrees to the load`);
  }
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  try {
    const question = `${hostname} is not this machine. Does its owner agree to the load? [y/N] `;
    return /^y(?:es)?$/i.test((await lines.question(question, { signal: io.interrupted })).trim());
  } catch (error) {
    if (io.interrupted.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}

function machineOf({ versions }: CommandIo): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown CPU',
    cores: cpus().length,
    platform: `${platform()} ${arch()}`,
    ...versions,
  };
}

export const bench: Command = Object.freeze({
  name: 'bench',
  summary: 'put load on a server and measure it',
  help,
  run,
});
