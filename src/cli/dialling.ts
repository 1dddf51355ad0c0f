import type { ConnectOptions } from '../client/connect-options.ts';
import { connect } from '../client/connect.ts';
import { ConnectError } from '../protocol/connect-error.ts';
import type { Connection } from '../connection/connection.ts';
import type { CloseInfo } from '../connection/close-info.ts';
import { MisuseError } from '../protocol/errors.ts';
import { CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import { printable } from './lines.ts';

/** The command was interrupted before there was a connection. */
export const INTERRUPTED = Symbol('interrupted');

/**
 * Connects, for as long as nobody interrupts.
 * @throws UsageError for what cannot be connected to; CommandError with one sentence for everything else.
 */
export async function dialled(
  url: string,
  options: ConnectOptions,
  io: Pick<CommandIo, 'interrupted'>,
): Promise<Connection | typeof INTERRUPTED> {
  try {
    return await connect(url, { ...options, signal: io.interrupted });
  } catch (error) {
    if (io.interrupted.aborted) return INTERRUPTED;
    const isUsage =
      error instanceof MisuseError || (error instanceof ConnectError && error.code === 'ERR_URL');
    const sentence = printable(error instanceof Error ? error.message : String(error));
    throw isUsage ? new UsageError(sentence, { cause: error }) : new CommandError(sentence, { cause: error });
  }
}

/** How a connection ended, in a line. */
export function closeLine({ code, reason, cause, wasClean, error }: CloseInfo): string {
  const why = error === undefined ? cause : `${cause}: ${error.message}`;
  return printable(
    `closed${wasClean ? '' : ' without a closing handshake'}, code ${code}${reason === '' ? '' : ` '${reason}'`} (${why})`,
  );
}

/** Codes with which an application says that all went well, or that it goes away. */
const GOOD_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);

/** Exit code for a connection that has ended. */
export function exitOf({ wasClean, code }: CloseInfo): number {
  return wasClean && GOOD_CODES.has(code) ? EXIT.DONE : EXIT.FAILED;
}
