import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { RawClient, WaitError } from '../testing/index.ts';
import { printable } from '../protocol/index.ts';
import { text } from './build.ts';
import type { Case } from './case.ts';
import { type Arrival, readRequest } from './client-request.ts';
import type { RunContext, RunResult } from './judge-run.ts';
import { judgeClientRun } from './judge-client.ts';
import { encodeResponse } from './response.ts';
import { skipped } from './result.ts';
import { type AnyRun, stopwatch } from './suite.ts';
import { Wire } from './wire.ts';

/** Close code that tells a client to stop: a code for applications (§7.4.2) that no case uses. */
export const ALL_DONE = 4_321;
/** Time limit for the next connection after the first one, in ms. */
const AWAY_MS = 15_000;
/** How long the listener still tells connecting clients to stop, in ms. */
const GOODBYE_MS = 5_000;
const TOKEN = 'hawser conform: is this an echo?';

/** The client under test: any client that connects. Each connection serves one run. */
export class ClientPeer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #timeoutMs: number;
  readonly #sockets = new Set<Socket>();
  readonly #seenKeys = new Set<string>();
  readonly #arrived: Arrival[] = [];
  readonly #takers: ((arrival: Arrival | undefined) => void)[] = [];
  #running = 0;
  #gone = false;

  private constructor(server: Server, timeoutMs: number) {
    this.#server = server;
    this.#timeoutMs = timeoutMs;
    const { address, port, family } = server.address() as AddressInfo;
    this.url = `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      void this.#arrive(RawClient.over(socket));
    });
  }

  /** Listens for the client. @throws Error if the address or port cannot be used. */
  static async listen(
    host: string,
    port: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ClientPeer> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    try {
      await once(server.listen(port, host), 'listening');
    } catch (error) {
      throw new Error(`cannot listen on ${host} port ${port}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const peer = new ClientPeer(server, timeoutMs);
    signal.addEventListener('abort', () => peer.#leave(), { once: true });
    if (signal.aborted) peer.#leave();
    return peer;
  }

  async #arrive(raw: RawClient): Promise<void> {
    let head: Buffer;
    try {
      head = await raw.nextUntil('\r\n\r\n', { deadlineMs: this.#timeoutMs });
    } catch {
      // The peer sent no request head: not a client.
      raw[Symbol.dispose]();
      return;
    }
    const arrival = { raw, request: readRequest(head) };
    const taker = this.#takers.shift();
    if (taker === undefined) this.#arrived.push(arrival);
    else taker(arrival);
  }

  /** Waits for the next connection. @returns `undefined` if none arrives for `awayMs` while no run is active. */
  #take(awayMs: number): Promise<Arrival | undefined> {
    const arrival = this.#arrived.shift();
    if (arrival !== undefined || this.#gone) return Promise.resolve(arrival);
    return new Promise((resolve) => {
      const taker = (arrival: Arrival | undefined): void => {
        clearTimeout(timer);
        resolve(arrival);
      };
      const expired = (): void => {
        if (this.#running > 0) timer.refresh();
        else this.#leave();
      };
      // For `Infinity`, the maximum delay of a timer.
      const timer = setTimeout(expired, Math.min(awayMs, 2 ** 31 - 1));
      this.#takers.push(taker);
    });
  }

  #leave(): void {
    this.#gone = true;
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /**
   * Waits for the first connection and finds out whether the client echoes messages.
   * @returns `undefined` if the test was interrupted before a client connected.
   */
  async probe(): Promise<
    | {
        readonly name: string;
        readonly echoes: boolean;
        readonly remarks: readonly string[];
      }
    | undefined
  > {
    const arrival = await this.#take(Infinity);
    if (arrival === undefined) return undefined;
    const name = printable(arrival.request.userAgent) || 'a client without a name';
    using wire = new Wire(arrival.raw, 'client');
    arrival.raw.send(encodeResponse({}, arrival.request));
    wire.send(text(TOKEN));
    const event = await wire.next(Math.min(this.#timeoutMs, 2_000));
    const echoes =
      event.type === 'breach' ||
      ((event.type === 'text' || event.type === 'binary') && event.payload.toString() === TOKEN);
    await this.#farewell(wire, 1000);
    return {
      name,
      echoes,
      remarks: [
        echoes
          ? 'The client sends messages back.'
          : 'The client does not send messages back: cases that need an echo are skipped.',
      ],
    };
  }

  /** Closes with a closing handshake, and does not check the answers of the client. */
  async #farewell(wire: Wire, code: number): Promise<void> {
    wire.send({ opcode: 8, payload: new Uint8Array([code >> 8, code & 0xff]) });
    for (;;) {
      const { type } = await wire.next(Math.min(this.#timeoutMs, 1_000));
      if (type !== 'text' && type !== 'binary' && type !== 'ping' && type !== 'pong') break;
    }
    wire.raw.end();
    await wire.next(Math.min(this.#timeoutMs, 1_000));
  }

  /** Executes one run on the next connection. */
  async run(one: Case, run: AnyRun, context: RunContext): Promise<RunResult> {
    const arrival = await this.#take(AWAY_MS);
    if (arrival === undefined) return skipped(run.label ?? '', 'the client did not connect again');
    this.#running++;
    try {
      return await judgeClientRun(one, run, arrival, this.#seenKeys, context);
    } catch (error) {
      if (!(error instanceof WaitError)) throw error;
      return { ...skipped(run.label ?? '', printable(error.message)), verdict: 'fail' };
    } finally {
      this.#running--;
      arrival.raw[Symbol.dispose]();
    }
  }

  /** Tells clients that still connect to stop. */
  async dismiss(): Promise<void> {
    const sinceMs = stopwatch();
    while (sinceMs() < GOODBYE_MS) {
      const arrival = await this.#take(GOODBYE_MS / 5);
      if (arrival === undefined) return;
      using wire = new Wire(arrival.raw, 'client');
      arrival.raw.send(encodeResponse({}, arrival.request));
      await this.#farewell(wire, ALL_DONE);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
    for (const { raw } of this.#arrived) raw[Symbol.dispose]();
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}
