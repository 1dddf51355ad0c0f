import type { CloseInfo } from '../../protocol/close-info.ts';
import { NO_CLOSE } from '../../protocol/close.ts';
import type { Refusal } from '../observer.ts';

// A peer chooses close codes, and a hook may pass on any HTTP status. Labels fold them into bounded sets: otherwise a client that
// closes with 4000, 4001, … creates 1,000 series.

/** Statuses of an `upgrade` hook that have a label of their own; others have that of their class. */
const OWN_STATUSES: ReadonlySet<string> = new Set(['400', '401', '403', '404', '409', '429', '500', '503']);

/** Codes of the protocol as they are, those of libraries as `3xxx` and of applications as `4xxx`. */
function boundedCode(code: number): string {
  if (code >= 1000 && code <= 1015) return String(code);
  if (code >= 3000 && code <= 4999) return code < 4000 ? '3xxx' : '4xxx';
  return 'other';
}

/**
 * The label for the code of a closed connection: the peer's, as in `CloseInfo.code`. Where neither side asked for the close, only
 * our own code, returned by the peer, and 1006 have a label of their own.
 */
export function closeCodeLabel({ code, cause, sentCode }: CloseInfo): string {
  const isAsked = cause === 'peer-close' || cause === 'local-close';
  return isAsked || code === NO_CLOSE || code === sentCode ? boundedCode(code) : 'other';
}

/** The label for the code of a refusal. */
export function refusalLabel(code: Refusal['code']): string {
  const status = code.startsWith('HTTP_') ? code.slice('HTTP_'.length) : undefined;
  return status === undefined || OWN_STATUSES.has(status) ? code : `HTTP_${status[0]}xx`;
}
