import { connect, type Socket } from 'node:net';
import { EXAMPLE_KEY } from '../../src/testing/index.ts';

/** Many connections that cost little: sockets that answer pings and count bytes. Plain data. */
export interface CrowdPlan {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
}

/** Handshakes in progress. */
const OPENING = 128;
const PONG = Buffer.of(0x8a, 0x80, 0, 0, 0, 0);
const PING = 0x89;
const CLOSE = 0x88;

/** Bytes of a frame with a header of one, two or four bytes of length: no message here is longer. */
function sizesOf(
  bytes: Buffer,
  at: number,
): { readonly header: number; readonly payload: number } | undefined {
  if (at + 2 > bytes.length) return undefined;
  const short = bytes[at + 1]!;
  if (short < 126) return { header: 2, payload: short };
  if (short > 126) throw new Error('no message here is that long');
  return at + 4 > bytes.length ? undefined : { header: 4, payload: bytes.readUInt16BE(at + 2) };
}

/** Opens connections, and keeps them. */
export class Crowd {
  open = 0;
  /** Connections that failed, or that the server ended. */
  lost = 0;
  readonly #plan: CrowdPlan;
  readonly #done: () => void;
  readonly #opened: Promise<void>;
  #started = 0;
  #bytes = 0;
  #wanted: { readonly bytes: number; readonly resolve: () => void } | undefined;

  constructor(plan: CrowdPlan) {
    this.#plan = plan;
    let done = (): void => undefined;
    this.#opened = new Promise((resolve) => (done = resolve));
    this.#done = done;
    for (let i = 0; i < OPENING; i++) this.#next();
  }

  /** Resolves with the number of open connections when each is open or has failed. */
  async opened(): Promise<number> {
    await this.#opened;
    return this.open;
  }

  /** Resolves when all connections together have received so many bytes of messages. */
  received(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = { bytes, resolve };
      this.#count(0);
    });
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#wanted !== undefined && this.#bytes >= this.#wanted.bytes) {
      const { resolve } = this.#wanted;
      this.#wanted = undefined;
      resolve();
    }
  }

  #next(): void {
    const { connections, host, port } = this.#plan;
    if (this.open + this.lost === connections) this.#done();
    if (this.#started >= connections) return;
    this.#started++;
    const socket = connect({ host, port, noDelay: true });
    socket.on('error', () => undefined);
    socket.once('data', (head) => {
      const end = head.indexOf('\r\n\r\n');
      if (head.toString('latin1', 9, 12) !== '101' || end < 0) {
        socket.destroy();
        return;
      }
      this.open++;
      socket.once('close', () => void this.open--);
      // One listener for all sockets would save memory of this process only.
      let rest: Buffer = Buffer.alloc(0);
      const read = (chunk: Buffer): void => {
        rest = this.#read(socket, rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
      };
      socket.on('data', read);
      read(head.subarray(end + 4));
      this.#next();
    });
    socket.once('close', () => {
      this.lost++;
      this.#next();
    });
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\n\r\n`,
    );
  }

  /** Reads whole frames. @returns The bytes of a frame that is not complete. */
  #read(socket: Socket, bytes: Buffer): Buffer {
    let at = 0;
    for (;;) {
      const sizes = sizesOf(bytes, at);
      if (sizes === undefined || at + sizes.header + sizes.payload > bytes.length)
        return Buffer.from(bytes.subarray(at));
      if (bytes[at] === PING) socket.write(PONG);
      else if (bytes[at] === CLOSE) socket.end();
      else this.#count(sizes.payload);
      at += sizes.header + sizes.payload;
    }
  }
}
