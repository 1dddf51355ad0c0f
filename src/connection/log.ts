import type { Clock } from '../engine/clock.ts';
import type { Logger, LogFields } from '../engine/logger.ts';
import type { ObservedConnection, Observer } from '../observe/observer.ts';
import type { CloseCause, CloseInfo } from '../protocol/close-info.ts';
import { printable } from '../protocol/printable.ts';

export type Level = keyof Logger;

/** Maximum characters of a peer's text in a log line. */
const MAX_TEXT = 128;

/** Text from a peer for a log line: cut, and escaped so that it cannot begin a line or send commands to a terminal. */
export const escaped = (text: string): string =>
  printable(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

/** Causes that are no fault of anyone. */
const ORDINARY: ReadonlySet<CloseCause> = new Set([
  'peer-close',
  'local-close',
  'terminated',
  'transport-end',
  'transport-error',
  'lifetime',
  'shutdown',
  // The server writes one line for each batch.
  'load-shed',
]);
const OUR_FAULT: ReadonlySet<CloseCause> = new Set(['handler-error', 'internal-error']);

/** How much an operator has to care about a close. */
export const levelOfClose = (cause: CloseCause): Exclude<Level, 'info'> =>
  ORDINARY.has(cause) ? 'debug' : OUR_FAULT.has(cause) ? 'error' : 'warn';

/**
 * Observer that writes log lines to the application's logger. Lines never hold payloads, cookies, tokens or queries.
 * A logger that throws is of no concern here: an observer may throw.
 */
export class ConnectionLog implements Observer {
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  closed(connection: ObservedConnection, info: CloseInfo): void {
    const { code, cause, sentCode, wasClean, error } = info;
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = connection;
    this.write(
      levelOfClose(cause),
      {
        connectionId: connection.id,
        remoteAddress: connection.remoteAddress,
        code,
        cause,
        sentCode,
        wasClean,
        durationMs: Math.max(0, Math.round(this.#clock.wallNow() - connection.connectedAtMs)),
        messagesReceived,
        messagesSent,
        bytesReceived,
        bytesSent,
        ...(error === undefined ? {} : { error: error.code, detail: escaped(error.message) }),
      },
      'connection closed',
      connection.remoteAddress,
      cause,
    );
  }

  memoryShed(maxBytes: number): void {
    this.write('error', { maxBytes }, 'memory budget used up, connections are closed');
  }

  handlerFailed(error: unknown, connection: ObservedConnection | undefined): void {
    this.write(
      'error',
      { err: error, ...(connection === undefined ? {} : { connectionId: connection.id }) },
      'handler failed',
      connection?.remoteAddress,
    );
  }

  internalFault(error: unknown, connection: ObservedConnection): void {
    this.write(
      'error',
      { err: error, connectionId: connection.id },
      'internal fault, please report it',
      connection.remoteAddress,
    );
  }

  /**
   * @param _remoteAddress The client that caused the line, if one did.
   * @param _what Tells lines with this text apart: the cause of a close, or the code of a refusal.
   */
  protected write(
    level: Level,
    fields: LogFields,
    text: string,
    _remoteAddress?: string,
    _what?: string,
  ): void {
    this.#logger[level](fields, text);
  }
}
