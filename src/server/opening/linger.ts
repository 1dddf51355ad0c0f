import type { DeadlineOwner, DeadlineQueue } from '../../engine/deadlines.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';

/** Longest wait for the client's EOF, in ms. Closing a socket with unread input sends a reset, which destroys the answer. */
const LINGER_MS = 1_000;

/** Closes a socket after its last answer: half-closes it, discards input, and destroys it after EOF or a timeout. */
export class Linger implements TransportOwner, DeadlineOwner {
  deadlineSlot = -1;
  readonly #transport: ArrivedTransport;
  readonly #deadlines: DeadlineQueue;
  readonly #gone: (linger: Linger) => void;

  /** @param gone Called once, when the socket is closed. */
  constructor(transport: ArrivedTransport, deadlines: DeadlineQueue, gone: (linger: Linger) => void) {
    this.#transport = transport.handTo(this);
    this.#deadlines = deadlines;
    this.#gone = gone;
    transport.resume();
    transport.end();
    deadlines.plan(this, deadlines.now() + LINGER_MS);
  }

  shutDown(): void {}

  destroy(): void {
    this.#transport.destroy();
  }

  received(): void {}

  receivedEnd(): void {
    this.#transport.end();
  }

  writable(): void {}

  closed(): void {
    this.#deadlines.cancel(this);
    this.#gone(this);
  }

  deadlineReached(): void {
    this.destroy();
  }

  failed(): void {
    this.destroy();
  }
}
