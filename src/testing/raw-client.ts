import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type DecodedFrame, frameBytes, readFrame } from './read-frames.ts';
import { resetStream } from './reset.ts';
import { type ResponseHead, readResponseHead } from './response-head.ts';
import { DEFAULT_DEADLINE_MS, WaitError, type WaitOptions, waitForEvent } from './wait-for.ts';
import {
  checkArgument,
  checkCallOptions,
  NUMBER,
  OBJECT,
  OPTIONS,
  STREAM,
  TEXT,
  TEXT_OR_BYTES,
} from './call-check.ts';

/** The key of the RFC's example handshake (§1.3); its answer is `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=`. */
export const EXAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
/** Longest piece of what arrived that an error shows. */
const SHOWN_BYTES = 64;

/** What a {@link RawClient} sends as its opening handshake. */
export interface RawUpgradeOptions extends WaitOptions {
  /** Request target. Default `/`. */
  readonly path?: string;
  /** Value of Sec-WebSocket-Key. Default {@link EXAMPLE_KEY}. */
  readonly key?: string;
  /** Offered subprotocols, in one field. Default none. */
  readonly protocols?: readonly string[];
  /** More fields, sent unchecked. One of the same name takes the place of ours; `undefined` leaves ours out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * A client that knows no rules: it sends the bytes it is given and collects what comes back. It reads all the time, never
 * answers by itself, and never emits: failures show in the waits, each of which has a deadline and says what it waited
 * for and what had arrived.
 */
export class RawClient implements Disposable {
  /** The connection below; owned by this client. */
  readonly stream: Duplex;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #error: Error | undefined;
  // A stream calls itself closed before it has told why.
  #closed: boolean;
  readonly #waiting = new Set<() => void>();

  private constructor(stream: Duplex) {
    this.stream = stream;
    this.#closed = stream.closed;
    stream.on('error', (error) => {
      this.#error ??= error;
    });
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#changed();
    });
    stream.on('end', () => this.#changed());
    stream.on('close', () => {
      this.#closed = true;
      this.#changed();
    });
  }

