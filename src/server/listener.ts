import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MisuseError } from '../protocol/errors.ts';
import { checkHandles, handlesUsable } from '../transport/handle-check.ts';
import { takeHandles } from '../transport/handle-transport.ts';
import { TCP_KEEP_ALIVE_MS } from '../transport/stream-transport.ts';
import type { ArrivedTransport, TransportOwner } from '../transport/transport.ts';

/** Where to listen. */
export interface ListenOptions {
  /** 0 takes a free one. Default 8080. */
  readonly port?: number | undefined;
  /** Default: all addresses of the machine. */
  readonly host?: string | undefined;
  /** A Unix socket, or a named pipe on Windows, instead of `port` and `host`. */
  readonly path?: string | undefined;
  /** Connections that the system holds before we accept them. Default: the server's option `backlog`. */
  readonly backlog?: number | undefined;
  /** Aborting stops listening; connections stay. Before the address is there it rejects `listen`. */
  readonly signal?: AbortSignal | undefined;
}

function checkListenOptions(options: ListenOptions): void {
  const { port, path } = options;
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65_535)) {
    throw new MisuseError('ERR_OPTION', `port must be a whole number from 0 to 65535, not ${port}`);
  }
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw new MisuseError('ERR_OPTION', `path must be the path of a Unix socket, not '${path}'`);
  }
  if (path !== undefined && port !== undefined) {
    throw new MisuseError('ERR_OPTION', `listen takes path or port, not both (${path}, ${port})`);
  }
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

/** Told what opens a socket that was accepted. */
type HandleAccepted = (open: (owner: TransportOwner) => ArrivedTransport) => void;

/** A server of our own, TCP or TLS, and where it listens. */
export class Listener {
  readonly #server: Server;
  readonly #failed: (error: Error) => void;
  readonly #handleAccepted: HandleAccepted | undefined;
  #isOver = false;
  #transport: 'handle' | 'stream' = 'stream';

  /**
   * @param server Does not listen yet; nobody else's from here on.
   * @param failed Told what goes wrong after listening began, as running out of file descriptors.
   * @param handleAccepted Gets what is accepted, instead of the listeners of `server`, where handles are usable.
   */
  constructor(server: Server, failed: (error: Error) => void, handleAccepted?: HandleAccepted) {
    this.#server = server;
    this.#failed = failed;
    this.#handleAccepted = handleAccepted;
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
    checkListenOptions(options);
    const { signal } = options;
    const server = this.#server;
    if (signal?.aborted === true) {
      this.#isOver = true;
      return Promise.reject(signal.reason);
    }
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.close();
        reject(signal?.reason);
      };
      const refused = (error: Error): void => {
        this.#isOver = true;
        signal?.removeEventListener('abort', aborted);
        reject(error);
      };
      server.once('error', refused);
      server.once('listening', () => {
        server.off('error', refused);
        server.on('error', this.#failed);
        if (!this.#isOver) {
          const accepted = this.#handleAccepted;
          if (accepted !== undefined && takeHandles(server, accepted)) this.#transport = 'handle';
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
          ...(options.path === undefined ? { port: options.port ?? 8080 } : { path: options.path }),
          ...(options.host === undefined ? {} : { host: options.host }),
          backlog: options.backlog ?? backlog,
        });
      };
      if (this.#handleAccepted === undefined || handlesUsable()) begin();
      else void checkHandles().then(begin);
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
    if (this.#server.listening) this.#server.close();
  }
}
