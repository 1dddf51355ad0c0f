import type { Clock } from '../index.ts';
import { DEFAULT_CONNECT_OPTIONS } from '../client/index.ts';
import { CLIENT_FLAGS, clientOptionsOf, urlOf } from './client-flags.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { pipe } from './connect-pipe.ts';
import { talk } from './connect-terminal.ts';
import { eventPrinter, messageFields, printConnectionEvents } from './connection-events.ts';
import { closeLine, dialled, exitOf, INTERRUPTED } from './dialling.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from './flags.ts';
import { helpText } from './help.ts';
import { HistoryFile } from './history-file.ts';
import { printable, printableUrl } from '../protocol/index.ts';
import { recorderOf, reportRecording } from './recording.ts';
import { secretsOf } from './secrets.ts';
import { messageLine } from './shown-message.ts';
import { TYPED_HELP } from './slash-command.ts';

const OTHER_FLAGS: readonly Flag[] = [
  {
    name: 'wait-ms',
    value: '<ms>',
    says: 'after piped input ends: close when no message arrives for this long',
    default: '1,000',
  },
  {
    name: 'timestamps',
    short: 't',
    says: 'show the time of each message in UTC; in a pipe, lines begin with date and time',
  },
  {
    name: 'history',
    negatable: true,
    says: 'keep typed lines for later sessions, except lines that begin with a space or contain a value of --header, --auth or the query of the URL',
    default: 'on',
  },
  {
    name: 'capture',
    value: '<file>',
    says: 'record all frames with their payload for `hawser inspect`: JSON lines, or pcapng if the name ends in .pcapng',
  },
  { name: 'json', says: 'print every event as a line of JSON; read input as from a pipe' },
  ...COMMON_FLAGS,
];
const FLAGS: readonly Flag[] = [...CLIENT_FLAGS, ...OTHER_FLAGS];

const help = (): string =>
  helpText(
    'hawser connect <url> [flags]',
    [
      'Connects and exchanges messages. At a terminal every line you type is a text message; lines that',
      'begin with / are commands:',
      ...TYPED_HELP.map(([typed, does]) => `  ${typed.padEnd(24)}${does}`),
      'From a pipe every input line is one message, unchanged. Messages from the server go to standard',
      'output, one per line: control characters escaped, binary as hex. Everything else goes to standard',
      'error. Exit: 0 after a clean close with 1000, 1001 or no code; 1 otherwise, or if connecting failed.',
    ],
    [
      { title: 'Connecting', flags: CLIENT_FLAGS },
      { title: 'Other', flags: OTHER_FLAGS },
    ],
    [
      { command: 'hawser connect localhost:8080', says: 'ws:// is the default' },
      { command: 'hawser connect wss://app.example/socket -H "Cookie: session=1"', says: 'send a cookie' },
      {
        command: 'hawser connect wss://app.example --proxy http://user:password@proxy.example:3128',
        says: 'through a proxy',
      },
      { command: 'hawser connect ws+unix:/run/app.sock:/chat', says: 'over a Unix socket' },
      {
        command: 'seq 100 | hawser connect ws://localhost:8080 | wc -l',
        says: 'in a pipe, without losing messages',
      },
      { command: 'hawser connect wss://feed.example --timestamps', says: 'show when each message arrived' },
      { command: 'hawser connect localhost:8080 --capture session.pcapng', says: 'record for Wireshark' },
      { command: 'hawser connect wss://feed.example --json < /dev/null', says: 'print JSON for a program' },
    ],
  );

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, 1);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const [target] = positionals;
  if (target === undefined) throw new UsageError('a URL is missing: hawser connect <url>');
  const waitMs = wholeNumberOf(flags, 'wait-ms', 1_000, 0, 2 ** 31 - 1);
  const url = urlOf(target);
  const json = flags.has('json');
  const timestamps = flags.has('timestamps');
  if (json && timestamps) {
    throw new UsageError('--timestamps and --json exclude each other: every event of --json has its time');
  }
  const { clock } = DEFAULT_CONNECT_OPTIONS;
  const print = eventPrinter(io);
  const record = recorderOf(textOf(flags, 'capture'));
  const connection = await dialled(url, clientOptionsOf(flags, io), io, json ? print : undefined);
  if (connection === INTERRUPTED) return EXIT.INTERRUPTED;
  const recording = record?.(connection);

  const terminal = json ? undefined : io.terminal;
  if (json) printConnectionEvents(connection, url, print);
  else {
    const chosen = connection.protocol === '' ? '' : `, subprotocol ${connection.protocol}`;
    const agreed = connection.extensions === '' ? '' : `, ${connection.extensions}`;
    const hint = terminal === undefined ? '' : '; /help lists the commands, Ctrl-D closes the connection';
    io.err(`connected to ${printableUrl(url)}${chosen}${printable(agreed)}${hint}`);
  }
  const { interrupted } =
    terminal === undefined
      ? await pipe(
          connection,
          waitMs,
          (message) => {
            if (json) print('message', messageFields(message));
            else io.out(timestamps ? `${isoTime(clock)} ${messageLine(message)}` : messageLine(message));
          },
          io,
        )
      : await talk(connection, terminal, io, { clock, timestamps, history: historyOf(url, flags, io) });
  const info = await connection.closed;
  if (recording !== undefined) await reportRecording(recording, io);
  if (interrupted) return EXIT.INTERRUPTED;
  const exit = exitOf(info);
  if (exit !== EXIT.DONE) throw new CommandError(closeLine(info), { cause: info.error });
  if (!json) io.err(closeLine(info));
  return exit;
}

const isoTime = (clock: Pick<Clock, 'wallNow'>): string => new Date(clock.wallNow()).toISOString();

function historyOf(
  url: string,
  flags: FlagValues,
  { stateFolder }: Pick<CommandIo, 'stateFolder'>,
): HistoryFile | undefined {
  if (flags.get('history') === false || stateFolder === undefined) return undefined;
  return new HistoryFile(stateFolder, secretsOf(url, flags));
}

export const connectCommand: Command = Object.freeze({
  name: 'connect',
  summary: 'exchange messages with a server, by hand or from a pipe',
  help,
  run,
});
