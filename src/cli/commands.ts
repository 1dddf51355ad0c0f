import { bench } from './bench/bench.ts';
import { printable } from '../protocol/index.ts';
import { nearestName } from './nearest-name.ts';
import { type Command, CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { conform } from './conform/conform.ts';
import { connectCommand } from './connect.ts';
import { overview } from './help.ts';
import { inspectCommand } from './inspect/inspect.ts';
import { send } from './send.ts';
import { serve } from './serve.ts';
import { subscribe } from './subscribe.ts';
import { top } from './top/top.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [serve, connectCommand, send, subscribe, bench, conform, inspectCommand, top].map((command) => [
    command.name,
    command,
  ]),
);

const help = (): string =>
  overview(COMMANDS.values(), [
    { command: 'hawser serve --chat', says: 'a chat; open it in two tabs' },
    { command: 'hawser serve --echo --port 9001', says: 'an echo server to test clients with' },
    { command: 'hawser connect localhost:8080', says: 'talk to a server' },
    { command: 'hawser send localhost:8080 hello --expect 1', says: 'send a message, print the answer' },
    { command: 'hawser subscribe localhost:8080 news', says: 'follow a topic of a push server' },
    { command: 'hawser bench localhost:9001', says: 'measure the speed of a server' },
    { command: 'hawser conform ws://127.0.0.1:9001/', says: 'test a server against RFC 6455' },
    { command: 'hawser inspect capture.jsonl', says: 'explain recorded frames' },
    { command: 'hawser help serve', says: 'all flags of serve' },
  ]);

/**
 * Runs a command line. An error becomes one sentence on standard error; its stack is printed only with `--debug`.
 * @param args Arguments, without the name of the program.
 * @returns Exit code; see `EXIT`.
 */
export async function runCommandLine(
  args: readonly string[],
  io: CommandIo,
  version: string,
): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === '--version' || name === '-V') io.out(version);
    else if (name === undefined) {
      io.err(help());
      return EXIT.USAGE;
    } else if (name === '--help' || name === '-h' || name === 'help') {
      const topic = rest[0];
      io.out(topic === undefined ? help() : commandOf(topic).help());
    } else return await commandOf(name).run(rest, io);
    return EXIT.DONE;
  } catch (error) {
    const usage = error instanceof UsageError;
    const message = error instanceof Error ? error.message : String(error);
    const [name = ''] = args;
    const help = COMMANDS.has(name) ? `hawser ${name} --help` : 'hawser --help';
    io.err(`hawser: ${printable(message)}${usage ? `. See ${help}.` : ''}`);
    if (error instanceof CommandError) for (const line of error.details) io.err(line);
    const expected = usage || error instanceof CommandError;
    if (args.includes('--debug') || !expected) {
      const stack = error instanceof Error ? (error.stack ?? message) : message;
      io.err(stack.split('\n').map(printable).join('\n'));
    }
    return usage ? EXIT.USAGE : EXIT.FAILED;
  }
}

function commandOf(name: string): Command {
  const command = COMMANDS.get(name);
  if (command !== undefined) return command;
  const nearest = nearestName(name, [...COMMANDS.keys()]);
  throw new UsageError(
    nearest === undefined
      ? `there is no command '${name}'`
      : `there is no command '${name}'; the nearest is '${nearest}'`,
  );
}
