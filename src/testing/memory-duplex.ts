import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { MisuseError } from '../protocol/errors.ts';
import { type Faults, Lane } from './lane.ts';
import { connectionReset } from './reset.ts';
import { checkCallOptions, OPTIONS } from './call-check.ts';

/** Buffer sizes of a pair, and the peer address that its server sees. */
export interface DuplexPairOptions {
  /**
   * Size of each buffer in bytes: those of the two streams, and one for the bytes in flight in each direction.
   * Default 16 384.
   */
  readonly highWaterMarkBytes?: number;
  /** `remoteAddress` of the server's end. Default `127.0.0.1`. */
  readonly remoteAddress?: string;
  /** `remotePort` of the server's end. Default 50 000. */
  readonly remotePort?: number;
}

/**
 * One end of a connection in memory. Behaves like a TCP socket with `allowHalfOpen`. Bytes arrive in a later turn of
 * the event loop, in the pieces written, unless a piece exceeds the free buffer space. To close an end that has
 * unread bytes, or to write to a closed end, resets the connection.
 */
export class MemoryDuplex extends Duplex {
  /** As on a socket. May be set at any time. */
  remoteAddress: string;
  remotePort: number;
  readonly #incoming: Lane;
  readonly #outgoing: Lane;

  /** @internal */
  constructor(
    incoming: Lane,
    outgoing: Lane,
    highWaterMark: number,
    remoteAddress: string,
    remotePort: number,
  ) {
    super({ allowHalfOpen: true, highWaterMark });
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  /** Closes this end at once. The other end fails with ECONNRESET, unless `lose` dropped the reset. */
  resetAndDestroy(): this {
    this.#outgoing.reset();
    return this.destroy();
  }

  /** Called by Node's stream. */
  override _read(): void {
    this.#incoming.want();
  }

  /** Called by Node's stream. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#outgoing.offer(chunk, done);
  }

  /** Called by Node's stream. */
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#outgoing.offer(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  /** Called by Node's stream. */
  override _final(done: () => void): void {
    this.#outgoing.end();
    done();
  }

  /** Called by Node's stream. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#outgoing.withdraw();
    this.#incoming.leave();
    done(error);
  }
}

/** Two joined ends, and the faults between them. The ends differ only in their addresses. */
export interface DuplexPair {
  readonly client: MemoryDuplex;
  readonly server: MemoryDuplex;
  /** Faults of the direction from client to server. */
  readonly toServer: Faults;
  /** Faults of the direction from server to client. */
  readonly toClient: Faults;
  /** Resets the connection: both ends fail with ECONNRESET, and the bytes in flight are lost. */
  reset(): void;
}

/**
 * Makes a connection in memory, without a network.
 * @throws MisuseError `ERR_ARGUMENT` for a buffer that is not a whole number of bytes above 0.
 */
export function duplexPair(options: DuplexPairOptions = {}): DuplexPair {
  checkCallOptions('duplexPair', options, OPTIONS.duplex);
  const { highWaterMarkBytes = 16_384, remoteAddress = '127.0.0.1', remotePort = 50_000 } = options;
  if (!Number.isSafeInteger(highWaterMarkBytes) || highWaterMarkBytes < 1) {
    const wrong = `highWaterMarkBytes must be a whole number above 0, not ${highWaterMarkBytes}`;
    throw new MisuseError('ERR_ARGUMENT', wrong);
  }
  const toServer = new Lane(highWaterMarkBytes);
  const toClient = new Lane(highWaterMarkBytes);
  const client = new MemoryDuplex(toClient, toServer, highWaterMarkBytes, '127.0.0.1', 80);
  const server = new MemoryDuplex(toServer, toClient, highWaterMarkBytes, remoteAddress, remotePort);
  toServer.join(server, toClient);
  toClient.join(client, toServer);
  const reset = () => {
    client.destroy(connectionReset());
    server.destroy(connectionReset());
  };
  return { client, server, toServer, toClient, reset };
}
