import { isToken } from '../../protocol/index.ts';
import { headersOf, PEER_FLAGS, protocolsOf, tlsOf, urlOf, warnIfInsecure } from '../client-flags.ts';
import { type CommandIo, UsageError } from '../command.ts';
import {
  COMMON_FLAGS,
  type Flag,
  type FlagValues,
  listOf,
  parseFlags,
  textOf,
  wholeNumber,
  wholeNumberOf,
} from '../flags.ts';
import { type Example, helpText } from '../help.ts';
import { REPORT_KINDS } from './report-file.ts';
import type { ServerTestOptions } from '../../conform/index.ts';

const CASE_FLAGS: readonly Flag[] = [
  {
    name: 'listen',
    says: 'test a client: listen for its connections on the port given as argument (default 9001; 0 takes a free port)',
  },
  {
    name: 'only',
    value: '<ids>',
    repeatable: true,
    says: 'run only these cases: IDs, groups or globs, separated by commas',
  },
  { name: 'list', says: 'print the cases without running them' },
  { name: 'yes', says: 'run the group attack against another machine, too; ask its owner first' },
];
const CONNECTION_FLAGS: readonly Flag[] = [
  { name: 'concurrency', short: 'c', value: '<n>', says: 'concurrent connections', default: '8' },
  { name: 'timeout-ms', value: '<ms>', says: 'time limit of each step', default: '5,000' },
  ...PEER_FLAGS,
  { name: 'host', value: '<address>', says: 'with --listen: the address to listen on', default: '127.0.0.1' },
];
const OUTPUT_FLAGS: readonly Flag[] = [
  { name: 'json', says: 'print every result as a line of JSON' },
  {
    name: 'report',
    value: '<file>',
    repeatable: true,
    says: `write a report; its type follows the name: ${REPORT_KINDS.join(', ')}`,
  },
  { name: 'strict', says: 'count non-strict verdicts as failures' },
  ...COMMON_FLAGS,
];
const EXAMPLES: readonly Example[] = [
  { command: 'hawser conform ws://127.0.0.1:9001/', says: 'all cases against an echo server' },
  {
    command: "hawser conform ws://127.0.0.1:9001/ --only 'utf8,close.code.*'",
    says: 'one group and some cases',
  },
  { command: 'hawser conform wss://echo.example/ --report report.html', says: 'write a web page' },
  {
    command: 'hawser conform ws://127.0.0.1:9001/ --report junit.xml --strict',
    says: 'write JUnit XML for a CI server',
  },
  { command: 'hawser conform --listen 9001', says: 'test a client that connects repeatedly' },
  { command: 'hawser conform --list', says: 'list IDs, sections and titles' },
];

export const conformHelp = (): string =>
  helpText(
    'hawser conform <url> [flags]\n       hawser conform --listen [port] [flags]',
    [
      'Tests a WebSocket server, or a client, against RFC 6455 and RFC 7692, case by case. The peer must',
      'send every message back, as an echo server does; otherwise only the cases that need no echo run.',
      'Verdicts: pass; non-strict (a SHOULD is missed); fail (a MUST is broken); informational (the RFC',
      'leaves it open); skipped.',
      'Exit: 0 if no case fails; 3 if a case fails; 1 if the peer cannot be tested.',
    ],
    [
      { title: 'Cases', flags: CASE_FLAGS },
      { title: 'Connections', flags: CONNECTION_FLAGS },
      { title: 'Output', flags: OUTPUT_FLAGS },
    ],
    EXAMPLES,
  );

/** The server to test, and the fields of every request to it. */
interface Target extends Pick<ServerTestOptions, 'headers' | 'protocols' | 'tls'> {
  readonly url: URL;
}

export interface ConformOptions {
  /** The server to test; `undefined` with --listen and --list. */
  readonly target: Target | undefined;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly only: readonly string[];
  readonly list: boolean;
  readonly yes: boolean;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly json: boolean;
  readonly reports: readonly string[];
  readonly strict: boolean;
  readonly help: boolean;
}

/** @throws UsageError for invalid arguments; CommandError for a file that cannot be read. */
export function conformOptions(args: readonly string[], io: Pick<CommandIo, 'err'>): ConformOptions {
  const { flags, positionals } = parseFlags(args, [...CASE_FLAGS, ...CONNECTION_FLAGS, ...OUTPUT_FLAGS], 1);
  const [argument] = positionals;
  const listens = flags.has('listen');
  const list = flags.has('list');
  const help = flags.has('help');
  const timeoutMs = wholeNumberOf(flags, 'timeout-ms', 5_000, 50, 600_000);
  const concurrency = wholeNumberOf(flags, 'concurrency', 8, 1, 256);
  const reports = listOf(flags, 'report');
  for (const file of reports) {
    if (REPORT_KINDS.some((kind) => file.endsWith(kind))) continue;
    throw new UsageError(
      `--report is '${file}'; its name must end in ${REPORT_KINDS.slice(0, -1).join(', ')} or ${REPORT_KINDS.at(-1)}`,
    );
  }
  if (!listens && !list && !help && argument === undefined) {
    throw new UsageError('a URL is missing: hawser conform <url>, or hawser conform --listen for a client');
  }
  warnIfInsecure(flags, io);
  const target = !listens && argument !== undefined ? targetOf(argument, flags) : undefined;
  return {
    target,
    listen: listens ? { host: textOf(flags, 'host') ?? '127.0.0.1', port: portOf(argument) } : undefined,
    only: listOf(flags, 'only').flatMap((text) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    ),
    list,
    yes: flags.has('yes'),
    concurrency,
    timeoutMs,
    json: flags.has('json'),
    reports,
    strict: flags.has('strict'),
    help,
  };
}

function portOf(argument: string | undefined): number {
  if (argument === undefined) return 9_001;
  const port = wholeNumber(argument);
  if (port !== undefined && port <= 65_535) return port;
  throw new UsageError(`--listen takes a port from 0 to 65535, not '${argument}'`);
}

function targetOf(text: string, flags: FlagValues): Target {
  const meant = urlOf(text);
  const url = URL.canParse(meant) ? new URL(meant) : undefined;
  if (url === undefined || !/^wss?:$/.test(url.protocol) || url.hash !== '' || url.username !== '') {
    throw new UsageError(
      `'${text}' is not the URL of a WebSocket server; it must be ws://host:port/path or wss://…`,
    );
  }
  const origin = textOf(flags, 'origin');
  const headers = headersOf(flags);
  const protocols = protocolsOf(flags);
  const bad = protocols.find((name) => !isToken(name));
  if (bad !== undefined) throw new UsageError(`--protocol is '${bad}'; it must be a token`);
  return {
    url,
    headers: origin === undefined ? headers : [...headers, ['Origin', origin]],
    protocols,
    tls: tlsOf(flags),
  };
}
