import { MisuseError } from '../../index.ts';
import { type Inspection, inspect } from '../../observe/index.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from '../command.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from '../flags.ts';
import { helpText } from '../help.ts';
import { jsonLine } from '../json.ts';
import { jsonEvents } from './inspect-json.ts';
import { painter, renderInspection } from './render.ts';
import { sourceOf } from './source.ts';

const INPUT_FLAGS: readonly Flag[] = [
  {
    name: 'role',
    value: '<client|server>',
    says: 'for hex and raw bytes: the side that sent them (default: the client if the first frame is masked)',
  },
  {
    name: 'extensions',
    value: '<list>',
    says: "for hex and raw bytes: the agreed extensions, as in 'permessage-deflate; client_no_context_takeover'",
  },
  { name: 'raw', says: 'the file holds the bytes of one side after the handshake, whatever it looks like' },
];
const SHOW_FLAGS: readonly Flag[] = [
  { name: 'fields', says: 'every field of every frame; the default for hex and raw bytes' },
  { name: 'list', says: 'one line for each frame; the default for captures' },
  { name: 'frame', value: '<n>', says: 'only the frame with this number, with its fields' },
  { name: 'full', says: 'whole payloads' },
  { name: 'json', says: 'one JSON object for each connection and frame' },
];
const FLAGS: readonly Flag[] = [...INPUT_FLAGS, ...SHOW_FLAGS, ...COMMON_FLAGS];
/** Pasted hex may have a blank after each byte. */
const MAX_ARGUMENTS = 100_000;

const help = (): string =>
  helpText(
    'hawser inspect <file | hex> [flags]',
    [
      'Explains WebSocket frames: every field, the payload unmasked and inflated, and violations with',
      'their RFC section. Reads hex digits; captures of `hawser connect --capture` and of capture() of',
      'hawser/observe; pcap and pcapng files, such as those of tcpdump, with unencrypted connections that',
      'begin with their handshake; and raw bytes of one side. - reads standard input. The file format is',
      'detected. In lists, + marks a frame that its message continues after, z a compressed message.',
      'Exit: 0 no violation; 1 the file cannot be read, or has no WebSocket connection; 3 violations.',
    ],
    [
      { title: 'Input', flags: INPUT_FLAGS },
      { title: 'Output', flags: SHOW_FLAGS },
      { title: 'Other', flags: COMMON_FLAGS },
    ],
    [
      { command: 'hawser inspect 81 85 37 fa 21 3d 7f 9f 4d 51 58', says: 'the masked "Hello" of the RFC' },
      { command: 'hawser inspect capture.jsonl', says: 'a list of all frames' },
      { command: 'hawser inspect capture.pcapng --frame 12', says: 'all fields of one frame' },
      { command: 'tcpdump -i lo -w - port 8080 | hawser inspect -', says: 'traffic of another program' },
      { command: 'hawser inspect capture.jsonl --json', says: 'for a program' },
    ],
  );

function roleOf(flags: FlagValues): 'client' | 'server' | undefined {
  const role = textOf(flags, 'role');
  if (role === undefined || role === 'client' || role === 'server') return role;
  throw new UsageError(`--role is '${role}'; it must be client or server`);
}

const violationsIn = ({ connections }: Inspection): number =>
  connections.reduce(
    (count, { frames, violations }) =>
      frames.reduce((sum, frame) => sum + frame.violations.length, count) + violations.length,
    0,
  );

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, MAX_ARGUMENTS);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  if (flags.has('fields') && flags.has('list'))
    throw new UsageError('--fields and --list exclude each other');
  const role = roleOf(flags);
  const extensions = textOf(flags, 'extensions');
  const only = flags.has('frame') ? wholeNumberOf(flags, 'frame', 1, 1, 1_000_000_000) : undefined;
  const source = await sourceOf(positionals, flags.has('raw'), () => io.input);
  const inspection = inspected(source, { role, extensions, isPlain: source.isPlain });
  refuseUseless(flags, inspection, source.name, only);
  if (flags.has('json')) for (const event of jsonEvents(inspection, only)) await print(jsonLine(event), io);
  else {
    const isList = flags.has('list') || (inspection.format !== 'bytes' && !flags.has('fields'));
    const options = {
      paint: painter(io.terminal?.hasColours === true),
      hasFields: only !== undefined || !isList,
      isFull: flags.has('full'),
      only,
    };
    for (const line of renderInspection(inspection, options)) await print(line, io);
  }
  return violationsIn(inspection) === 0 ? EXIT.DONE : EXIT.CHECK_FAILED;
}

async function print(line: string, io: CommandIo): Promise<void> {
  io.out(line);
  await io.outDrained();
}

function inspected(
  { bytes, name }: { readonly bytes: Buffer; readonly name: string },
  options: Parameters<typeof inspect>[1],
): Inspection {
  try {
    return inspect(bytes, options);
  } catch (error) {
    if (error instanceof MisuseError) throw new CommandError(`${name}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** @throws CommandError for a file without a frame; UsageError for a flag that changes nothing. */
function refuseUseless(
  flags: FlagValues,
  { format, connections, notes }: Inspection,
  name: string,
  only: number | undefined,
): void {
  for (const flag of ['role', 'extensions'])
    if (format !== 'bytes' && flags.has(flag))
      throw new UsageError(`--${flag} is for hex and raw bytes; ${name} is a ${format} file that tells it`);
  if (connections.length === 0) {
    const why = notes.length === 0 ? '' : `: ${notes.join('; ')}`;
    throw new CommandError(`${name} has no WebSocket connection${why}`);
  }
  const most = Math.max(...connections.map(({ frames }) => frames.length));
  if (only !== undefined && only > most)
    throw new UsageError(
      `--frame is ${only}; ${name} has ${most === 0 ? 'no whole frame' : `frames 1 to ${most}`}`,
    );
}

export const inspectCommand: Command = Object.freeze({
  name: 'inspect',
  summary: 'explain recorded frames, byte by byte',
  help,
  run,
});
