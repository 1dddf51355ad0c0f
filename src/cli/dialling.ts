import {
  type CloseInfo,
  connect,
  ConnectError,
  type Connection,
  type ConnectOptions,
  MisuseError,
} from '../client/index.ts';
import { printable } from '../protocol/index.ts';
import { CommandError, type CommandIo, EXIT, UsageError } from './command.ts';
import type { PrintEvent } from './connection-events.ts';
import { answerLines, failureFields, failureSentence } from './connect-failure.ts';

/** Returned if the command was interrupted before the connection opened. */
export const INTERRUPTED = Symbol('interrupted');

/**
 * Connects. SIGINT or SIGTERM aborts the attempt.
 * @param print For `--json`: prints a failure as an event.
 * @throws UsageError for an invalid URL or option; CommandError with one sentence for any other failure. Its details are
 *   the response, if a server or proxy refused.
 */
export async function dialled(
  url: string,
  options: ConnectOptions,
  io: Pick<CommandIo, 'interrupted'>,
  print?: PrintEvent,
): Promise<Connection | typeof INTERRUPTED> {
  try {
    return await connect(url, { ...options, signal: io.interrupted });
  } catch (error) {
    if (io.interrupted.aborted) return INTERRUPTED;
    throw connectFailure(error, url, options, print);
  }
}

/** The error of a command that could not connect. @param print For `--json`: prints the failure as an event. */
export function connectFailure(
  error: unknown,
  url: string,
  options: Pick<ConnectOptions, 'proxy'>,
  print?: PrintEvent,
): UsageError | CommandError {
  if (!(error instanceof ConnectError) || error.code === 'ERR_URL') {
    const isUsage = error instanceof MisuseError || error instanceof ConnectError;
    const words = error instanceof Error ? error.message : String(error);
    return isUsage ? new UsageError(words, { cause: error }) : new CommandError(words, { cause: error });
  }
  const proxy = options.proxy === undefined ? undefined : String(options.proxy);
  const sentence = failureSentence(error, url, proxy);
  print?.('failed', failureFields(error, url, sentence));
  return new CommandError(sentence, {
    cause: error,
    details: print === undefined ? answerLines(error) : [],
  });
}

/** One line that says how a connection ended. */
export function closeLine({ code, reason, cause, wasClean, error }: CloseInfo): string {
  const why = error === undefined ? cause : `${cause}: ${error.message}`;
  return printable(
    `closed${wasClean ? '' : ' without a closing handshake'}, code ${code}${reason === '' ? '' : ` '${reason}'`} (${why})`,
  );
}

/** Close codes of a normal end. */
const GOOD_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);

/** Exit code for a connection that has ended. */
export function exitOf({ wasClean, code }: CloseInfo): number {
  return wasClean && GOOD_CODES.has(code) ? EXIT.DONE : EXIT.FAILED;
}
