import type { Logger, LogFields } from '../engine/logger.ts';
import type { CloseCause, CloseInfo } from '../protocol/close-info.ts';

export type Level = keyof Logger;

/** Longest text of a client's in a log line, in characters. */
const MAX_TEXT = 128;

/** Text of a peer's, so that it can neither begin a line of its own nor speak to a terminal. */
export function escaped(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Endings that are nobody's fault. */
const ORDINARY: ReadonlySet<CloseCause> = new Set([
  'peer-close',
  'local-close',
  'terminated',
  'transport-end',
  'transport-error',
  'shutdown',
]);
const OUR_FAULT: ReadonlySet<CloseCause> = new Set(['handler-error', 'internal-error']);

/** What a log line says of a connection. Bytes are those on the wire. */
export interface LoggedConnection {
  readonly id: string;
  readonly remoteAddress: string;
  /** Wall time. */
  readonly connectedAtMs: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Writes log lines to the application's logger. They never hold payloads, cookies, tokens or queries. */
export class ConnectionLog {
  protected readonly logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.logger = logger;
  }

  /** @param nowMs Wall time. */
  closed(connection: LoggedConnection, info: CloseInfo, nowMs: number): void {
    if (this.logger === undefined) return;
    const { code, cause, sentCode, wasClean, error } = info;
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = connection;
    const level: Level = ORDINARY.has(cause) ? 'debug' : OUR_FAULT.has(cause) ? 'error' : 'warn';
    this.write(
      level,
      {
        connectionId: connection.id,
        remoteAddress: connection.remoteAddress,
        code,
        cause,
        sentCode,
        wasClean,
        durationMs: Math.max(0, Math.round(nowMs - connection.connectedAtMs)),
        messagesReceived,
        messagesSent,
        bytesReceived,
        bytesSent,
        ...(error === undefined ? {} : { error: error.code, detail: escaped(error.message) }),
      },
      'connection closed',
    );
  }

  /** @param maxBytes The budget. */
  memoryShed(maxBytes: number): void {
    this.write('error', { maxBytes }, 'memory budget used up, connections are closed');
  }

  handlerFailed(error: unknown, connection: { readonly id: string } | undefined): void {
    this.write(
      'error',
      { err: error, ...(connection === undefined ? {} : { connectionId: connection.id }) },
      'handler failed',
    );
  }

  /** A fault of the library, in one step of a connection. */
  internalFault(error: unknown, connection: { readonly id: string }): void {
    this.write('error', { err: error, connectionId: connection.id }, 'internal fault, please report it');
  }

  /** Whether there is a logger. */
  get isOn(): boolean {
    return this.logger !== undefined;
  }

  /** @param text What the application has written wrong. */
  mistake(code: string, text: string): void {
    this.write('warn', { code }, text);
  }

  protected write(level: Level, fields: LogFields, text: string): void {
    try {
      this.logger?.[level](fields, text);
    } catch {
      // A logger that throws must not disturb service, and there is no other place to say so.
    }
  }
}
