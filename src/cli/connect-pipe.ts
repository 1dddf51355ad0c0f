import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Connection } from '../connection/connection.ts';
import type { Message } from '../protocol/payload.ts';
import { systemClock } from '../transport/clock.ts';
import type { CommandIo } from './command.ts';

/** Notices when nothing has come for a while. */
class Silence {
  readonly #afterMs: number;
  #timer: unknown;
  #ended: (() => void) | undefined;

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** Something came. */
  broken(): void {
    if (this.#ended === undefined) return;
    systemClock.clearTimer(this.#timer);
    this.#timer = systemClock.setTimer(this.#ended, this.#afterMs);
  }

  /** Calls `ended` once nothing has come for long enough, from now on. */
  await(ended: () => void): void {
    this.#ended = ended;
    this.broken();
  }

  stop(): void {
    this.#ended = undefined;
    systemClock.clearTimer(this.#timer);
  }
}

/**
 * A program talks to the peer: every line of its output is a text message, no faster than the peer takes them, and what
 * the peer sends is printed no faster than it is read. After the last line, once nothing has come for `waitMs`, the
 * connection is closed.
 * @returns When the connection is over; whether that was because of SIGINT or SIGTERM.
 */
export async function pipe(
  connection: Connection,
  waitMs: number,
  show: (message: Message) => void,
  io: Pick<CommandIo, 'input' | 'interrupted' | 'outDrained'>,
): Promise<{ readonly interrupted: boolean }> {
  const silence = new Silence(waitMs);
  const interrupt = (): void => connection.close();
  io.interrupted.addEventListener('abort', interrupt);
  const answers = showAll(connection, silence, show, io);
  const lines = sendLines(connection, io.input).then(() => silence.await(() => connection.close()));
  await connection.closed;
  silence.stop();
  // The connection may end first: then the rest of the input has nowhere to go.
  io.input.destroy();
  await Promise.all([answers, lines]);
  silence.stop();
  io.interrupted.removeEventListener('abort', interrupt);
  return { interrupted: io.interrupted.aborted };
}

async function sendLines(connection: Connection, input: Readable): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Infinity });
  const over = (): void => lines.close();
  connection.on('close', over);
  try {
    for await (const line of lines) {
      if (connection.state !== 'open') break;
      // Rejects when the connection ends first: the next turn of the loop sees it.
      if (!connection.send(line)) await connection.drained().catch(() => undefined);
    }
  } finally {
    lines.close();
    connection.off('close', over);
  }
}

async function showAll(
  connection: Connection,
  silence: Silence,
  show: (message: Message) => void,
  io: Pick<CommandIo, 'outDrained'>,
): Promise<void> {
  for await (const message of connection) {
    silence.broken();
    show(message);
    await io.outDrained();
  }
}
