import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { normalizeAddress } from './ip-address.ts';
import type { TransportOwner } from './transport.ts';

/** Reads the first bytes of a socket before TLS does, and puts the bytes that belong to TLS back. */
export class Entrance {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #listeners: Readonly<Record<string, (...args: never[]) => void>>;
  #fault: Error | undefined;
  #isReleased = false;

  /** @param socket Just accepted. @param owner Gets bytes and the end, until {@link release}. */
  constructor(socket: Socket, owner: Pick<TransportOwner, 'received' | 'receivedEnd' | 'closed'>) {
    this.#socket = socket;
    this.remoteAddress = normalizeAddress(socket.remoteAddress ?? '');
    this.#listeners = {
      readable: () => {
        while (!this.#isReleased && !socket.destroyed) {
          const chunk = socket.read() as Buffer | null;
          if (chunk === null) return;
          owner.received(chunk);
        }
      },
      end: () => owner.receivedEnd(),
      error: (error: Error) => (this.#fault ??= error),
      close: () => owner.closed(this.#fault),
    };
    for (const [name, listener] of Object.entries(this.#listeners))
      socket.on(name, listener as (...args: unknown[]) => void);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Removes the listeners and returns the socket. @param rest Unused bytes; a copy is put back into the socket. */
  release(rest: Uint8Array): Socket {
    const socket = this.#socket;
    this.#isReleased = true;
    for (const [name, listener] of Object.entries(this.#listeners))
      socket.off(name, listener as (...args: unknown[]) => void);
    if (rest.length > 0) socket.unshift(Buffer.from(rest));
    return socket;
  }
}
