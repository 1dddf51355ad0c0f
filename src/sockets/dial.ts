import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions as TlsConnectionOptions, connect as connectTls } from 'node:tls';
import { lookupOf } from './resolve-host.ts';
import { TCP_KEEP_ALIVE_MS } from './stream-transport.ts';

/** A port of a host with resolved addresses, or a Unix socket. */
export type DialTarget =
  | { readonly host: string; readonly port: number; readonly addresses: readonly LookupAddress[] }
  | { readonly path: string };

/** A stream that is already connected to the host, such as a tunnel through a proxy. */
export interface TunnelTarget {
  readonly host: string;
  readonly stream: Duplex;
}

/** Callbacks of a {@link Dial}. The constructor never calls them. */
export interface DialOwner {
  /** The socket is connected, over TLS if requested. The owner owns it; its only listener is one for `error`. */
  dialled(socket: Socket): void;
  /** The attempt failed; everything it opened is closed. */
  dialFailed(error: Error): void;
}

/** One attempt to connect, or to start TLS inside a stream. */
export class Dial {
  phase: 'tcp' | 'tls' = 'tcp';
  readonly #socket: Socket;
  readonly #owner: DialOwner;
  /** The stream below TLS. It is destroyed with the socket. */
  readonly #below: Duplex | undefined;
  #settled = false;

  /** @param tls TLS options; certificates are verified unless they say otherwise. Without them there is no TLS. */
  constructor(target: DialTarget, tls: TlsConnectionOptions | undefined, owner: DialOwner);
  constructor(target: TunnelTarget, tls: TlsConnectionOptions, owner: DialOwner);
  constructor(target: DialTarget | TunnelTarget, tls: TlsConnectionOptions | undefined, owner: DialOwner) {
    this.#owner = owner;
    const where = placeOf(target);
    const socket =
      tls === undefined ? connectTcp(where) : connectTls({ ...where, ...tlsOptions(target, tls) });
    this.#socket = socket;
    if ('stream' in target) {
      this.#below = target.stream;
      this.phase = 'tls';
    } else if (tls !== undefined) socket.once('connect', this.#connected);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', this.#ready);
    // This listener stays: a socket can fail after it was abandoned or handed over.
    socket.on('error', this.#failed);
    socket.once('close', this.#closed);
  }

  /** Abandons the attempt: no callback is called afterwards. */
  cancel(): void {
    this.#settled = true;
    this.#destroy();
  }

  readonly #connected = (): void => {
    this.phase = 'tls';
  };

  readonly #ready = (): void => {
    if (this.#settled) return;
    this.#settled = true;
    this.#socket.off('close', this.#closed);
    this.#owner.dialled(this.#socket);
  };

  readonly #failed = (error: Error): void => {
    if (this.#settled) return;
    this.#settled = true;
    this.#destroy();
    this.#owner.dialFailed(error);
  };

  readonly #closed = (): void => this.#failed(new Error('the connection was closed'));

  #destroy(): void {
    this.#socket.destroy();
    this.#below?.destroy();
  }
}

function placeOf(target: DialTarget | TunnelTarget) {
  if ('stream' in target) return { socket: target.stream } as unknown as { path: string };
  if ('path' in target) return { path: target.path };
  return {
    host: target.host,
    port: target.port,
    lookup: lookupOf(target.addresses),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  };
}

function tlsOptions(target: DialTarget | TunnelTarget, tls: TlsConnectionOptions): TlsConnectionOptions {
  const host = 'path' in target ? 'localhost' : target.host;
  return {
    host,
    // SNI carries host names only, never addresses (RFC 6066 §3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...tls,
    minVersion: tls.minVersion ?? 'TLSv1.2',
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
    ALPNProtocols: ['http/1.1'],
  };
}
