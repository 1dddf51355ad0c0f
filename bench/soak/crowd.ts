import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { EXAMPLE_KEY } from '../../src/testing/index.ts';

/** Many connections that cost little: sockets that answer pings and count bytes. Plain data. */
export interface CrowdPlan {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Whether they are streams of HTTP/2 sessions (RFC 8441), of which each needs one descriptor for all its streams. */
  readonly http2: boolean;
}

/** Streams of one HTTP/2 session. */
const STREAMS = 1_000;
/** Memory that Node allows one session, in MB. */
export const SESSION_MEMORY = 1_000;
const CONNECT = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':path': '/',
  'sec-websocket-version': '13',
};

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
  readonly #sessions: ClientHttp2Session[] = [];
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
    if (this.#plan.http2) this.#stream();
    else this.#socket(host, port);
  }

  #socket(host: string, port: number): void {
    const socket = connect({ host, port, noDelay: true });
    this.#watch(socket);
    socket.once('data', (head) => {
      const end = head.indexOf('\r\n\r\n');
      if (head.toString('latin1', 9, 12) !== '101' || end < 0) socket.destroy();
      else this.#accepted(socket, head.subarray(end + 4));
    });
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\n\r\n`,
    );
  }

  #stream(): void {
    const stream = this.#session().request(CONNECT, { endStream: false });
    this.#watch(stream);
    stream.once('response', ({ ':status': status }) => {
      if (status === 200) this.#accepted(stream, Buffer.alloc(0));
      else stream.destroy();
    });
  }

  /** The session of the next stream. */
  #session(): ClientHttp2Session {
    const { host, port } = this.#plan;
    if (this.#sessions.length * STREAMS < this.#started) {
      const session = connectHttp2(`http://${host}:${port}`, { maxSessionMemory: SESSION_MEMORY });
      session.on('error', () => undefined);
      this.#sessions.push(session);
    }
    return this.#sessions.at(-1)!;
  }

  #watch(stream: Duplex): void {
    stream.on('error', () => undefined);
    stream.once('close', () => {
      this.lost++;
      this.#next();
    });
  }

  /** A handshake was accepted. @param head The first bytes after it. */
  #accepted(stream: Duplex, head: Buffer): void {
    this.open++;
    stream.once('close', () => void this.open--);
    let rest: Buffer = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      rest = this.#read(stream, rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
    };
    stream.on('data', read);
    read(head);
    this.#next();
  }

  /** Reads whole frames. @returns The bytes of a frame that is not complete. */
  #read(stream: Duplex, bytes: Buffer): Buffer {
    let at = 0;
    for (;;) {
      const sizes = sizesOf(bytes, at);
      if (sizes === undefined || at + sizes.header + sizes.payload > bytes.length)
        return Buffer.from(bytes.subarray(at));
      if (bytes[at] === PING) stream.write(PONG);
      else if (bytes[at] === CLOSE) stream.end();
      else this.#count(sizes.payload);
      at += sizes.header + sizes.payload;
    }
  }
}
