import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { printable } from '../../protocol/index.ts';
import type { AdminTarget } from './admin-target.ts';

const TIMEOUT_MS = 5_000;
const MAX_SHOWN = 200;

/**
 * Asks an admin port to close a connection.
 * @returns One sentence about what became of it. Never rejects.
 */
export function closeConnection({ base, token, tls }: AdminTarget, id: string): Promise<string> {
  const url = new URL(`connections/${encodeURIComponent(id)}/close`, base);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const options = { method: 'POST', headers, ...tls, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return new Promise((resolve) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        if (text.length < MAX_SHOWN) text += part;
      });
      response.on('error', (error) => resolve(`not closed: ${printable(error.message)}`));
      response.on('end', () => {
        const { statusCode = 0 } = response;
        const isDone = statusCode >= 200 && statusCode < 300;
        const [line = ''] = text.split(/[\r\n]/);
        resolve(
          isDone
            ? 'the server closes it'
            : `not closed: ${statusCode} ${printable(line.slice(0, MAX_SHOWN))}`,
        );
      });
    });
    request.on('error', (error) => resolve(`not closed: ${printable(error.message)}`));
    request.end();
  });
}
