import type { CloseCause, CloseInfo } from '../connection/close-info.ts';
import type { Logger, LogFields } from '../transport/logger.ts';
import type { Refusal } from './handshake-host.ts';

type Level = keyof Logger;

/** Longest text of a client's in a log line, in characters. */
const MAX_TEXT = 128;

/** Text of a client's, so that it can neither begin a line of its own nor speak to a terminal. */
export function escaped(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

const WARNED_REFUSALS = new Set([
  'ERR_HEAD_SYNTAX',
  'ERR_HEAD_TOO_BIG',
  'ERR_VERSION',
  'ERR_KEY',
  'ERR_ORIGIN',
  'ERR_HOST_NOT_ALLOWED',
  'ERR_IP_LIMIT',
  'ERR_RATE_LIMIT',
  'ERR_SERVER_FULL',
  'ERR_OVERLOADED',
  'ERR_UPGRADE_TIMEOUT',
]);

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

/** The path of a request target: queries often hold tokens. */
const pathOf = (target: string): string => target.split('?', 1)[0]!;

/** Writes what is worth a line to the application's logger. Never payloads, cookies, tokens or queries. */
export class ServerLog {
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** @param where The address listened on. */
  started(where: string): void {
    this.#write('info', { where }, 'listening');
  }

  stopped(fields: LogFields): void {
    this.#write('info', fields, 'server closed');
  }

  refused(refusal: Refusal): void {
    if (this.#logger === undefined) return;
    const { status, code, remoteAddress, url, detail } = refusal;
    const level = code === 'ERR_UPGRADE_HOOK' ? 'error' : WARNED_REFUSALS.has(code) ? 'warn' : 'info';
    this.#write(
      level,
      {
        status,
        code,
        remoteAddress,
        path: escaped(pathOf(url)),
        ...(detail === undefined ? {} : { detail: escaped(detail) }),
      },
      'handshake refused',
    );
  }

  closed(connection: { readonly id: string; readonly remoteAddress: string }, info: CloseInfo): void {
    if (this.#logger === undefined) return;
    const { code, cause, sentCode, wasClean, error } = info;
    const level: Level = ORDINARY.has(cause) ? 'debug' : OUR_FAULT.has(cause) ? 'error' : 'warn';
    this.#write(
      level,
      {
        connectionId: connection.id,
        remoteAddress: connection.remoteAddress,
        code,
        cause,
        sentCode,
        wasClean,
        ...(error === undefined ? {} : { error: error.code, detail: escaped(error.message) }),
      },
      'connection closed',
    );
  }

  /** @param maxBytes The budget. */
  memoryShed(maxBytes: number): void {
    this.#write('error', { maxBytes }, 'memory budget used up, connections are closed');
  }

  acceptFailed(error: Error): void {
    this.#write('error', { err: error }, 'a connection could not be accepted');
  }

  handlerFailed(error: unknown, connection: { readonly id: string } | undefined): void {
    this.#write(
      'error',
      { err: error, ...(connection === undefined ? {} : { connectionId: connection.id }) },
      'handler failed',
    );
  }

  #write(level: Level, fields: LogFields, text: string): void {
    try {
      this.#logger?.[level](fields, text);
    } catch {
      // A logger that throws must not disturb service, and there is no other place to say so.
    }
  }
}
