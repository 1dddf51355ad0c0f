import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { normalizeAddress } from '../transport/ip-address.ts';
import { TCP_KEEP_ALIVE_MS } from '../transport/stream-transport.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';
import type { TlsOptions } from './tls-options.ts';

const PENDING = Symbol('hawser.pending');

/** Below TLS; it knows what becomes of it until its handshake is over. */
type RawSocket = Socket & { [PENDING]?: SecuringSocket | undefined };

/** A socket between accept and the end of its TLS handshake. */
class SecuringSocket implements PendingSocket {
  readonly key: string;
  readonly address: string;
  readonly acceptedAtMs: number;
  /** What TLS says went wrong. */
  error: Error | undefined;
  readonly #raw: RawSocket;

  constructor(raw: RawSocket, acceptedAtMs: number) {
    this.#raw = raw;
    this.key = keyOf(raw);
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

  /** From here on the socket knows of it. */
  enter(): void {
    this.#raw[PENDING] = this;
  }

  /** Nothing of it stays with the socket, which may live for long. */
  leave(): void {
    this.#raw[PENDING] = undefined;
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
  const leave = (pending: SecuringSocket): void => {
    // A client that has left may have come again from the same port.
    if (securing.get(pending.key) === pending) securing.delete(pending.key);
    pending.leave();
    admission.leaveHandshake();
  };
  function closed(this: RawSocket): void {
    const pending = this[PENDING];
    if (pending === undefined) return;
    leave(pending);
    const { address: remoteAddress, error } = pending;
    host.refused({ status: 0, code: 'ERR_TLS', remoteAddress, url: '', detail: error?.message });
    host.socketGone(pending);
  }
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
    const pending = new SecuringSocket(raw, deadlines.now());
    if (host.shuttingDown || !admission.enterHandshake()) {
      const code = host.shuttingDown ? 'ERR_SHUTTING_DOWN' : 'ERR_SERVER_FULL';
      host.refused({ status: 0, code, remoteAddress: pending.address, url: '' });
      raw.destroy();
      return;
    }
    pending.enter();
    securing.set(pending.key, pending);
    pendingSockets.add(pending);
    raw.on('close', closed);
  });
  server.on('secureConnection', (socket) => {
    const pending = securing.get(keyOf(socket));
    if (pending !== undefined) leave(pending);
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
