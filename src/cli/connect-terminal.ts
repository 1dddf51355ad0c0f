import type { Connection } from '../index.ts';
import { printable } from '../protocol/index.ts';
import type { CommandIo, Terminal } from './command.ts';
import { messageLines } from './shown-message.ts';
import { readTypedLine, TYPED_HELP, type TypedLine } from './slash-command.ts';
import { TypingScreen } from './typing-screen.ts';

/**
 * Connects a terminal to the peer: each typed line is a message, lines that begin with `/` are commands.
 * @returns Resolves when the connection has ended; says whether Ctrl-C ended it.
 */
export async function talk(
  connection: Connection,
  terminal: Terminal,
  io: Pick<CommandIo, 'interrupted'>,
): Promise<{ readonly interrupted: boolean }> {
  const screen = new TypingScreen(terminal);
  let interrupted = false;
  /** Payloads of pings that the user sent. */
  const asked = new Set<string>();
  const interrupt = (): void => {
    // After a second Ctrl-C, do not wait for the peer.
    if (interrupted) connection.terminate();
    interrupted = true;
    connection.close();
  };
  connection.on('message', (message) => screen.print('<', messageLines(message), 'cyan'));
  connection.on('ping', (payload) =>
    screen.print('<', [`ping ${printable(payload.toString())}`.trimEnd()], 'dim'),
  );
  connection.on('pong', (payload) => {
    // Show only pongs that answer a ping of the user. Heartbeat pings carry eight random bytes.
    if (asked.delete(payload.toString()))
      screen.print('<', [`pong ${printable(payload.toString())}`.trimEnd()], 'dim');
  });
  screen.lines.on('line', (line) => {
    const typed = readTypedLine(line);
    if (typed.does === 'ping') asked.add(typed.payload);
    const says = obey(typed, connection);
    if (says.length === 0) screen.prompt();
    else screen.print('!', says, typed.does === 'help' ? 'dim' : 'red');
  });
  // Ctrl-C emits SIGINT; Ctrl-D and the end of input emit close.
  screen.lines.on('SIGINT', interrupt);
  screen.lines.on('close', () => connection.close());
  io.interrupted.addEventListener('abort', interrupt);
  screen.prompt();
  await connection.closed;
  io.interrupted.removeEventListener('abort', interrupt);
  screen.close();
  terminal.output.write('\n');
  return { interrupted };
}

/** @returns Lines to show to the user; empty if there are none. */
function obey(typed: TypedLine, connection: Connection): readonly string[] {
  switch (typed.does) {
    case 'text':
      return typed.text === '' ? [] : sent(connection, typed.text);
    case 'binary':
      return sent(connection, typed.bytes);
    case 'ping':
      return attempt(() => void connection.ping(typed.payload));
    case 'close':
      return attempt(() => connection.close(typed.code, typed.reason));
    case 'quit':
      return attempt(() => connection.close());
    case 'help':
      return TYPED_HELP.map(([text, does]) => `${text.padEnd(24)}${does}`);
    case 'nothing':
      break;
  }
  return [printable(typed.why)];
}

function sent(connection: Connection, payload: string | Buffer): readonly string[] {
  connection.send(payload);
  return connection.state === 'open' ? [] : ['the connection is closing: the message was not sent'];
}

function attempt(step: () => void): readonly string[] {
  try {
    step();
    return [];
  } catch (error) {
    return [printable(error instanceof Error ? error.message : String(error))];
  }
}
