import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ProxySource } from '../../protocol/handshake/proxy-header.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { rawSocketOf } from '../../sockets/node-handle.ts';
import { TCP_KEEP_ALIVE_MS } from '../../sockets/stream-transport.ts';
import type { AdmissionRefusal } from '../admission/admission.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';
import { type HandshakePlace, PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';
import type { TlsOptions } from '../../options/tls-options.ts';

const PENDING = Symbol('hawser.pending');

const SHUTTING_DOWN: AdmissionRefusal = Object.freeze({ refused: 'ERR_SHUTTING_DOWN' });

/** Below TLS; it knows what becomes of it until its handshake is over. */
type RawSocket = Socket & { [PENDING]?: SecuringSocket | undefined };

/** A socket between accept and the end of its TLS handshake. */
class SecuringSocket implements PendingSocket {
  /** `undefined` over a Unix socket: there nothing public tells one from the other. */
  readonly key: string | undefined;
  readonly address: string;
  readonly from: SecuringFrom;
  /** What TLS says went wrong. */
  error: Error | undefined;
  readonly #raw: RawSocket;

  constructor(raw: RawSocket, address: string, from: SecuringFrom) {
    this.#raw = raw;
    this.key = keyOf(raw);
    this.address = address;
    this.from = from;
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

const NOT_TLS = 'these bytes are not TLS: plain HTTP, or another protocol';
const PROXY_HINT = '; a PROXY protocol header needs the option proxyProtocol';

/** What TLS handshakes need of the server. */
type TlsHost = Pick<
  HandshakeHost<unknown>,
  'deadlines' | 'pendingSockets' | 'places' | 'refused' | 'shuttingDown' | 'socketGone'
> & { readonly options: { readonly handshakeTimeoutMs: number; readonly proxyProtocol: unknown } };

/** All of what tells one TCP connection from another; a client may use one port of its own for several of our addresses. */
const keyOf = (socket: Socket): string | undefined =>
  socket.remotePort === undefined
    ? undefined
    : `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;

/** A socket whose TLS handshake is over; what is `undefined` was not known of it. */
export interface SecuredSocket {
  readonly socket: TLSSocket;
  /** When TCP accepted it, on the clock of deadlines. */
  readonly acceptedAtMs: number | undefined;
  readonly place: HandshakePlace | undefined;
  /** The client that a PROXY header named. */
  readonly source: ProxySource | undefined;
}

/** A TLS server that listens by itself, or gets its sockets from another one that does. */
export interface TlsEntry {
  readonly server: Server;
  /** Takes over a socket whose PROXY header was read. */
  secure(raw: Socket, from: SecuringFrom): void;
}

/** What is known of a socket below TLS. */
interface SecuringFrom {
  readonly acceptedAtMs: number;
  readonly place: HandshakePlace;
  readonly source: ProxySource | undefined;
}

/** OpenSSL met bytes that are not TLS. A PROXY header is one reason, and the error does not tell. */
const notTls = (error: Error | undefined): boolean =>
  (error as { readonly code?: unknown } | undefined)?.code === 'ERR_SSL_WRONG_VERSION_NUMBER';

/**
 * Makes a TLS server whose handshakes count as handshakes of the WebSocket server: in number, in time, and in what a
 * shutdown ends.
 * @param secured Gets every socket, and its place among pending handshakes.
 * @param rawOf Finds the socket below TLS; where it cannot, both ends of the TCP connection tell.
 */
export function createTlsServer(
  host: TlsHost,
  options: TlsOptions,
  secured: (secured: SecuredSocket) => void,
  rawOf: (socket: TLSSocket) => RawSocket | undefined = rawSocketOf,
): TlsEntry {
  const { places, pendingSockets, deadlines } = host;
  const securing = new Map<string, SecuringSocket>();
  /** Without it sockets without a port cannot be told apart: their handshakes are bounded in time, but not counted. */
  let findsRaw = true;
  const leave = (pending: SecuringSocket): void => {
    // A client that has left may have come again from the same port.
    if (pending.key !== undefined && securing.get(pending.key) === pending) securing.delete(pending.key);
    pending.leave();
  };
  const pendingOf = (socket: TLSSocket): SecuringSocket | undefined =>
    rawOf(socket)?.[PENDING] ?? securing.get(keyOf(socket) ?? '');
  const refuse = (pending: SecuringSocket, code: 'ERR_TLS' | 'ERR_SERVER_FULL', detail?: string): void => {
    leave(pending);
    places.leave(pending.from.place);
    host.refused({ status: 0, code, remoteAddress: pending.address, url: '', detail });
    host.socketGone(pending);
  };
  function closed(this: RawSocket): void {
    const pending = this[PENDING];
    if (pending === undefined) return;
    const isOff = host.options.proxyProtocol === false;
    refuse(
      pending,
      'ERR_TLS',
      notTls(pending.error) ? NOT_TLS + (isOff ? PROXY_HINT : '') : pending.error?.message,
    );
  }
  const enter = (raw: RawSocket, address: string, from: SecuringFrom): void => {
    const pending = new SecuringSocket(raw, address, from);
    pending.enter();
    if (pending.key !== undefined) securing.set(pending.key, pending);
    pendingSockets.add(pending);
    raw.on('close', closed);
  };
  const holderOf = (raw: RawSocket): PlaceHolder => ({
    placeLost: () => {
      const pending = raw[PENDING];
      if (pending !== undefined) refuse(pending, 'ERR_SERVER_FULL', PLACE_LOST);
      raw.destroy();
    },
  });
  const server = createServer({
    ...options,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: host.options.handshakeTimeoutMs,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  });
  server.on('connection', (raw: RawSocket) => {
    if (raw[PENDING] !== undefined) return;
    if (!findsRaw && keyOf(raw) === undefined && !host.shuttingDown) return;
    const address = normalizeAddress(raw.remoteAddress ?? '');
    const place = host.shuttingDown ? SHUTTING_DOWN : places.enter(address, holderOf(raw));
    if (place.refused !== undefined) {
      const { refused: code, detail, error } = place;
      host.refused({ status: 0, code, remoteAddress: address, url: '', detail, error });
      raw.destroy();
      return;
    }
    enter(raw, address, { acceptedAtMs: deadlines.now(), place, source: undefined });
  });
  server.on('secureConnection', (socket) => {
    const pending = pendingOf(socket);
    if (pending !== undefined) leave(pending);
    else findsRaw = false;
    secured({
      socket,
      acceptedAtMs: pending?.from.acceptedAtMs,
      place: pending?.from.place,
      source: pending?.from.source,
    });
    if (pending !== undefined) host.socketGone(pending);
  });
  server.on('tlsClientError', (error, socket) => {
    const pending = pendingOf(socket);
    if (pending !== undefined) pending.error = error;
    socket.destroy();
  });
  return {
    server,
    secure: (raw: RawSocket, from) => {
      from.place.holder = holderOf(raw);
      enter(raw, from.source?.address ?? normalizeAddress(raw.remoteAddress ?? ''), from);
      server.emit('connection', raw);
    },
  };
}
