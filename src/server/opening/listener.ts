import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MisuseError } from '../../protocol/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import { SocketChecks } from '../../sockets/handle-check.ts';
import { takeHandles } from '../../sockets/handle-transport.ts';
import { removeStaleSocket } from './stale-socket.ts';
import { withoutZone } from '../../sockets/ip-address.ts';
import { TCP_KEEP_ALIVE_MS } from '../../sockets/stream-transport.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';
import { DescriptorWatch } from './descriptor-watch.ts';
import type { ListenOptions } from '../../options/server-call-check.ts';

/** The authority for URLs of a listening address; `localhost` for a Unix socket and for the unspecified address. */
export function authorityOf(address: AddressInfo | string): string {
  if (typeof address === 'string') return 'localhost';
  const { address: host, family, port } = address;
  if (host === '::' || host === '0.0.0.0') return `localhost:${port}`;
  return family === 'IPv6' ? `[${withoutZone(host)}]:${port}` : `${host}:${port}`;
}

const shutDownMeanwhile = (): MisuseError =>
  new MisuseError('ERR_STATE', 'this server was shut down while it began to listen');

/** Creates a TCP server. @param accepted Called with every socket. */
export const createTcpServer = (accepted: (socket: Socket) => void): Server =>
  createServer(
    // After the peer's EOF the owner of the transport decides when to end its own half, on streams as on handles.
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS, allowHalfOpen: true },
    accepted,
  );

/** A way around Node's streams, which may not work on this Node. */
export interface Shortcut {
  readonly usable: () => boolean;
  /** Runs the self-check, unless this engine has run it before. */
  readonly check: () => Promise<boolean>;
  /** Switches a listening server over. @returns `false` if that is not possible. */
  readonly take: (server: Server) => boolean;
}

/**
 * Takes handles of TCP sockets and pipes before Node makes sockets of them.
 * @param accepted Called for each handle with a function that opens it; the server emits no `connection`.
 */
export function pastSockets(
  engine: Engine,
  accepted: (open: (owner: TransportOwner) => ArrivedTransport) => void,
): Shortcut {
  const checks = engine.part(SocketChecks);
  return {
    usable: () => checks.areHandlesUsable,
    check: () => checks.checkHandles(),
    take: (server) => takeHandles(server, engine, accepted),
  };
}

/** TLS sockets: the transport that opens them bypasses their streams. */
export function pastTlsStreams(engine: Engine): Shortcut {
  const checks = engine.part(SocketChecks);
  return {
    usable: () => checks.areSocketsUsable(true),
    check: () => checks.checkSockets(true),
    take: () => true,
  };
}

/** A TCP or TLS server that Hawser owns, and its listening socket. */
export class Listener {
  readonly #server: Server;
  readonly #failed: (error: Error) => void;
  readonly #shortcut: Shortcut | undefined;
  readonly #descriptors: DescriptorWatch;
  #isOver = false;
  /** The one attempt to replace the file of a stale Unix socket was made. */
  #replacing = false;
  #transport: 'handle' | 'stream' = 'stream';

  /**
   * @param server Must not listen yet; the listener owns it.
   * @param failed Called with errors after listening began, for example when no file descriptor is left.
   * @param shortcut Used if it works.
   */
  constructor(server: Server, failed: (error: Error) => void, shortcut?: Shortcut) {
    this.#server = server;
    this.#descriptors = new DescriptorWatch(failed);
    this.#failed = failed;
    this.#shortcut = shortcut;
  }

  /** The kind of transport that connections use. */
  get transport(): 'handle' | 'stream' {
    return this.#transport;
  }

  /**
   * @returns The address, or the path of a Unix socket. Rejects with the system's error or with the reason of `signal`;
   *   then nothing listens.
   */
  listen(options: ListenOptions, backlog: number): Promise<AddressInfo | string> {
    const { signal } = options;
    const server = this.#server;
    const shortcut = this.#shortcut;
    if (signal?.aborted === true) {
      this.#isOver = true;
      return Promise.reject(signal.reason);
    }
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.close();
        reject(signal?.reason);
      };
      const refused = (error: NodeJS.ErrnoException): void => {
        const { path } = options;
        if (path !== undefined && error.code === 'EADDRINUSE' && !this.#replacing) void replace(path, error);
        else fail(error);
      };
      const fail = (error: Error): void => {
        this.#isOver = true;
        signal?.removeEventListener('abort', aborted);
        reject(error);
      };
      const replace = async (path: string, error: Error): Promise<void> => {
        this.#replacing = true;
        if (!(await removeStaleSocket(path))) {
          fail(error);
          return;
        }
        server.once('error', refused);
        begin();
      };
      server.once('error', refused);
      server.once('listening', () => {
        server.off('error', refused);
        server.on('error', this.#failed);
        if (!this.#isOver) {
          this.#descriptors.start();
          if (shortcut?.usable() === true && shortcut.take(server)) this.#transport = 'handle';
          resolve(server.address()!);
          return;
        }
        // close() was called during the DNS lookup of the host.
        server.close();
        reject(shutDownMeanwhile());
      });
      signal?.addEventListener('abort', aborted, { once: true });
      server.once('close', () => {
        signal?.removeEventListener('abort', aborted);
        reject(shutDownMeanwhile());
      });
      const begin = (): void => {
        if (this.#isOver) {
          signal?.removeEventListener('abort', aborted);
          reject(shutDownMeanwhile());
          return;
        }
        server.listen({
          ...(options.path === undefined ? { port: Number(options.port ?? 8080) } : { path: options.path }),
          ...(options.host === undefined ? {} : { host: options.host }),
          backlog: options.backlog ?? backlog,
        });
      };
      if (shortcut === undefined || shortcut.usable()) begin();
      else void shortcut.check().then(begin);
    });
  }

  address(): AddressInfo | string | null {
    return this.#server.address();
  }

  /** It never listens again: it failed, or was closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Stops listening; accepted sockets stay open. */
  close(): void {
    this.#isOver = true;
    this.#descriptors.stop();
    if (this.#server.listening) this.#server.close();
  }
}
