import { createInterface, type Interface } from 'node:readline';
import type { Connection } from '../connection/connection.ts';
import type { CommandIo, Terminal } from './command.ts';
import { printable } from './lines.ts';
import { messageLines } from './shown-message.ts';
import { readTypedLine, TYPED_HELP, type TypedLine } from './slash-command.ts';

const PROMPT = '> ';
type Colour = 'cyan' | 'dim' | 'red';
const COLOURS: Readonly<Record<Colour, string>> = { cyan: '36', dim: '2', red: '31' };

/**
 * A terminal on which lines are typed while others come in: what is printed stands above the line being typed, which
 * stays as it is, cursor included. Public interface of `node:readline` only.
 */
export class TypingScreen {
  readonly lines: Interface;
  readonly #terminal: Terminal;
  #open = true;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.lines = createInterface({
      input: terminal.input,
      output: terminal.output,
      terminal: true,
      prompt: PROMPT,
      historySize: 1_000,
      removeHistoryDuplicates: true,
    });
    this.lines.once('close', () => (this.#open = false));
  }

  /** Shows the line being typed. */
  prompt(): void {
    if (this.#open) this.lines.prompt(true);
  }

  /** @param mark Stands in front of the first line; the others are indented as far. */
  print(mark: string, lines: readonly string[], colour: Colour): void {
    const { output } = this.#terminal;
    const text = lines.map(
      (line, at) => `${at === 0 ? this.#coloured(mark, colour) : ' '.repeat(mark.length)} ${line}\n`,
    );
    if (!this.#open) {
      output.write(text.join(''));
      return;
    }
    // The line being typed may be wrapped: up to where it begins, and everything from there goes.
    const { rows } = this.lines.getCursorPos();
    output.write(`${rows > 0 ? `\u001b[${rows}A` : ''}\r\u001b[J${text.join('')}${'\n'.repeat(rows)}`);
    // It is drawn again as many rows higher as its cursor was below its beginning: hence the empty rows above.
    this.lines.prompt(true);
  }

  close(): void {
    this.lines.close();
  }

  #coloured(text: string, colour: Colour): string {
    return this.#terminal.hasColours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }
}

/**
 * A person talks to the peer: each line is a message, lines that begin with `/` are for us.
 * @returns When the connection is over; whether that was because of Ctrl-C.
 */
export async function talk(
  connection: Connection,
  terminal: Terminal,
  io: Pick<CommandIo, 'interrupted'>,
): Promise<{ readonly interrupted: boolean }> {
  const screen = new TypingScreen(terminal);
  let interrupted = false;
  /** What was sent in pings of the person's. */
  const asked = new Set<string>();
  const interrupt = (): void => {
    // Asked a second time: the peer is not waited for any longer.
    if (interrupted) connection.terminate();
    interrupted = true;
    connection.close();
  };
  connection.on('message', (message) => screen.print('<', messageLines(message), 'cyan'));
  connection.on('ping', (payload) =>
    screen.print('<', [`ping ${printable(payload.toString())}`.trimEnd()], 'dim'),
  );
  connection.on('pong', (payload) => {
    // Pongs of the heartbeat carry eight random bytes; what a person sent is text.
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
  // Ctrl-C, and Ctrl-D or the end of the terminal.
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

/** @returns What to tell the person; empty if nothing. */
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
  return connection.state === 'open' ? [] : ['the connection is closing: this was not sent'];
}

function attempt(step: () => void): readonly string[] {
  try {
    step();
    return [];
  } catch (error) {
    return [printable(error instanceof Error ? error.message : String(error))];
  }
}