  /**
   * Connects over TCP.
   * @param options `host` is `127.0.0.1` by default.
   * @throws WaitError if that fails, or takes longer than the deadline.
   */
  static async connect(
    options: { readonly port: number; readonly host?: string } & WaitOptions,
  ): Promise<RawClient> {
    checkArgument('RawClient.connect', 'options', options, OBJECT);
    checkCallOptions('RawClient.connect', options, OPTIONS.connect);
    checkArgument('RawClient.connect', 'port', options.port, NUMBER);
    const { port, host = '127.0.0.1', deadlineMs } = options;
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
    try {
      await waitForEvent(socket, 'connect', deadlineMs === undefined ? {} : { deadlineMs });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return RawClient.over(socket);
  }

  /** Takes over a connection that stands already: an end of `duplexPair`, a TLS socket, a socket with faults. */
  static over(stream: Duplex): RawClient {
    checkArgument('RawClient.over', 'stream', stream, STREAM);
    return new RawClient(stream);
  }

  /** What has arrived and was not taken by a wait yet, in memory of its own. */
  get received(): Buffer {
    return Buffer.from(this.#arrived());
  }

  /** Sends bytes, or a string as UTF-8. The bytes must stay as they are until they are out. */
  send(bytes: Uint8Array | string): void {
    checkArgument('rawClient.send', 'bytes', bytes, TEXT_OR_BYTES);
    this.stream.write(bytes);
  }

  /**
   * Sends an upgrade request and takes the head of the answer, whatever it is: nothing is checked.
   * @throws WaitError if no whole head arrives.
   */
  async upgrade(options: RawUpgradeOptions = {}): Promise<ResponseHead> {
    checkCallOptions('rawClient.upgrade', options, OPTIONS.upgrade);
    const { path = '/', key = EXAMPLE_KEY, protocols = [], headers = {} } = options;
    const ours: [string, string][] = [
      ['Host', 'localhost'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', key],
      ['Sec-WebSocket-Version', '13'],
    ];
    if (protocols.length > 0) ours.push(['Sec-WebSocket-Protocol', protocols.join(', ')]);
    const replaced = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    const lines = ours.filter(([name]) => !replaced.has(name.toLowerCase()));
    for (const [name, value] of Object.entries(headers)) {
      for (const one of value === undefined ? [] : [value].flat()) lines.push([name, one]);
    }
    this.send(
      `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
    const { deadlineMs } = options;
    return this.nextHead(deadlineMs === undefined ? {} : { deadlineMs });
  }

  /**
   * Takes the next response head.
   * @throws WaitError if none arrives in time, or something else does.
   */
  nextHead(options: WaitOptions = {}): Promise<ResponseHead> {
    return this.#wait('a response head', options, () => {
      const head = readResponseHead(this.#arrived());
      if (head !== undefined) this.#take(head.raw.length);
      return head ?? this.#over();
    });
  }

  /**
   * Takes everything up to `delimiter`, and that as well: a request head, for example, if a client is at the other end.
   * @throws WaitError if it does not come.
   */
  nextUntil(delimiter: string, options: WaitOptions = {}): Promise<Buffer> {
    checkArgument('rawClient.nextUntil', 'delimiter', delimiter, TEXT);
    return this.#wait(JSON.stringify(delimiter), options, () => {
      const at = this.#arrived().indexOf(delimiter);
      if (at < 0) return this.#over();
      const taken = Buffer.from(this.#arrived().subarray(0, at + Buffer.byteLength(delimiter)));
      this.#take(taken.length);
      return taken;
    });
  }

  /**
   * Takes the next frame, unmasked and unjudged.
   * @throws WaitError if no whole frame arrives.
   */
  nextFrame(options: WaitOptions = {}): Promise<DecodedFrame> {
    // Joined once and not at every chunk: frames may be large.
    let needed = 2;
    return this.#wait('a frame', options, () => {
      if (this.#bytes < needed) return this.#over();
      needed = frameBytes(this.#arrived()) ?? this.#bytes + 1;
      if (this.#bytes < needed) return this.#over();
      const frame = readFrame(this.#arrived())!;
      this.#take(frame.end);
      return frame;
    });
  }

  /**
   * Takes everything up to the end of the peer's half.
   * @throws WaitError if the end does not come, or the connection breaks instead.
   */
  receivedUntilEnd(options: WaitOptions = {}): Promise<Buffer> {
    return this.#wait("the end of the peer's half", options, () => {
      if (!this.stream.readableEnded) return this.#over();
      const received = this.received;
      this.#take(received.length);
      return received;
    });
  }

  /**
   * Waits until nothing is left of the connection; ends our half once the peer has ended its own.
   * @returns The error that broke it; `undefined` after a regular end.
   * @throws WaitError at the deadline.
   */
  async waitForClose(options: WaitOptions = {}): Promise<Error | undefined> {
    await this.#wait('the connection to close', options, () => {
      if (this.stream.readableEnded && this.stream.writable) this.stream.end();
      return this.#closed ? true : undefined;
    });
    return this.#error;
  }

  /** Stops reading: the buffers on the way fill up. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** Ends our half once everything sent is out; the peer may go on. */
  end(): void {
    this.stream.end();
  }

  /** Breaks the connection: the peer sees a reset where the connection below can say so, a sudden end elsewhere. */
  reset(): void {
    resetStream(this.stream);
  }

  /** Closes the connection at once, if it is still there. */
  [Symbol.dispose](): void {
    this.stream.destroy();
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  /** @throws WaitError if nothing can arrive any more. */
  #over(): undefined {
    if (this.stream.readableEnded) throw new WaitError('the peer ended its half');
    if (this.#error !== undefined)
      throw new WaitError(`the connection broke (${this.#error.message})`, { cause: this.#error });
    if (this.#closed) throw new WaitError('the connection was closed');
    return undefined;
  }

  /** Asks `look` now and after every change, until it has an answer or throws. */
  #wait<Answer>(what: string, options: WaitOptions, look: () => Answer | undefined): Promise<Answer> {
    checkCallOptions('rawClient', options, OPTIONS.wait);
    const { deadlineMs = DEFAULT_DEADLINE_MS } = options;
    return new Promise<Answer>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(deadline);
        this.#waiting.delete(attempt);
      };
      const fail = (why: string, cause?: unknown): void => {
        done();
        reject(new WaitError(`waited for ${what}, but ${why}; ${this.#shown()}`, { cause }));
      };
      const attempt = (): void => {
        try {
          const answer = look();
          if (answer === undefined) return;
          done();
          resolve(answer);
        } catch (error) {
          fail((error as Error).message, error);
        }
      };
      const deadline = setTimeout(() => fail(`${deadlineMs} ms passed`), deadlineMs);
      this.#waiting.add(attempt);
      attempt();
    });
  }

  /** What has arrived, in one piece. */
  #arrived(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #take(bytes: number): void {
    this.#chunks = [this.#arrived().subarray(bytes)];
    this.#bytes -= bytes;
  }

  #shown(): string {
    const arrived = this.#arrived();
    if (arrived.length === 0) return 'nothing had arrived since';
    const shown = arrived.subarray(0, SHOWN_BYTES);
    const more = arrived.length > SHOWN_BYTES ? '…' : '';
    const asText = JSON.stringify(shown.toString('latin1'));
    return `${arrived.length} bytes had arrived: ${shown.toString('hex')}${more} (${asText})`;
  }
}
