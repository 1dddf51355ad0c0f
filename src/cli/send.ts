import type { Readable } from 'node:stream';
import type { Connection } from '../index.ts';
import { CLIENT_FLAGS, clientOptionsOf, urlOf } from './client-flags.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { eventPrinter, messageFields, printConnectionEvents } from './connection-events.ts';
import { closeLine, dialled, exitOf, INTERRUPTED } from './dialling.ts';
import { bytesOfFile } from './files.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from './flags.ts';
import { helpText } from './help.ts';
import { messageLine } from './shown-message.ts';
import { bytesOfHex } from './slash-command.ts';
import { publishAll } from './topics/publish-all.ts';
import { HAWSER_V1 } from './topics/subprotocol.ts';

const SEND_FLAGS: readonly Flag[] = [
  {
    name: 'topic',
    value: '<topic>',
    says: 'publish the messages to a topic over hawser.v1, and print the position of each',
  },
  { name: 'file', value: '<path>', says: 'send the content of a file as one message; - is standard input' },
  { name: 'binary', says: 'send binary messages: arguments are hex digits, a file is sent unchanged' },
  {
    name: 'expect',
    value: '<n>',
    says: 'number of messages to wait for and print',
    default: '0',
  },
  {
    name: 'wait-ms',
    value: '<ms>',
    says: 'time limit for the expected messages, exit 3 if some are missing; with --topic for the answers',
    default: '10,000',
  },
];
const OTHER_FLAGS: readonly Flag[] = [
  { name: 'json', says: 'print every event as a line of JSON' },
  ...COMMON_FLAGS,
];
const FLAGS: readonly Flag[] = [...SEND_FLAGS, ...CLIENT_FLAGS, ...OTHER_FLAGS];
/** Maximum messages of one command line; no system passes so many arguments. */
const MAX_MESSAGES = 100_000;

const help = (): string =>
  helpText(
    'hawser send <url> <message…> [flags]',
    [
      'Connects, sends each message, waits for the expected answers, and closes with 1000.',
      'Exit: 0 done; 1 connecting or publishing failed, or the close was not clean; 3 fewer answers than',
      'expected.',
    ],
    [
      { title: 'Sending', flags: SEND_FLAGS },
      { title: 'Connecting', flags: CLIENT_FLAGS },
      { title: 'Other', flags: OTHER_FLAGS },
    ],
    [
      {
        command: 'hawser send ws://localhost:8080 hello --expect 1',
        says: 'send hello and print the answer',
      },
      { command: `hawser send localhost:8080 '{"type":"reload"}'`, says: 'ws:// is the default' },
      { command: 'hawser send localhost:8080 --binary 00ff10', says: 'three bytes' },
      { command: 'hawser send localhost:8080 --file picture.png --binary', says: 'a file as one message' },
      {
        command: 'hawser send localhost:8080 --topic news hello',
        says: 'publish to a topic; exit 1 if the server refuses',
      },
    ],
  );

/**
 * Reads and checks the messages before connecting.
 * @throws UsageError for an invalid message; CommandError for a file that cannot be read.
 */
async function payloadsOf(
  texts: readonly string[],
  flags: FlagValues,
  input: () => Readable,
): Promise<(string | Buffer)[]> {
  const binary = flags.has('binary');
  const path = textOf(flags, 'file');
  const payloads = texts.map((text) => {
    if (!binary) return text;
    const bytes = bytesOfHex(text);
    if (bytes === undefined)
      throw new UsageError(`with --binary a message is an even number of hex digits, not '${text}'`);
    return bytes;
  });
  if (path === undefined) {
    if (payloads.length === 0)
      throw new UsageError('a message is missing: hawser send <url> <message…>, or --file');
    return payloads;
  }
  const bytes = path === '-' ? await wholeOf(input()) : bytesOfFile('--file', path);
  if (binary) return [...payloads, bytes];
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) {
    throw new CommandError(`--file ${path} is not UTF-8 text; send it with --binary`);
  }
  return [...payloads, text];
}

async function wholeOf(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}

/** Sends all messages, no faster than the peer reads them. */
async function sendAll(connection: Connection, payloads: readonly (string | Buffer)[]): Promise<void> {
  for (const payload of payloads) {
    // Rejects if the connection ends first; `closed` reports that.
    if (!connection.send(payload)) await connection.drained().catch(() => undefined);
  }
}

/** @returns How many messages arrived before the time limit and the end of the connection. */
async function answers(
  connection: Connection,
  expected: number,
  waitMs: number,
  show: (message: string | Buffer) => void,
): Promise<number> {
  if (expected === 0) return 0;
  let received = 0;
  const timer = setTimeout(() => connection.close(), waitMs).unref();
  for await (const message of connection) {
    show(message);
    if (++received === expected) break;
  }
  clearTimeout(timer);
  return received;
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, MAX_MESSAGES);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const [target, ...texts] = positionals;
  if (target === undefined) throw new UsageError('a URL is missing: hawser send <url> <message…>');
  const expected = wholeNumberOf(flags, 'expect', 0, 0, 1_000_000_000);
  const waitMs = wholeNumberOf(flags, 'wait-ms', 10_000, 1, 2 ** 31 - 1);
  const topic = textOf(flags, 'topic');
  if (topic !== undefined && flags.has('expect'))
    throw new UsageError('--topic and --expect exclude each other: --topic waits for the answers by itself');
  const options = clientOptionsOf(flags, io, topic === undefined ? undefined : HAWSER_V1);
  const payloads = await payloadsOf(texts, flags, () => io.input);
  const url = urlOf(target);
  const json = flags.has('json');
  const print = eventPrinter(io);
  const connection = await dialled(url, options, io, json ? print : undefined);
  if (connection === INTERRUPTED) return EXIT.INTERRUPTED;

  if (json) printConnectionEvents(connection, url, print);
  const interrupt = (): void => connection.close();
  io.interrupted.addEventListener('abort', interrupt);
  let count = 0;
  let failures: readonly string[] = [];
  if (topic === undefined) {
    const received = answers(connection, expected, waitMs, (message) =>
      json ? print('message', messageFields(message)) : io.out(messageLine(message)),
    );
    await sendAll(connection, payloads);
    count = await received;
  } else {
    failures = await publishAll(connection, topic, payloads, waitMs, ({ position }) => {
      const { epoch = null, offset = null } = position ?? {};
      if (json) print('published', { topic, epoch, offset });
      else io.out(position === undefined ? 'published' : `${epoch}:${offset}`);
    });
  }
  // Discard further messages: they precede the Close of the peer in the queue.
  connection.on('message', () => undefined);
  connection.resume();
  connection.close();
  const info = await connection.closed;
  io.interrupted.removeEventListener('abort', interrupt);
  if (io.interrupted.aborted) return EXIT.INTERRUPTED;
  if (count < expected) {
    io.err(`hawser: ${count} of ${expected} expected messages arrived; ${closeLine(info)}`);
    return EXIT.CHECK_FAILED;
  }
  const [failure, ...more] = failures;
  if (failure !== undefined)
    throw new CommandError(more.length === 0 ? failure : `${failure}; ${more.length} more messages failed`);
  if (exitOf(info) !== EXIT.DONE) throw new CommandError(closeLine(info), { cause: info.error });
  return EXIT.DONE;
}

export const send: Command = Object.freeze({
  name: 'send',
  summary: 'send messages and print the answers',
  help,
  run,
});
