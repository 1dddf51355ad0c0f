import { Buffer } from 'node:buffer';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Transport, TransportOwner } from './transport.ts';

/** Time limit of one check, in ms. A check usually takes 20 to 50. */
const MAX_CHECK_MS = 2_000;
/** More than TLS offers to the kernel at once, and little enough to encrypt in a few ms. */
const CHUNK_BYTES = 262_144;
/** Together more than any kernel buffers for a peer that does not read. */
const MAX_CHUNKS = 256;

/** @throws Error if the transport did not behave as expected. */
export function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(`handles: ${what}`);
}

/** A check that runs once, and again only after it failed. */
export class Verdict {
  isGood = false;
  #pending: Promise<boolean> | undefined;
  readonly #tryOut: () => Promise<unknown>;

  constructor(tryOut: () => Promise<unknown>) {
    this.#tryOut = tryOut;
  }

  /** Runs the check, and keeps the process alive meanwhile. Never rejects. */
  async reach(): Promise<boolean> {
    const alive = setInterval(() => undefined, MAX_CHECK_MS);
    try {
      return await this.begin();
    } finally {
      clearInterval(alive);
    }
  }

  /** Runs the check in the background: its sockets and timer do not keep the process alive. Never rejects. */
  begin(): Promise<boolean> {
    this.#pending ??= this.#tryOut().then(
      () => (this.isGood = true),
      () => {
        // The process may have been out of file descriptors, so the next call tries again.
        this.#pending = undefined;
        return false;
      },
    );
    return this.#pending;
  }
}

/** An owner that records the callbacks of a transport. */
export class Trial implements TransportOwner {
  text = '';
  transport: Transport | undefined;
  inputEnded = false;
  end: { readonly error: Error | undefined } | undefined;
  /** Called after each callback, to check conditions again. */
  look: () => void = () => {};

  /** Waits until `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.look = resolve;
      });
    }
  }

  opened(transport: Transport): void {
    this.transport = transport;
    this.look();
  }

  received(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
    this.look();
  }

  receivedEnd(): void {
    this.inputEnded = true;
    this.look();
  }

  writable(): void {
    this.look();
  }

  closed(error: Error | undefined): void {
    this.end = { error };
    this.look();
  }
}

/** A server on the loopback interface, with all its sockets and transports. */
export class Loopback {
  /** The owners of our transports, in the order of the connections. */
  readonly trials: Trial[] = [];
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #keepsAlive: boolean;
  #isClosing = false;

  private constructor(server: Server, keepsAlive: boolean) {
    this.#server = server;
    this.#keepsAlive = keepsAlive;
    // Also below TLS: an unfinished TLS handshake would keep the server open.
    server.on('connection', (socket) => this.keep(socket));
    if (!keepsAlive) server.unref();
  }

  /**
   * Listens, runs the steps, and closes everything.
   * @param keepsAlive Whether the server, its sockets and the timer keep the process alive.
   * @returns The result of `steps`. Rejects if they fail or take longer than 2 s.
   */
  static async run<Result>(
    server: Server,
    steps: (loopback: Loopback, server: Server) => Promise<Result>,
    keepsAlive = true,
  ): Promise<Result> {
    const loopback = new Loopback(server, keepsAlive);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        loopback.#listening().then(() => steps(loopback, server)),
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error('handles: too slow')), MAX_CHECK_MS);
          if (!keepsAlive) timer.unref();
        }),
      ]);
    } finally {
      clearTimeout(timer);
      await loopback.#close();
    }
  }

  /** Destroys the socket when the loopback closes. */
  keep(socket: Socket): Socket {
    socket.on('error', () => {});
    if (!this.#keepsAlive) socket.unref();
    if (this.#isClosing) socket.destroy();
    else this.#sockets.push(socket);
    return socket;
  }

  dial(dial: (port: number) => Socket): Socket {
    return this.keep(dial(this.#port));
  }

  /** Opens our transport of the connection that was dialled last. */
  opened(open: (owner: TransportOwner) => Transport): void {
    const trial = this.trials.at(-1);
    const transport = open(trial ?? new Trial());
    if (this.#isClosing || trial === undefined) transport.destroy();
    else trial.opened(transport);
  }

  /** Makes another connection. @returns The owner of our transport, the transport, and the peer. */
  async pair(dial: (port: number) => Socket | Promise<Socket>): Promise<[Trial, Transport, Socket]> {
    const trial = new Trial();
    this.trials.push(trial);
    const peer = this.keep(await dial(this.#port));
    await trial.until(() => trial.transport !== undefined);
    return [trial, trial.transport!, peer];
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #listening(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // Otherwise node:cluster shares the port, and another process gets the connections.
      this.#server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, resolve);
    });
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    const server = this.#server;
    const gone = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    for (const { transport } of this.trials) transport?.destroy();
    // A TLS socket was opened after the socket below it, so it closes first.
    await Promise.all(this.#sockets.toReversed().map((socket) => closed(socket)));
    await gone;
  }
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await gone;
}

/** Both sides exchange small and large data, then end one after the other. */
export async function talk(trial: Trial, transport: Transport, peer: Socket): Promise<void> {
  let text = '';
  let bytes = 0;
  peer.on('data', (chunk: Buffer) => {
    if (text.length < 16) text += chunk.toString('latin1');
    bytes += chunk.length;
    trial.look();
  });
  insist(transport.remotePort === peer.localPort, 'the address of the peer');
  peer.write('one');
  await trial.until(() => trial.text === 'one');
  transport.write([Buffer.from('two')]);
  insist(!transport.blocked && transport.bufferedBytes === 0, 'small writes wait');
  transport.write([Buffer.from('three'), Buffer.from('four')]);
  await trial.until(() => text === 'twothreefour');

  transport.pause();
  peer.pause();
  peer.write('five');
  const chunk = Buffer.alloc(CHUNK_BYTES, 'hawser');
  let chunks = 0;
  for (; !transport.blocked && chunks < MAX_CHUNKS; chunks++) transport.write([chunk]);
  insist(transport.blocked && transport.bufferedBytes > 0, 'a write never waits');
  insist(trial.text === 'one', 'paused input arrives');
  const due = 12 + chunks * CHUNK_BYTES;
  peer.resume();
  await trial.until(() => bytes === due && !transport.blocked);
  insist(transport.bufferedBytes === 0, 'bytes wait after they were taken');
  transport.resume();
  await trial.until(() => trial.text === 'onefive');

  let peerEnded = false;
  peer.on('end', () => {
    peerEnded = true;
    trial.look();
  });
  transport.end();
  await trial.until(() => peerEnded);
  insist(trial.end === undefined, 'ending one half ends both');
  peer.end();
  await trial.until(() => trial.end !== undefined);
  insist(trial.inputEnded && trial.end?.error === undefined, 'the end is an error');
}

/** Resets the connection. @param raw The TCP socket of the peer. */
export async function reset(trial: Trial, transport: Transport, peer: Socket, raw: Socket): Promise<void> {
  peer.write('six');
  await trial.until(() => trial.text === 'six');
  raw.resetAndDestroy();
  await trial.until(() => trial.end !== undefined);
  insist(
    (trial.end?.error as { readonly code?: string } | undefined)?.code === 'ECONNRESET',
    'a reset is no error',
  );
  transport.write([Buffer.from('seven')]);
  insist(transport.bufferedBytes === 0, 'what is gone keeps bytes');
}
