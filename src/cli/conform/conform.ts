import { WaitError } from '../../testing/index.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from '../command.ts';
import { jsonLine } from '../json.ts';
import { printableUrl } from '../../protocol/index.ts';
import { probeServer, runAgainstServer } from '../../conform/against-server.ts';
import type { Case, Run } from '../../conform/case.ts';
import { ClientPeer } from '../../conform/client-peer.ts';
import type { Role, Target } from '../../conform/model.ts';
import { type ConformOptions, conformHelp, conformOptions } from './options.ts';
import { jsonOutput, type Output, printList, textOutput } from './output.ts';
import { writeReport } from './report-file.ts';
import type { RequestSpec } from '../../conform/request.ts';
import { type CaseResult, counted, type Report, skipped } from '../../conform/result.ts';
import { type AnyRun, runSuite, stopwatch } from '../../conform/suite.ts';
import { isLocal, open } from '../../conform/target.ts';
import type { RunContext, RunResult } from '../../conform/judge-run.ts';

/** Why attacks are left out. */
const NEEDS_YES = 'attacks on a host that is not this machine need --yes';

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const options = conformOptions(args, io);
  if (options.help) {
    io.out(conformHelp());
    return EXIT.DONE;
  }
  const tested: Role = options.listen === undefined ? 'server' : 'client';
  // Only now: they make megabytes of messages, and every other command would wait for them.
  const { casesFor, selected } = await import('../../conform/cases/all.ts');
  const { cases, unknown } = selected(casesFor(tested), options.only);
  if (unknown.length > 0)
    throw new UsageError(`--only names no case: '${unknown.join("', '")}'; --list prints them`);
  if (options.list) {
    printList(cases, options.json, io);
    return EXIT.DONE;
  }
  const output = options.json ? jsonOutput(io) : textOutput(io);
  const report =
    options.target === undefined
      ? await testClient(options, cases, output, io)
      : await testServer(options, options.target, cases, output, io);
  if (report === undefined) return EXIT.INTERRUPTED;
  for (const file of options.reports) writeReport(file, report);
  output.end(report, options.reports);
  if (io.interrupted.aborted) return EXIT.INTERRUPTED;
  const { fail, 'non-strict': nonStrict } = report.counts;
  return fail > 0 || (options.strict && nonStrict > 0) ? EXIT.CHECK_FAILED : EXIT.DONE;
}

async function testServer(
  options: ConformOptions,
  target: Target,
  cases: readonly Case[],
  output: Output,
  io: CommandIo,
): Promise<Report> {
  const startedAt = new Date().toISOString();
  const sinceMs = stopwatch();
  const shown = printableUrl(target.url.href);
  const { echoes, remarks } = await reached(probeServer(target), shown);
  const mayAttack = options.yes || isLocal(target.url);
  const head = {
    tool: `hawser conform ${io.versions.hawser}, Node ${io.versions.node}`,
    tested: 'server',
    target: shown,
    startedAt,
    echoes,
    remarks,
  } as const;
  output.begin(head, cases.length);
  const context: RunContext = { echoes, tested: 'server', timeoutMs: options.timeoutMs };
  const results = await runSuite(cases, {
    concurrency: options.concurrency,
    signal: io.interrupted,
    run: (one, each): Promise<RunResult> =>
      one.id.startsWith('attack.') && !mayAttack
        ? Promise.resolve(skipped(each.label ?? '', NEEDS_YES))
        : runAgainstServer(one, each as Run | RequestSpec, target, context),
    onCase: (result, progress) => output.caseDone(result, progress),
  });
  const { raw } = await reached(open(target), `${shown} after the last case`);
  raw[Symbol.dispose]();
  return reportOf(head, results, sinceMs());
}

async function testClient(
  options: ConformOptions,
  cases: readonly Case[],
  output: Output,
  io: CommandIo,
): Promise<Report | undefined> {
  const { host, port } = options.listen!;
  await using peer = await listening(ClientPeer.listen(host, port, options.timeoutMs, io.interrupted));
  if (options.json) io.out(jsonLine({ event: 'listening', url: peer.url }));
  else {
    io.err(`Waiting for a client on ${peer.url}`);
    io.err(
      'It is to send back every message, and to connect again until a Close with code 4321 says that all is done.',
    );
  }
  const probed = await peer.probe();
  if (probed === undefined) return undefined;
  const { echoes, remarks, name } = probed;
  const startedAt = new Date().toISOString();
  const sinceMs = stopwatch();
  const head = {
    tool: `hawser conform ${io.versions.hawser}, Node ${io.versions.node}`,
    tested: 'client',
    target: name,
    startedAt,
    echoes,
    remarks,
  } as const;
  output.begin(head, cases.length);
  const context: RunContext = { echoes, tested: 'client', timeoutMs: options.timeoutMs };
  const results = await runSuite(cases, {
    concurrency: options.concurrency,
    signal: io.interrupted,
    run: (one, each: AnyRun) => peer.run(one, each, context),
    onCase: (result, progress) => output.caseDone(result, progress),
  });
  await peer.dismiss();
  return reportOf(head, results, sinceMs());
}

const reportOf = (
  head: Omit<Report, 'counts' | 'cases' | 'durationMs'>,
  cases: readonly CaseResult[],
  durationMs: number,
): Report => ({ ...head, durationMs, counts: counted(cases), cases });

async function reached<Answer>(answer: Promise<Answer>, where: string): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof WaitError)
      throw new CommandError(`cannot reach ${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

export const conform: Command = Object.freeze({
  name: 'conform',
  summary: 'test a server or a client against RFC 6455',
  help: conformHelp,
  run,
});

/** @throws CommandError if the port cannot be listened on. */
async function listening(peer: Promise<ClientPeer>): Promise<ClientPeer> {
  try {
    return await peer;
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  }
}
