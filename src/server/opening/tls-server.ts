import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { ProxySource } from '../../protocol/handshake/proxy-header.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import { rawSocketOf } from '../../sockets/node-handle.ts';
import { TCP_KEEP_ALIVE_MS } from '../../sockets/stream-transport.ts';
import type { AdmissionRefusal } from '../admission/admission.ts';
import type { HandshakeOwner, PendingSocket } from './handshake-owner.ts';
import { type HandshakePlace, PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';
import type { TlsOptions } from '../../options/tls-options.ts';

const PENDING = Symbol('hawser.pending');

const SHUTTING_DOWN: AdmissionRefusal = Object.freeze({ refused: 'ERR_SHUTTING_DOWN' });

/** The TCP socket below TLS. It points to its {@link SecuringSocket} until the TLS handshake is over. */
type RawSocket = Socket & { [PENDING]?: SecuringSocket | undefined };

/** A socket between accept and the end of its TLS handshake. */
class SecuringSocket implements PendingSocket {
  /** Identifies it if the socket below TLS cannot be found; `undefined` if it can, and for a Unix socket. */
  readonly key: string | undefined;
  readonly address: string;
  readonly from: SecuringFrom;
  /** The error of the TLS handshake. */
  error: Error | undefined;
  readonly #raw: RawSocket;

  constructor(raw: RawSocket, address: string, from: SecuringFrom, key: string | undefined) {
    this.#raw = raw;
    this.key = key;
    this.address = address;
    this.from = from;
  }

  /** Destroys the socket: before TLS is up, no answer is possible. */
  shutDown(): void {
    this.destroy();
  }

  destroy(): void {
    this.#raw.destroy();
  }

  enter(): void {
    this.#raw[PENDING] = this;
  }

  /** Releases this object: the socket may live much longer. */
  leave(): void {
    this.#raw[PENDING] = undefined;
  }
}

const NOT_TLS = 'these bytes are not TLS: plain HTTP, or another protocol';
const PROXY_HINT = '; a PROXY protocol header needs the option proxyProtocol';

/** The server, as TLS handshakes see it. */
type TlsOwner = Pick<
  HandshakeOwner<unknown>,
  'deadlines' | 'pendingSockets' | 'places' | 'refused' | 'shuttingDown' | 'socketReleased'
> & { readonly options: { readonly handshakeTimeoutMs: number; readonly proxyProtocol: unknown } };

/**
 * Both ends of the TCP connection: a client may use one source port for several addresses of this host. `undefined` for a Unix
 * socket: no public property distinguishes two of them.
 */
const keyOf = (socket: Socket): string | undefined =>
  socket.remotePort === undefined
    ? undefined
    : `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;

/** A socket after its TLS handshake. Properties are `undefined` if the socket below TLS could not be found. */
export interface SecuredSocket {
  readonly socket: TLSSocket;
  /** When TCP accepted it, on the clock of deadlines. */
  readonly acceptedAtMs: number | undefined;
  readonly place: HandshakePlace | undefined;
  /** The client that a PROXY header named. */
  readonly source: ProxySource | undefined;
}

/** A TLS server that listens itself, or gets its sockets from a TCP server. */
export interface TlsEntry {
  readonly server: Server;
  /** Starts TLS on a socket after its PROXY header. */
  secure(raw: Socket, from: SecuringFrom): void;
}

/** The facts of a socket before TLS. */
interface SecuringFrom {
  readonly acceptedAtMs: number;
  readonly place: HandshakePlace;
  readonly source: ProxySource | undefined;
}

/** Whether OpenSSL read bytes that are not TLS. They may be a PROXY header: the error does not show it. */
const notTls = (error: Error | undefined): boolean =>
  (error as { readonly code?: unknown } | undefined)?.code === 'ERR_SSL_WRONG_VERSION_NUMBER';

/**
 * Creates a TLS server. Its handshakes take places, have the deadline of handshakes, and are ended by a shutdown.
 * @param secured Called with every socket after its TLS handshake.
 * @param rawOf Finds the socket below TLS; if it cannot, the addresses and ports of the connection identify it.
 */
export function createTlsServer(
  owner: TlsOwner,
  options: TlsOptions,
  secured: (secured: SecuredSocket) => void,
  rawOf: (socket: TLSSocket) => RawSocket | undefined = rawSocketOf,
): TlsEntry {
  const { places, pendingSockets, deadlines } = owner;
  const securing = new Map<string, SecuringSocket>();
  /**
   * Unknown until the first TLS handshake. While `rawOf` works, sockets need no key, which costs a system call. `false` once it
   * failed: then TLS handshakes on Unix sockets have a deadline but no place.
   */
  let findsRaw: boolean | undefined;
  const leave = (pending: SecuringSocket): void => {
    // The client may have reconnected from the same port: then the entry is that of the new socket.
    if (pending.key !== undefined && securing.get(pending.key) === pending) securing.delete(pending.key);
    pending.leave();
  };
  const pendingOf = (socket: TLSSocket): SecuringSocket | undefined => {
    const pending = rawOf(socket)?.[PENDING];
    if (pending !== undefined) {
      findsRaw ??= true;
      return pending;
    }
    return securing.size === 0 ? undefined : securing.get(keyOf(socket) ?? '');
  };
  const refuse = (pending: SecuringSocket, code: 'ERR_TLS' | 'ERR_SERVER_FULL', detail?: string): void => {
    leave(pending);
    places.leave(pending.from.place);
    owner.refused({ status: 0, code, remoteAddress: pending.address, url: '', detail });
    owner.socketReleased(pending);
  };
  function closed(this: RawSocket): void {
    const pending = this[PENDING];
    if (pending === undefined) return;
    const isOff = owner.options.proxyProtocol === false;
    refuse(
      pending,
      'ERR_TLS',
      notTls(pending.error) ? NOT_TLS + (isOff ? PROXY_HINT : '') : pending.error?.message,
    );
  }
  const enter = (raw: RawSocket, address: string, from: SecuringFrom): void => {
    const pending = new SecuringSocket(raw, address, from, findsRaw === true ? undefined : keyOf(raw));
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
    handshakeTimeout: owner.options.handshakeTimeoutMs,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  });
  server.on('connection', (raw: RawSocket) => {
    if (raw[PENDING] !== undefined) return;
    if (findsRaw === false && keyOf(raw) === undefined && !owner.shuttingDown) return;
    const address = normalizeAddress(raw.remoteAddress ?? '');
    const place = owner.shuttingDown ? SHUTTING_DOWN : places.enter(address, holderOf(raw));
    if (place.refused !== undefined) {
      const { refused: code, detail, error } = place;
      owner.refused({ status: 0, code, remoteAddress: address, url: '', detail, error });
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
    if (pending !== undefined) owner.socketReleased(pending);
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
