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
/** Maximum number of received bytes that an error shows. */
const SHOWN_BYTES = 64;

/** The opening handshake of a {@link RawClient}. */
export interface RawUpgradeOptions extends WaitOptions {
  /** Request target. Default `/`. */
  readonly path?: string;
  /** Value of Sec-WebSocket-Key. Default {@link EXAMPLE_KEY}. */
  readonly key?: string;
  /** Offered subprotocols, in one field. Default: none. */
  readonly protocols?: readonly string[];
  /** Further fields, sent unchecked. A field replaces the standard field of the same name; `undefined` removes it. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * A client without protocol rules: sends the bytes it is given and collects the received bytes. It reads all the
 * time, sends no automatic answers, and emits no events. Failures reject the waits. Each wait has a deadline, and its
 * error names what it waited for and what had arrived.
 */
export class RawClient implements Disposable {
  /** The underlying connection. Owned by this client. */
  readonly stream: Duplex;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #error: Error | undefined;
  // Not `stream.closed`: it is set before `error` has been emitted.
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

  /** Uses an open connection: an end of `duplexPair`, a TLS socket, a socket with faults. The client owns it from now on. */
  static over(stream: Duplex): RawClient {
    checkArgument('RawClient.over', 'stream', stream, STREAM);
    return new RawClient(stream);
  }

  /** A copy of the received bytes that no wait has taken. */
  get received(): Buffer {
    return Buffer.from(this.#arrived());
  }

  /** Sends bytes, or a string as UTF-8. Do not change the bytes until they are written. */
  send(bytes: Uint8Array | string): void {
    checkArgument('rawClient.send', 'bytes', bytes, TEXT_OR_BYTES);
    this.stream.write(bytes);
  }

  /**
   * Sends an upgrade request and takes the head of the response. Checks nothing.
   * @throws WaitError if no complete head arrives.
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
   * @throws WaitError if none arrives in time, or the bytes are not a response head.
   */
  nextHead(options: WaitOptions = {}): Promise<ResponseHead> {
    return this.#wait('a response head', options, () => {
      const head = readResponseHead(this.#arrived());
      if (head !== undefined) this.#take(head.raw.length);
      return head ?? this.#over();
    });
  }

  /**
   * Takes the bytes up to and including `delimiter`: for example a request head, if the peer is a client.
   * @throws WaitError if the delimiter does not arrive.
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
   * Takes the next frame and unmasks it. Checks nothing.
   * @throws WaitError if no complete frame arrives.
   */
  nextFrame(options: WaitOptions = {}): Promise<DecodedFrame> {
    // Joins the chunks once, not for each chunk: frames may be large.
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
   * Takes all bytes up to the EOF of the peer.
   * @throws WaitError if no EOF arrives, or the connection fails.
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
   * Waits until the connection is closed. Ends the writable half after the EOF of the peer.
   * @returns The error that broke the connection; `undefined` after a regular end.
   * @throws WaitError at the deadline.
   */
  async waitForClose(options: WaitOptions = {}): Promise<Error | undefined> {
    await this.#wait('the connection to close', options, () => {
      if (this.stream.readableEnded && this.stream.writable) this.stream.end();
      return this.#closed ? true : undefined;
    });
    return this.#error;
  }

  /** Stops reading: the buffers between the peers fill up. */
  pause(): void {
    this.stream.pause();
  }

  /** Reads from the stream again, after `pause`. */
  resume(): void {
    this.stream.resume();
  }

  /** Half-closes the connection after all sent bytes. The peer may go on sending. */
  end(): void {
    this.stream.end();
  }

  /** Aborts the connection. The peer sees a reset if the stream supports one, otherwise an end. */
  reset(): void {
    resetStream(this.stream);
  }

  /** Destroys the connection, if it is open. */
  [Symbol.dispose](): void {
    this.stream.destroy();
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  /** @throws WaitError if nothing further can arrive. */
  #over(): undefined {
    if (this.stream.readableEnded) throw new WaitError('the peer ended its half');
    if (this.#error !== undefined)
      throw new WaitError(`the connection broke (${this.#error.message})`, { cause: this.#error });
    if (this.#closed) throw new WaitError('the connection was closed');
    return undefined;
  }

  /** Calls `look` now and after each change, until it returns an answer or throws. */
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

  /** The received bytes, joined. */
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
    if (arrived.length === 0) return 'no further bytes had arrived';
    const shown = arrived.subarray(0, SHOWN_BYTES);
    const more = arrived.length > SHOWN_BYTES ? '…' : '';
    const asText = JSON.stringify(shown.toString('latin1'));
    return `${arrived.length} bytes had arrived: ${shown.toString('hex')}${more} (${asText})`;
  }
}
