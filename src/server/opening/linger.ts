import type { DeadlineOwner, DeadlineQueue } from '../../engine/deadlines.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';

/** How long a socket that was answered may stay, in ms: closing it with unread input would destroy the answer on its way. */
const LINGER_MS = 1_000;

/** The last moments of a socket that will not become a connection: our half ends, input is discarded, then it is destroyed. */
export class Linger implements TransportOwner, DeadlineOwner {
  deadlineSlot = -1;
  readonly #transport: ArrivedTransport;
  readonly #deadlines: DeadlineQueue;
  readonly #gone: (linger: Linger) => void;

  /** @param gone Called once, when nothing of the socket is left. */
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
