/**
 * Where log lines go: any object of this shape, as pino's. Text from clients arrives escaped and cut; payloads, cookies,
 * tokens and query strings never do.
 */
export interface Logger {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
}
/** What a line is about: plain data, with `connectionId` where there is a connection. */
export type LogFields = Readonly<Record<string, unknown>>;
