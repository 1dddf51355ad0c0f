import { ConnectionLog, escaped } from '../connection/log.ts';
import type { LogFields } from '../transport/logger.ts';
import type { Refusal } from './handshake-host.ts';

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

/** The path of a request target: queries often hold tokens. */
const pathOf = (target: string): string => target.split('?', 1)[0]!;

/** Adds the lines that only a server has. */
export class ServerLog extends ConnectionLog {
  /** @param where The address listened on. */
  started(where: string): void {
    this.write('info', { where }, 'listening');
  }

  stopped(fields: LogFields): void {
    this.write('info', fields, 'server closed');
  }

  refused(refusal: Refusal): void {
    if (this.logger === undefined) return;
    const { status, code, remoteAddress, url, detail, error } = refusal;
    const level = code === 'ERR_UPGRADE_HOOK' ? 'error' : WARNED_REFUSALS.has(code) ? 'warn' : 'info';
    this.write(
      level,
      {
        status,
        code,
        remoteAddress,
        path: escaped(pathOf(url)),
        ...(detail === undefined ? {} : { detail: escaped(detail) }),
        ...(error === undefined ? {} : { err: error }),
      },
      'handshake refused',
    );
  }

  acceptFailed(error: Error): void {
    this.write('error', { err: error }, 'a connection could not be accepted');
  }
}
