// The clients of bench/storm.ts in their own process: sockets that count frames and keep nothing. Reads orders as lines of JSON, and
// prints a line when an order was carried out.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { EXAMPLE_KEY, text } from '../src/testing/index.ts';

/** What the process is told to do. */
export type StormOrder =
  | { readonly open: number; readonly port: number; readonly protocol?: string }
  /** Sends a text, or nothing, on every connection, and waits until each has received so many frames. */
  | { readonly text?: string; readonly frames: number };

/** Connections that are opened at a time. */
const OPENING = 200;
/** Connections that send in one turn. */
const TURN = 2_000;

/** One client. */
class Client {
  readonly socket: Socket;
  /** Frames that are still to come. The first one of hawser.v1 is `hello`. */
  left: number;
  /** All of them have come. */
  complete = opened;
  #isOpen = false;
  /** Bytes of the current frame that are still to come. */
  #frameBytes = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number, protocol: string | undefined) {
    this.left = protocol === undefined ? 0 : 1;
    this.socket = connect(port, '127.0.0.1');
    const offered = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
    this.socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\n${offered}\r\n`,
    );
    this.socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.socket.on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  #received(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isOpen) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#rest = bytes;
        return;
      }
      this.#isOpen = true;
      bytes = bytes.subarray(end + 4);
      if (this.left === 0) opened();
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#frameBytes === 0) {
        const size = frameSize(bytes, at);
        if (size === undefined) break;
        this.#frameBytes = size;
      }
      const part = Math.min(this.#frameBytes, bytes.length - at);
      this.#frameBytes -= part;
      at += part;
      if (this.#frameBytes === 0 && --this.left === 0) this.complete();
    }
    this.#rest = bytes.subarray(at);
  }
}

/** Size of the unmasked frame at an index; `undefined` if its header is not complete. */
function frameSize(bytes: Buffer, at: number): number | undefined {
  const short = bytes[at + 1];
  if (short === undefined) return undefined;
  if (short < 126) return 2 + short;
  if (short > 126) throw new Error('no message here is that long');
  return bytes.length < at + 4 ? undefined : 4 + bytes.readUInt16BE(at + 2);
}

const clients: Client[] = [];
let opening = 0;
let incomplete = 0;
const signals = new EventTarget();
const opened = (): void => void (--opening === 0 && signals.dispatchEvent(new Event('opened')));
const complete = (): void => void (--incomplete === 0 && signals.dispatchEvent(new Event('complete')));
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function carryOut(order: StormOrder): Promise<void> {
  if ('open' in order) {
    while (clients.length < order.open) {
      const all = once(signals, 'opened');
      opening = Math.min(OPENING, order.open - clients.length);
      for (let i = opening; i > 0; i--) clients.push(new Client(order.port, order.protocol));
      await all;
    }
    return;
  }
  const all = once(signals, 'complete');
  incomplete = clients.length;
  for (const client of clients) {
    client.left = order.frames;
    client.complete = complete;
  }
  if (order.text !== undefined) {
    const frame = text(order.text);
    for (const [at, { socket }] of clients.entries()) {
      socket.write(frame);
      if (at % TURN === TURN - 1) await nextTurn();
    }
  } else process.stdout.write('{}\n');
  await all;
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit());
lines.on('line', (line) => {
  void carryOut(JSON.parse(line) as StormOrder).then(() => process.stdout.write('{}\n'));
});
