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

/** Authority of the URL of an address listened on: `localhost` where that is a Unix socket or every address. */
export function authorityOf(address: AddressInfo | string): string {
  if (typeof address === 'string') return 'localhost';
  const { address: host, family, port } = address;
  if (host === '::' || host === '0.0.0.0') return `localhost:${port}`;
  return family === 'IPv6' ? `[${withoutZone(host)}]:${port}` : `${host}:${port}`;
}

const shutDownMeanwhile = (): MisuseError =>
  new MisuseError('ERR_STATE', 'this server was shut down while it began to listen');

/** A TCP server. @param accepted Gets every socket. */
export const createTcpServer = (accepted: (socket: Socket) => void): Server =>
  createServer(
    // The end of the peer's half does not end ours: owners of transports decide that, whatever lies below.
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS, allowHalfOpen: true },
    accepted,
  );

/** A way to do without Node's streams, and whether it works here. */
export interface Shortcut {
  readonly usable: () => boolean;
  /** Finds that out, if nobody has so far. */
  readonly check: () => Promise<boolean>;
  /** Takes it, on a server that listens. @returns False if it cannot be taken. */
  readonly take: (server: Server) => boolean;
}

/**
 * Handles of TCP sockets and pipes, before Node makes sockets of them.
 * @param accepted Gets what opens each of them, instead of the listeners of the server.
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

/** Sockets of TLS; whoever opens them goes past their streams. */
export function pastTlsStreams(engine: Engine): Shortcut {
  const checks = engine.part(SocketChecks);
  return {
    usable: () => checks.areSocketsUsable(true),
    check: () => checks.checkSockets(true),
    take: () => true,
  };
}

/** A server of our own, TCP or TLS, and where it listens. */
export class Listener {
  readonly #server: Server;
  readonly #failed: (error: Error) => void;
  readonly #shortcut: Shortcut | undefined;
  readonly #descriptors: DescriptorWatch;
  #isOver = false;
  /** The file of a Unix socket was in the way, and is looked at. Once only. */
  #replacing = false;
  #transport: 'handle' | 'stream' = 'stream';

  /**
   * @param server Does not listen yet; nobody else's from here on.
   * @param failed Told what goes wrong after listening began, as running out of file descriptors.
   * @param shortcut Taken where it is usable.
   */
  constructor(server: Server, failed: (error: Error) => void, shortcut?: Shortcut) {
    this.#server = server;
    this.#descriptors = new DescriptorWatch(failed);
    this.#failed = failed;
    this.#shortcut = shortcut;
  }

  /** What lies below the connections. */
  get transport(): 'handle' | 'stream' {
    return this.#transport;
  }

  /**
   * @returns The address, or the path of a Unix socket. Rejects with the system's error, or the reason of `signal`; then
   *   nothing stays half open.
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
        // Closing was asked for while the system was still looking the host up.
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

  /** It will not listen any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** No new sockets; those accepted stay. */
  close(): void {
    this.#isOver = true;
    this.#descriptors.stop();
    if (this.#server.listening) this.#server.close();
  }
}
