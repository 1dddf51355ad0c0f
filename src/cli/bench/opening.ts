import { acceptValue } from '../../protocol/handshake/accept-key.ts';
import type { LoadTarget } from './load-plan.ts';
import { LoadError } from './load-plan.ts';

const MAX_HEAD_BYTES = 16_384;

/** Where a connection goes, and the request that opens it. */
export interface Destination {
  readonly secure: boolean;
  /** TCP. */
  readonly host: string;
  readonly port: number;
  /** A socket in the file system instead; empty for TCP. */
  readonly socketPath: string;
  /** Everything of the request but the key and the end of the head. */
  readonly requestStart: string;
}

/** @throws LoadError for a URL that no connection can go to. */
export function destinationOf({ url, headers, protocols }: LoadTarget): Destination {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const secure = parsed?.protocol === 'wss:';
  if (parsed === undefined || !['ws:', 'wss:', 'ws+unix:'].includes(parsed.protocol)) {
    throw new LoadError(`'${url}' is no URL of a WebSocket, such as ws://127.0.0.1:8080/`);
  }
  const [socketPath, requestPath] =
    parsed.protocol === 'ws+unix:' ? splitSocketPath(parsed.pathname) : ['', parsed.pathname];
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const lines = [
    `GET ${requestPath}${parsed.search} HTTP/1.1`,
    `Host: ${socketPath === '' ? parsed.host : 'localhost'}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    ...(protocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return {
    secure,
    host,
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    socketPath,
    requestStart: `${lines.join('\r\n')}\r\n`,
  };
}

function splitSocketPath(path: string): [socketPath: string, requestPath: string] {
  const colon = path.indexOf(':');
  return colon < 0 ? [path, '/'] : [path.slice(0, colon), path.slice(colon + 1)];
}

/** What came back for the request. */
export interface OpeningAnswer {
  /** Bytes of the head, the empty line included. */
  readonly headBytes: number;
  /** Why there is no connection; `undefined` if there is one. */
  readonly refusal: string | undefined;
}

/**
 * Judges the answer to an opening handshake (§4.1), as far as it matters to load.
 * @returns `undefined` while the head is not whole.
 */
export function readOpeningAnswer(received: Buffer, key: string): OpeningAnswer | undefined {
  const end = received.indexOf('\r\n\r\n', 0, 'latin1');
  if (end < 0) {
    if (received.length <= MAX_HEAD_BYTES) return undefined;
    return { headBytes: received.length, refusal: 'the answer to the handshake has no end' };
  }
  const [statusLine = '', ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const answer = (refusal: string | undefined): OpeningAnswer => ({ headBytes: end + 4, refusal });
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (status === undefined) return answer('the answer to the handshake is no HTTP');
  if (status !== '101') return answer(`the server refused the handshake with ${status}`);
  const accept = lines.find((line) => /^sec-websocket-accept:/i.test(line));
  const fits = accept?.slice(accept.indexOf(':') + 1).trim() === acceptValue(key);
  return answer(fits ? undefined : 'the 101 does not belong to our key');
}
