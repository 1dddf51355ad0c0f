/**
 * Receiver of log lines: any object of this shape, such as a pino logger. Text from clients is escaped and cut.
 * Payloads, cookies, tokens and query strings are never logged.
 */
export interface Logger {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
}
/** Data of a log line: plain values, with `connectionId` if the line is about a connection. */
export type LogFields = Readonly<Record<string, unknown>>;
