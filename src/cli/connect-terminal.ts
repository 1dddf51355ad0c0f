import type { Clock, Connection } from '../index.ts';
import { printable } from '../protocol/index.ts';
import type { CommandIo, Terminal } from './command.ts';
import { timeOfDay, TypedPings } from './connect-notes.ts';
import type { HistoryFile } from './history-file.ts';
import { messageLines } from './shown-message.ts';
import { readTypedLine, TYPED_HELP, type TypedLine } from './slash-command.ts';
import { TypingScreen } from './typing-screen.ts';

export interface TalkSettings {
  readonly clock: Pick<Clock, 'now' | 'wallNow'>;
  /** Whether to show the time of each message. */
  readonly timestamps: boolean;
  /** Keeps typed lines; `undefined` keeps none. */
  readonly history: HistoryFile | undefined;
}

/**
 * Connects a terminal to the peer: each typed line is a message, lines that begin with `/` are commands.
 * @returns Resolves when the connection has ended; says whether Ctrl-C ended it.
 */
export async function talk(
  connection: Connection,
  terminal: Terminal,
  io: Pick<CommandIo, 'interrupted'>,
  { clock, timestamps, history }: TalkSettings,
): Promise<{ readonly interrupted: boolean }> {
  const loaded = attempted(() => history?.load() ?? []);
  const screen = new TypingScreen(terminal, loaded.result ?? []);
  let interrupted = false;
  const pings = new TypedPings(clock);
  const mark = (sign: string): string => (timestamps ? `${timeOfDay(clock)} ${sign}` : sign);
  const sayUnkept = (why: string): void =>
    screen.print('!', [`typed lines are not kept for later sessions: ${why}`], 'red');
  const interrupt = (): void => {
    // After a second Ctrl-C, do not wait for the peer.
    if (interrupted) connection.terminate();
    interrupted = true;
    connection.close();
  };
  connection.on('message', (message) => screen.print(mark('<'), messageLines(message), 'cyan'));
  connection.on('ping', (payload) =>
    screen.print(mark('<'), [`ping ${printable(payload.toString())}`.trimEnd()], 'dim'),
  );
  connection.on('pong', (payload) => {
    const text = payload.toString();
    const took = pings.answered(text);
    if (took === undefined) return;
    const shown = text === '' ? `pong (${took})` : `pong ${printable(text)} (${took})`;
    screen.print(mark('<'), [shown], 'dim');
  });
  screen.lines.on('line', (line) => {
    const typed = readTypedLine(line);
    if (typed.does === 'ping') pings.sent(typed.payload);
    const says = obey(typed, connection);
    if (says.length === 0) screen.prompt();
    else screen.print('!', says, typed.does === 'help' ? 'dim' : 'red');
    const kept = attempted(() => history?.add(line));
    if (kept.why !== undefined) sayUnkept(kept.why);
  });
  // Ctrl-C emits SIGINT; Ctrl-D and the end of input emit close.
  screen.lines.on('SIGINT', interrupt);
  screen.lines.on('close', () => connection.close());
  io.interrupted.addEventListener('abort', interrupt);
  screen.prompt();
  if (loaded.why !== undefined) sayUnkept(loaded.why);
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
  const { why } = attempted(step);
  return why === undefined ? [] : [why];
}

/** @returns The result, or one sentence about the error. */
function attempted<Result>(step: () => Result): { readonly result?: Result; readonly why?: string } {
  try {
    return { result: step() };
  } catch (error) {
    return { why: printable(error instanceof Error ? error.message : String(error)) };
  }
}
