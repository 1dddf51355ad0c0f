import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { normalizeAddress } from '../transport/ip-address.ts';
import { TCP_KEEP_ALIVE_MS } from '../transport/stream-transport.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';
import type { TlsOptions } from './tls-options.ts';

/** A socket between accept and the end of its TLS handshake. */
class SecuringSocket implements PendingSocket {
  readonly address: string;
  readonly acceptedAtMs: number;
  /** What TLS says went wrong. */
  error: Error | undefined;
  readonly #raw: Socket;

  constructor(raw: Socket, acceptedAtMs: number) {
    this.#raw = raw;
    this.address = normalizeAddress(raw.remoteAddress ?? '');
    this.acceptedAtMs = acceptedAtMs;
  }

  /** There is no way yet to tell the client why. */
  shutDown(): void {
    this.destroy();
  }

  destroy(): void {
    this.#raw.destroy();
  }
}

/** What TLS handshakes need of the server. */
type TlsHost = Pick<
  HandshakeHost<unknown>,
  'admission' | 'deadlines' | 'pendingSockets' | 'refused' | 'shuttingDown' | 'socketGone'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/** Both ends of a TCP connection are the only thing that the socket below TLS and the one above have in common. */
const keyOf = (socket: Socket): string => `${socket.remoteAddress}:${socket.remotePort}`;

/**
 * Makes a TLS server whose handshakes count as handshakes of the WebSocket server: in number, in time, and in what a
 * shutdown ends.
 * @param secured Gets every socket, with the time on the clock of deadlines when TCP accepted it.
 */
export function createTlsServer(
  host: TlsHost,
  options: TlsOptions,
  secured: (socket: TLSSocket, acceptedAtMs: number | undefined) => void,
): Server {
  const { admission, pendingSockets, deadlines } = host;
  const securing = new Map<string, SecuringSocket>();
  const leave = (key: string): SecuringSocket | undefined => {
    const pending = securing.get(key);
    if (pending === undefined || !securing.delete(key)) return undefined;
    admission.leaveHandshake();
    return pending;
  };
  const server = createServer({
    ...options,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: host.options.handshakeTimeoutMs,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  });
  server.on('connection', (raw: Socket) => {
    // Over a Unix socket nothing tells one from the other; the time that TLS has bounds them all the same.
    if (raw.remotePort === undefined && !host.shuttingDown) return;
    const key = keyOf(raw);
    const pending = new SecuringSocket(raw, deadlines.now());
    if (host.shuttingDown || !admission.enterHandshake()) {
      const code = host.shuttingDown ? 'ERR_SHUTTING_DOWN' : 'ERR_SERVER_FULL';
      host.refused({ status: 0, code, remoteAddress: pending.address, url: '' });
      raw.destroy();
      return;
    }
    securing.set(key, pending);
    pendingSockets.add(pending);
    raw.once('close', () => {
      if (leave(key) !== undefined) {
        const { address: remoteAddress, error } = pending;
        host.refused({ status: 0, code: 'ERR_TLS', remoteAddress, url: '', detail: error?.message });
      }
      host.socketGone(pending);
    });
  });
  server.on('secureConnection', (socket) => {
    const pending = leave(keyOf(socket));
    secured(socket, pending?.acceptedAtMs);
    if (pending !== undefined) host.socketGone(pending);
  });
  server.on('tlsClientError', (error, socket) => {
    const pending = securing.get(keyOf(socket));
    if (pending !== undefined) pending.error = error;
    socket.destroy();
  });
  return server;
}
