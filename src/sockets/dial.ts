import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions as TlsConnectionOptions, connect as connectTls } from 'node:tls';
import { lookupOf } from './resolve-host.ts';
import { TCP_KEEP_ALIVE_MS } from './stream-transport.ts';

/** A port of a host whose addresses are known, or a Unix socket. */
export type DialTarget =
  | { readonly host: string; readonly port: number; readonly addresses: readonly LookupAddress[] }
  | { readonly path: string };

/** A stream that is connected to a host already, as a tunnel through a proxy. */
export interface TunnelTarget {
  readonly host: string;
  readonly stream: Duplex;
}

/** What a dial tells, never from inside its constructor. */
export interface DialOwner {
  /** Connected, over TLS if that was asked for. The socket is the owner's, with no listener but one for `error`. */
  dialled(socket: Socket): void;
  /** Nothing is left open. */
  dialFailed(error: Error): void;
}

/** One attempt to connect, or to speak TLS inside a stream. */
export class Dial {
  phase: 'tcp' | 'tls' = 'tcp';
  readonly #socket: Socket;
  readonly #owner: DialOwner;
  /** The stream below TLS; destroyed with the socket. */
  readonly #below: Duplex | undefined;
  #settled = false;

  /** @param tls Speaks TLS, with these options; certificates are verified unless they say otherwise. */
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
    // Stays for good: a socket may still fail after it was given up, or handed on.
    socket.on('error', this.#failed);
    socket.once('close', this.#closed);
  }

  /** Gives up; the owner hears nothing more. */
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
    // An address is no name that a server could choose a certificate by (RFC 6066 §3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...tls,
    minVersion: tls.minVersion ?? 'TLSv1.2',
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
    ALPNProtocols: ['http/1.1'],
  };
}
