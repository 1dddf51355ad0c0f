/**
 * Receiver of log lines: any object of this shape, such as a pino logger. Text from clients is escaped and cut.
 * Payloads, cookies, tokens and query strings are never logged.
 */
export interface Logger {
  /** Ordinary ends of connections, and plain HTTP requests. */
  debug(fields: LogFields, text: string): void;
  /** Start, stop, and malformed handshakes. */
  info(fields: LogFields, text: string): void;
  /** Refusals that may be attacks, reached limits, and peers that broke a rule. */
  warn(fields: LogFields, text: string): void;
  /** Failures of the application's handlers and of the server. */
  error(fields: LogFields, text: string): void;
}
/** Data of a log line: plain values, with `connectionId` if the line is about a connection. */
export type LogFields = Readonly<Record<string, unknown>>;
