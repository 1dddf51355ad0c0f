import {
  type CaseDescription,
  conformanceCases,
  ConformanceError,
  type CaseResult,
  type Report,
  type ReportHead,
  type Role,
  type SuiteProgress,
  testClient,
  testServer,
} from '../../conform/index.ts';
import { networkWords } from '../../load/index.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from '../command.ts';
import { jsonLine } from '../json.ts';
import { type ConformOptions, conformHelp, conformOptions } from './options.ts';
import { jsonOutput, type Output, printList, textOutput } from './output.ts';
import { writeReport } from './report-file.ts';

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const options = conformOptions(args, io);
  if (options.help) {
    io.out(conformHelp());
    return EXIT.DONE;
  }
  const cases = casesOf(
    options.target === undefined && options.listen !== undefined ? 'client' : 'server',
    options,
  );
  if (options.list) {
    printList(cases, options.json, io);
    return EXIT.DONE;
  }
  const report = await tested(options, options.json ? jsonOutput(io) : textOutput(io), io);
  if (report === undefined || io.interrupted.aborted) return EXIT.INTERRUPTED;
  const { fail, 'non-strict': nonStrict } = report.counts;
  return fail > 0 || (options.strict && nonStrict > 0) ? EXIT.CHECK_FAILED : EXIT.DONE;
}

/** @throws UsageError for patterns that name no case. */
function casesOf(role: Role, { only }: ConformOptions): readonly CaseDescription[] {
  const all = conformanceCases(role, only);
  const unknown =
    all.length === 0 || only.length > 1
      ? only.filter((one) => conformanceCases(role, [one]).length === 0)
      : [];
  if (unknown.length > 0)
    throw new UsageError(`--only matches no case: '${unknown.join("', '")}'; --list prints all cases`);
  return all;
}

/** Runs the suite, prints it and writes the reports. */
async function tested(options: ConformOptions, output: Output, io: CommandIo): Promise<Report | undefined> {
  const { target, listen, only, concurrency, timeoutMs, yes } = options;
  const common = {
    only,
    concurrency,
    timeoutMs,
    signal: io.interrupted,
    tool: `hawser conform ${io.versions.hawser}, Node ${io.versions.node}`,
    onStart: (head: ReportHead, total: number) => output.begin(head, total),
    onCase: (result: CaseResult, progress: SuiteProgress) => output.caseDone(result, progress),
  };
  const report = await expected(
    target === undefined
      ? testClient({ ...common, ...listen, onListening: (url) => announce(url, options, io) })
      : testServer(target.url, {
          ...common,
          headers: target.headers,
          protocols: target.protocols,
          tls: target.tls,
          ...(yes ? { attacks: true } : {}),
        }),
    target?.url,
  );
  if (report === undefined) return undefined;
  for (const file of options.reports) writeReport(file, report);
  output.end(report, options.reports);
  return report;
}

function announce(url: string, { json }: ConformOptions, io: CommandIo): void {
  if (json) io.out(jsonLine({ event: 'listening', url }));
  else {
    io.err(`Waiting for a client on ${url}`);
    io.err(
      'The client must send back every message and connect again after each close. A Close with code 4321 ends the test.',
    );
  }
}

/** @throws CommandError for a peer that cannot be tested. */
async function expected<Result>(result: Promise<Result>, url: URL | undefined): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof ConformanceError) {
      const { message, cause } = error;
      const words = url === undefined ? undefined : networkWords(cause, url.host);
      const sentence = words === undefined ? message : message.replace((cause as Error).message, () => words);
      throw new CommandError(sentence, { cause: error });
    }
    throw error;
  }
}

export const conform: Command = Object.freeze({
  name: 'conform',
  summary: 'test a server or a client against RFC 6455',
  help: conformHelp,
  run,
});
