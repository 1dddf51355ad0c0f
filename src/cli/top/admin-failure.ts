import { type CloseInfo, ConnectError } from '../../client/index.ts';
import { printable } from '../../protocol/index.ts';
import { failureSentence } from '../connect-failure.ts';
import { closeLine } from '../dialling.ts';
import type { AdminTarget } from './admin-target.ts';

/** What to do if something else listens at the URL. */
export const notAdmin = ({ shown }: AdminTarget, answer: string): string =>
  `${shown} is not an admin port of Hawser${answer}; hawser serve --admin-port, or the option admin, opens one`;

/** One sentence that says why there is no connection to an admin port. */
export function adminFailure(
  target: AdminTarget,
  { error, close }: { readonly error?: Error; readonly close?: CloseInfo },
): string {
  if (close !== undefined) return closeLine(close);
  if (!(error instanceof ConnectError)) return printable(error?.message ?? 'unknown failure');
  const { status, statusText, body, phase } = error;
  if (status === 401) {
    return target.token === undefined
      ? 'the admin port asks for a token; give it with --token, or as #token=… after the URL'
      : 'the admin port does not accept this token';
  }
  const answer = `${status}${statusText === '' ? '' : ` ${printable(statusText)}`}`;
  if (status === 403) {
    const [line = ''] = body.toString('utf8').split(/[\r\n]/);
    return `the admin port refuses this client: ${answer}${line === '' ? '' : `: ${printable(line.slice(0, 200))}`}`;
  }
  if (status !== undefined && status >= 500) return `the admin port answers ${answer}`;
  if (phase === 'response')
    return notAdmin(target, status === undefined || status === 101 ? '' : `: it answers ${answer}`);
  return failureSentence(error, target.live.href);
}
