import {
  type Message,
  MisuseError,
  type Position,
  ReconnectingClient,
  type ReconnectOptions,
  type TopicMessage,
} from '../client/index.ts';
import { printableUrl } from '../protocol/index.ts';
import { CLIENT_FLAGS, clientOptionsOf, urlOf } from './client-flags.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { eventPrinter } from './connection-events.ts';
import { closeLine, connectFailure } from './dialling.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from './flags.ts';
import { helpText } from './help.ts';
import { HAWSER_V1 } from './topics/subprotocol.ts';
import { topicFault } from './topics/topic-flags.ts';
import { jsonReport, reportTopic, textReport } from './topics/subscribe-report.ts';

/** Maximum topics of one command line: as many as a server allows for one connection by default. */
const MAX_TOPICS = 128;

const SUBSCRIBE_FLAGS: readonly Flag[] = [
  {
    name: 'since',
    value: '<epoch:offset>',
    says: 'continue after this position of the topic, as printed at the end of an earlier run',
  },
  { name: 'count', value: '<n>', says: 'end after this many messages', default: 'no limit' },
  { name: 'presence', says: 'print the members that come and leave' },
];
const OTHER_FLAGS: readonly Flag[] = [
  { name: 'json', says: 'print every event as a line of JSON' },
  ...COMMON_FLAGS,
];
const FLAGS: readonly Flag[] = [...SUBSCRIBE_FLAGS, ...CLIENT_FLAGS, ...OTHER_FLAGS];

const help = (): string =>
  helpText(
    'hawser subscribe <url> <topic…> [flags]',
    [
      'Follows topics of a server that speaks hawser.v1. Each message is one line of standard output; with',
      'several topics it begins with the topic and a tab. When the connection is lost, the command connects',
      'again and continues after the last message; standard error says if messages are missing.',
      'Exit: 0 after --count messages; 1 if connecting failed at the start, or the server refused.',
    ],
    [
      { title: 'Subscribing', flags: SUBSCRIBE_FLAGS },
      { title: 'Connecting', flags: CLIENT_FLAGS },
      { title: 'Other', flags: OTHER_FLAGS },
    ],
    [
      { command: 'hawser subscribe localhost:8080 news', says: 'print every message of a topic' },
      { command: 'hawser subscribe localhost:8080 news prices --json', says: 'two topics, for a program' },
      { command: 'hawser subscribe localhost:8080 news --since k3Fq:41', says: 'with what was missed' },
      { command: 'hawser subscribe wss://app.example/ news --count 1', says: 'wait for one message' },
    ],
  );

/** @throws UsageError for anything but a position, or for more than one topic. */
function sinceOf(flags: FlagValues, topics: readonly string[]): Position | undefined {
  const text = textOf(flags, 'since');
  if (text === undefined) return undefined;
  const [, epoch, offset] = /^([\w-]{1,32}):(\d{1,15})$/.exec(text) ?? [];
  if (epoch === undefined) {
    throw new UsageError(`--since is '${text}'; it must be an epoch, a colon and an offset, such as k3Fq:41`);
  }
  if (topics.length > 1) throw new UsageError('--since is for one topic: run the command once for each');
  return { epoch, offset: Number(offset) };
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, MAX_TOPICS + 1);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const [target, ...given] = positionals;
  const topics = [...new Set(given)];
  if (target === undefined || topics.length === 0) {
    const what = target === undefined ? 'a URL' : 'a topic';
    throw new UsageError(`${what} is missing: hawser subscribe <url> <topic…>`);
  }
  for (const topic of topics) {
    const fault = topicFault(topic);
    if (fault !== undefined) throw new UsageError(`'${topic}' is no topic: ${fault}`);
  }
  const since = sinceOf(flags, topics);
  const count = flags.has('count') ? wholeNumberOf(flags, 'count', 1, 1, 1_000_000_000) : Infinity;
  const url = urlOf(target);
  const print = eventPrinter(io);
  const json = flags.has('json');
  const report = json ? jsonReport(print) : textReport(io, topics.length > 1);
  const options = clientOptionsOf(flags, io, HAWSER_V1);

  let wasOpen = false;
  const client = clientOf(url, {
    ...options,
    // A first attempt that fails is the user's to know; later ones are the network's.
    shouldReconnect: () => (wasOpen ? undefined : false),
  });
  client.once('open', () => {
    wasOpen = true;
    report.open(printableUrl(url));
  });
  client.on('down', ({ close }) => {
    if (close !== undefined) report.down(closeLine(close));
  });
  client.on('retry', ({ delayMs }) => report.retry(delayMs));
  client.on('error', ({ message }) => report.problem(message));

  let failure: string | undefined;
  let received = 0;
  // Where the output ends: the client may have received more.
  const printed = new Map<string, Position | undefined>();
  const followed = topics.map((name) => client.topic(name, { since, presence: flags.has('presence') }));
  for (const topic of followed) {
    reportTopic(topic, report);
    topic.on('message', (message, position) => {
      // Messages that had arrived together with the last one.
      if (received === count) return undefined;
      report.message(topic.name, asMessage(message), position);
      printed.set(topic.name, position);
      if (++received === count) client.close();
      return io.outDrained();
    });
    topic.on('lost', ({ position }) => void printed.set(topic.name, position));
    topic.on('error', ({ code, message }) => {
      failure ??= `${topic.name}: ${code}: ${message}`;
      client.close();
    });
  }
  const interrupt = (): void => client.close();
  io.interrupted.addEventListener('abort', interrupt);
  const end = await client.closed;
  io.interrupted.removeEventListener('abort', interrupt);
  for (const { name, position } of followed) report.end(name, printed.get(name) ?? position);
  if (io.interrupted.aborted) return EXIT.INTERRUPTED;
  if (failure !== undefined) throw new CommandError(failure);
  if (received === count) return EXIT.DONE;
  if (end.error !== undefined) throw connectFailure(end.error, url, options, json ? print : undefined);
  throw new CommandError(end.close === undefined ? `the client ended: ${end.why}` : closeLine(end.close));
}

/** @throws UsageError for an invalid URL or option. */
function clientOf(url: string, options: ReconnectOptions): ReconnectingClient {
  try {
    return new ReconnectingClient(url, options);
  } catch (error) {
    if (error instanceof MisuseError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

const asMessage = (message: TopicMessage): Message =>
  typeof message === 'string' ? message : Buffer.from(message.buffer, message.byteOffset, message.length);

export const subscribe: Command = Object.freeze({
  name: 'subscribe',
  summary: 'follow topics over hawser.v1, across disconnects',
  help,
  run,
});
