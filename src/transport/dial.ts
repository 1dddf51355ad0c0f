import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions as TlsConnectionOptions, connect as connectTls } from 'node:tls';
import { lookupOf } from './resolve-host.ts';
import { TCP_KEEP_ALIVE_MS } from './stream-transport.ts';

/** Where to: a port of a host whose addresses are known, or a Unix socket. */
export type DialTarget =
  | { readonly host: string; readonly port: number; readonly addresses: readonly LookupAddress[] }
  | { readonly path: string };

/** What a dial tells, never from inside its constructor. */
export interface DialOwner {
  /** Connected, over TLS if that was wanted. The socket is the owner's, without a listener but one for `error`. */
  dialled(socket: Socket): void;
  /** Nothing is left open. */
  dialFailed(error: Error): void;
}

/** One attempt to connect. */
export class Dial {
  /** What it is at. */
  phase: 'tcp' | 'tls' = 'tcp';
  readonly #socket: Socket;
  readonly #owner: DialOwner;
  #settled = false;

  /** @param tls Speaks TLS, with these options; certificates are verified unless they say otherwise. */
  constructor(target: DialTarget, tls: TlsConnectionOptions | undefined, owner: DialOwner) {
    this.#owner = owner;
    const where =
      'path' in target
        ? { path: target.path }
        : {
            host: target.host,
            port: target.port,
            lookup: lookupOf(target.addresses),
            noDelay: true,
            keepAlive: true,
            keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
          };
    const socket =
      tls === undefined ? connectTcp(where) : connectTls({ ...where, ...tlsOptions(target, tls) });
    this.#socket = socket;
    if (tls !== undefined) socket.once('connect', this.#connected);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', this.#ready);
    // Stays for good: a socket may still fail after it has been given up, or handed on.
    socket.on('error', this.#failed);
    socket.once('close', this.#closed);
  }

  /** Gives up; the owner hears nothing any more. */
  cancel(): void {
    this.#settled = true;
    this.#socket.destroy();
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
    this.#socket.destroy();
    this.#owner.dialFailed(error);
  };

  readonly #closed = (): void => this.#failed(new Error('the connection was closed'));
}

function tlsOptions(target: DialTarget, tls: TlsConnectionOptions): TlsConnectionOptions {
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
