import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Connection, Message } from '../index.ts';
import type { CommandIo } from './command.ts';

/** Detects a period without messages. */
class Silence {
  readonly #afterMs: number;
  #timer: NodeJS.Timeout | undefined;
  #ended: (() => void) | undefined;

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** A message arrived. */
  broken(): void {
    if (this.#ended === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#ended, this.#afterMs).unref();
  }

  /** Starts the wait: calls `ended` after a whole period without messages. */
  await(ended: () => void): void {
    this.#ended = ended;
    this.broken();
  }

  stop(): void {
    this.#ended = undefined;
    clearTimeout(this.#timer);
  }
}

/**
 * Connects a pipe to the peer: sends every input line as a text message, no faster than the peer reads. Prints received
 * messages no faster than standard output accepts them. After the last line it closes the connection when no message has
 * arrived for `waitMs`.
 * @returns Resolves when the connection has ended; says whether SIGINT or SIGTERM ended it.
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
  // If the connection ends first, the rest of the input is not sent.
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
      // Rejects if the connection ends first; the loop then ends.
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
