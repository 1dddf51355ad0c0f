import { Buffer } from 'node:buffer';
import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isValidKey } from '../protocol/handshake/accept-key.ts';

/** Why a request is refused: the answer, which `wsClientError` can replace. */
export interface RequestFault {
  readonly status: number;
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
}

const fault = (message: string, status = 400): RequestFault => ({ status, message });

/**
 * Checks the fields of an upgrade request in the order of `ws`.
 * @returns `undefined` if it may be accepted.
 */
export function requestFault({ method, headers }: IncomingMessage): RequestFault | undefined {
  if (method !== 'GET') return fault('Invalid HTTP method', 405);
  if (headers.upgrade?.toLowerCase() !== 'websocket') return fault('Invalid Upgrade header');
  const key = headers['sec-websocket-key'];
  if (key === undefined || !isValidKey(key)) return fault('Missing or invalid Sec-WebSocket-Key header');
  const version = Number(headers['sec-websocket-version']);
  if (version !== 13 && version !== 8) {
    return {
      ...fault('Missing or invalid Sec-WebSocket-Version header'),
      headers: { 'Sec-WebSocket-Version': '13, 8' },
    };
  }
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    return fault('Upgrade request with a body');
  return undefined;
}

function destroyOnError(this: Duplex): void {
  this.destroy();
}

/** Destroys a socket that fails while its request is being decided. */
export function guard(socket: Duplex): void {
  socket.on('error', destroyOnError);
}

/** Ends {@link guard}. */
export function unguard(socket: Duplex): void {
  socket.removeListener('error', destroyOnError);
}

/** Answers with an HTTP response instead of a 101, and ends the socket. */
export function refuse(socket: Duplex, { status, message, headers }: RequestFault): void {
  const body = message === '' ? (STATUS_CODES[status] ?? '') : message;
  const fields = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`);
  socket.once('finish', () => socket.destroy());
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
}
