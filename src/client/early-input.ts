import { Buffer } from 'node:buffer';
import process from 'node:process';
import type { ArrivedTransport, TransportOwner } from '../sockets/transport.ts';

/** Stands between a transport and the owner of a new connection for a moment. */
class EarlyInput implements TransportOwner {
  readonly #transport: ArrivedTransport;
  readonly #owner: TransportOwner;
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #gone: { readonly error: Error | undefined } | undefined;

  constructor(transport: ArrivedTransport, owner: TransportOwner) {
    this.#transport = transport;
    this.#owner = owner;
  }

  received(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(Buffer.from(chunk));
  }

  receivedEnd(): void {
    this.#ended = true;
  }

  writable(): void {
    this.#owner.writable();
  }

  closed(error: Error | undefined): void {
    this.#gone = { error };
  }

  release(): void {
    const owner = this.#owner;
    this.#transport.handTo(owner);
    for (const chunk of this.#chunks) owner.received(chunk);
    if (this.#ended) owner.receivedEnd();
    if (this.#gone !== undefined) owner.closed(this.#gone.error);
  }
}

/**
 * Hands a transport over, but holds back what comes with the 101, or right behind it, until whoever awaits the connection,
 * through however many functions, has it and could attach listeners.
 * @param rest What has come already.
 */
export function handOverLater(
  transport: ArrivedTransport,
  owner: TransportOwner,
  rest: Buffer,
): ArrivedTransport {
  const early = new EarlyInput(transport, owner);
  early.received(rest);
  // A tick that is asked for by a microtask comes behind all that are waiting, and before anything else is read.
  queueMicrotask(() => process.nextTick(() => early.release()));
  return transport.handTo(early);
}
