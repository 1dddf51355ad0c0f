import { connect, type Socket } from 'node:net';
import { binary, EXAMPLE_KEY, ping } from '../../src/testing/index.ts';

/** Clients that open a connection and read nothing after the handshake. Plain data. */
export interface StallPlan {
  readonly port: number;
  readonly clients: number;
  /** Whether a client that the server ended comes again. */
  readonly returns: boolean;
  /** Size of the messages that each sends as fast as the server takes them; 0 for none. */
  readonly floodBytes?: number;
}

export interface StallReport {
  readonly open: number;
  /** Connections that the server ended. */
  readonly ended: number;
  /** Connections that were refused with a status. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Time until an ended client comes again, in ms. */
const RETURN_MS = 250;
/** Interval of pings, in ms. A socket that is not read reports its end only when it writes. */
const PING_MS = 250;

const PING = ping();

/** Clients that do not read. */
export class Stalled {
  readonly #plan: StallPlan;
  readonly #sockets = new Set<Socket>();
  readonly #refused = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #flood: Buffer | undefined;
  #open = 0;
  #ended = 0;
  #stopped = false;

  constructor(plan: StallPlan) {
    this.#plan = plan;
    for (let i = 0; i < plan.clients; i++) this.#connect();
  }

  report(): StallReport {
    return { open: this.#open, ended: this.#ended, refused: Object.fromEntries(this.#refused) };
  }

  end(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends a message, and the next one as soon as the system has taken it. */
  #write(socket: Socket): void {
    const { floodBytes = 0 } = this.#plan;
    if (floodBytes === 0) return;
    this.#flood ??= binary(Buffer.alloc(floodBytes, 'x'));
    socket.write(this.#flood, (error) => {
      if (error === null || error === undefined) this.#write(socket);
    });
  }

  #connect(): void {
    const socket = connect(this.#plan.port, '127.0.0.1');
    this.#sockets.add(socket);
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\n\r\n`,
    );
    const pings = setInterval(() => isOpen && socket.writableLength === 0 && socket.write(PING), PING_MS);
    let isOpen = false;
    socket.once('data', (head: Buffer) => {
      const status = head.toString('latin1', 9, 12);
      if (status !== '101') {
        this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1);
        socket.destroy();
        return;
      }
      isOpen = true;
      this.#open++;
      socket.pause();
      this.#write(socket);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(pings);
      this.#sockets.delete(socket);
      if (isOpen) {
        this.#open--;
        this.#ended++;
      }
      if (this.#stopped || !this.#plan.returns) return;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#connect();
      }, RETURN_MS);
      this.#timers.add(timer);
    });
  }
}
