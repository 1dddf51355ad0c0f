import type { CloseInfo } from '../protocol/close-info.ts';
import { MisuseError } from '../protocol/errors.ts';

/**
 * The error for work that the end of a connection has interrupted.
 * @param what What was interrupted, such as "the message was sent".
 * @param info `undefined` while the connection is closing.
 */
export function closedBefore(what: string, info: CloseInfo | undefined): MisuseError {
  if (info === undefined)
    return new MisuseError('ERR_CLOSED', `the connection is closing; it closed before ${what}`);
  const reason = info.reason === '' ? '' : ` ${JSON.stringify(info.reason)}`;
  return new MisuseError(
    'ERR_CLOSED',
    `the connection closed with ${info.code}${reason} (${info.cause}) before ${what}`,
    info.error === undefined ? undefined : { cause: info.error },
  );
}
