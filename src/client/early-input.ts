import { Buffer } from 'node:buffer';
import process from 'node:process';
import type { ArrivedTransport, TransportOwner } from '../sockets/transport.ts';

/** Buffers the input of a transport until the owner of a new connection is ready. */
export class EarlyInput implements TransportOwner {
  readonly #transport: ArrivedTransport;
  #owner: TransportOwner | undefined;
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #gone: { readonly error: Error | undefined } | undefined;

  /** @param rest Bytes that arrived with the 101. */
  constructor(transport: ArrivedTransport, rest: Buffer) {
    this.#transport = transport.handTo(this);
    this.received(rest);
  }

  /**
   * Hands the transport over, and buffers frames that follow the 101 until `await connect()` has resumed and the caller could
   * attach listeners, however many async functions sit in between.
   */
  handOverTo(owner: TransportOwner): ArrivedTransport {
    this.#owner = owner;
    // A tick that a microtask requests runs after all pending microtasks, and before the next read.
    queueMicrotask(() => process.nextTick(() => this.#release(owner)));
    return this.#transport;
  }

  received(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(Buffer.from(chunk));
  }

  receivedEnd(): void {
    this.#ended = true;
  }

  writable(): void {
    this.#owner?.writable();
  }

  closed(error: Error | undefined): void {
    this.#gone = { error };
  }

  #release(owner: TransportOwner): void {
    this.#transport.handTo(owner);
    for (const chunk of this.#chunks) owner.received(chunk);
    if (this.#ended) owner.receivedEnd();
    if (this.#gone !== undefined) owner.closed(this.#gone.error);
  }
}
