import { MisuseError } from '../protocol/errors.ts';
import type { Transport } from '../sockets/transport.ts';

/** How far the socket of an ending connection is. "Half" is one direction of the byte stream, as in "half-close". */
export type SocketStep =
  | 'open'
  /** Our half ends after the pending output. */
  | 'ending'
  /** Our half has ended; the peer's is open. */
  | 'ended'
  /** The peer's half has ended; ours is open. */
  | 'peer-ended'
  /** The peer's half has ended; ours ends after the pending output. */
  | 'peer-ended-ending'
  | 'both-ended'
  /** Destroyed with its unwritten output; the transport has not reported its end yet. */
  | 'destroyed'
  | 'closed';
export type SocketMove = 'end' | 'output-ended' | 'peer-end' | 'destroy' | 'close';

const SOCKET_MOVES: Readonly<Record<SocketStep, Partial<Record<SocketMove, SocketStep>>>> = {
  open: { end: 'ending', 'peer-end': 'peer-ended', destroy: 'destroyed', close: 'closed' },
  ending: {
    end: 'ending',
    'output-ended': 'ended',
    'peer-end': 'peer-ended-ending',
    destroy: 'destroyed',
    close: 'closed',
  },
  ended: { end: 'ended', 'peer-end': 'both-ended', destroy: 'destroyed', close: 'closed' },
  'peer-ended': {
    end: 'peer-ended-ending',
    'peer-end': 'peer-ended',
    destroy: 'destroyed',
    close: 'closed',
  },
  'peer-ended-ending': {
    end: 'peer-ended-ending',
    'output-ended': 'both-ended',
    'peer-end': 'peer-ended-ending',
    destroy: 'destroyed',
    close: 'closed',
  },
  'both-ended': { end: 'both-ended', 'peer-end': 'both-ended', destroy: 'destroyed', close: 'closed' },
  // The transport may still report the end of the peer's half that it had seen before.
  destroyed: { end: 'destroyed', 'peer-end': 'destroyed', destroy: 'destroyed', close: 'closed' },
  closed: { end: 'closed', 'peer-end': 'closed', destroy: 'closed' },
};

/** @throws MisuseError `ERR_STATE` for a move that is not in the table: an internal error. */
export function moveSocket(from: SocketStep, move: SocketMove): SocketStep {
  const to = SOCKET_MOVES[from][move];
  if (to === undefined) throw new MisuseError('ERR_STATE', `socket: ${move} while ${from}`);
  return to;
}

/** The socket of a connection that ends: which halves are open, and whether output is pending. */
export class SocketEnd {
  #step: SocketStep = 'open';
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The transport has reported that the socket is closed. */
  get isClosed(): boolean {
    return this.#step === 'closed';
  }

  /** Nothing further can be written, and the buffered bytes of the socket do not count. */
  get isOver(): boolean {
    return this.#step === 'destroyed' || this.#step === 'closed';
  }

  /** The peer has ended its half, or the socket has closed: no more bytes come. */
  get isInputEnded(): boolean {
    const step = this.#step;
    return (
      step === 'peer-ended' || step === 'peer-ended-ending' || step === 'both-ended' || step === 'closed'
    );
  }

  /** Our half ends after the pending output; {@link outputSent} has to be called then. */
  get isEnding(): boolean {
    return this.#step === 'ending' || this.#step === 'peer-ended-ending';
  }

  /** Ends our half after the pending output. */
  end(): void {
    this.#move('end');
  }

  /** Call when all output was sent: ends our half. */
  outputSent(): void {
    this.#move('output-ended');
    this.#transport.end();
  }

  /** Call when the peer has ended its half. */
  peerEnded(): void {
    this.#move('peer-end');
  }

  /** Destroys the socket and its unwritten output. */
  destroy(): void {
    if (this.#step === 'closed') return;
    this.#move('destroy');
    this.#transport.destroy();
  }

  /** Call when the transport reports that the socket is closed. */
  closed(): void {
    this.#move('close');
  }

  #move(move: SocketMove): void {
    this.#step = moveSocket(this.#step, move);
  }
}
