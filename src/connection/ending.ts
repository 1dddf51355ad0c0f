import { NO_CLOSE } from '../protocol/close.ts';
import type { ProtocolConnection } from '../protocol/connection.ts';
import { PeerError, TransportError, WebSocketError } from '../protocol/errors.ts';
import type { Outbox } from '../protocol/outgoing/outbox.ts';
import { SocketEnd } from './socket-end.ts';
import type { Transport } from '../sockets/transport.ts';
import { type CloseCause, type CloseInfo, causeOf } from '../protocol/close-info.ts';
import { type ConnectionState, type EndStep, moveEnd } from './states.ts';
import type { Watch, WatchVerdict } from './watch.ts';

/** Bytes that are read and discarded after a failure, so that the peer can still read our Close. */
const MAX_DISCARDED_BYTES = 1_048_576;
/** How long the socket of a peer that no longer answers stays open to send the last Close frame, in ms. */
const LAST_CLOSE_MS = 1_000;

/** The link whose end this is. */
export interface EndingLink {
  readonly core: ProtocolConnection;
  readonly outbox: Outbox;
  readonly transport: Transport;
  readonly watch: Watch;
  readonly state: ConnectionState;
  /** On the clock of deadlines. */
  now(): number;
  /** Runs one step. If it throws, the exception is reported, and the next steps run. */
  attempt(step: () => void): void;
  /** Changes the state, and reports that. */
  moveTo(next: ConnectionState): void;
  /** From now on only the close and write deadlines apply. A second call does nothing. */
  closing(): void;
  /** The deadlines have changed. */
  plan(): void;
  /** Schedules a flush: output is pending, or our half is to end. */
  send(): void;
  flush(): void;
}

export interface EndingOwner {
  /** No more messages will be received: the socket has closed, or was given up. Called once. */
  ended(): void;
  /** The close timeout has passed: buffered messages are to be dropped. */
  timedOut(): void;
}

/**
 * How a connection ends: which side began it and why, and which steps remain (§7.1.1 to §7.1.7). A link has one from the first
 * sign of its end; an open connection has none.
 */
export class Ending {
  /** Set when the state turns closed. */
  info: CloseInfo | undefined;

  readonly socket: SocketEnd;

  readonly #link: EndingLink;
  readonly #owner: EndingOwner;
  #cause: CloseCause | undefined;
  #initiator: 'local' | 'remote' = 'local';
  #error: WebSocketError | undefined;
  #step: EndStep = 'pending';
  #discardedBytes = 0;

  constructor(link: EndingLink, owner: EndingOwner) {
    this.socket = new SocketEnd(link.transport);
    this.#link = link;
    this.#owner = owner;
  }

  /** What the owner knows of the end. */
  get step(): EndStep {
    return this.#step;
  }

  /** No deadline applies. */
  get isOver(): boolean {
    return this.socket.isClosed && this.#step === 'released';
  }

  /** Starts the closing handshake, after the pending messages. Only the first call counts. */
  close(code: number, reason: string, cause: CloseCause, error?: WebSocketError): void {
    const link = this.#link;
    if (link.state !== 'open') return;
    this.#blame(cause, 'local', error);
    link.core.close(code, reason);
    this.#closing();
    link.send();
  }

  /** Fails the connection: Close is sent after pending frames, and nothing further is read. */
  fail(error: PeerError): void {
    if (!this.socket.isClosed && this.#link.core.phase !== 'failed') this.#fail(error, error.closeCode);
  }

  /** The peer has sent more than the rate limit allows, and is told so with this code. */
  tooFast(closeCode: number): void {
    this.#fail(new PeerError('ERR_RATE'), closeCode);
  }

  /** Destroys the socket, without closing handshake. */
  terminate(cause: CloseCause, error?: WebSocketError): void {
    if (this.#link.state !== 'closed') {
      this.#blame(cause, 'local', error);
      this.#close();
    }
    this.socket.destroy();
  }

  /** As {@link terminate}, after a fault of the library; the end is reported even if a step of it throws. */
  terminateAfterFault(error: WebSocketError): void {
    try {
      this.terminate('internal-error', error);
    } finally {
      if (this.socket.isClosed) this.inputDone();
      else this.socket.destroy();
    }
  }

  /** The core has failed the connection, because the peer broke a rule. */
  peerFailed(): void {
    const { failure } = this.#link.core;
    this.#blame(failure === undefined ? 'internal-error' : causeOf(failure.code), 'local', failure);
    this.#failed();
  }

  /** The peer's Close has come, and is answered. */
  peerClosed(): void {
    this.#blame('peer-close', 'remote');
    this.#closing();
    // The server ends TCP first; a client waits for it, and for no longer than the close timeout (§7.1.1).
    if (this.#link.core.role === 'server') this.socket.end();
  }

  /** The owner is done with the connection: its last event was emitted. */
  release(): void {
    this.#step = moveEnd(this.#step, 'release');
  }

  /** Counts bytes that were received after the end, and are discarded. */
  discard(bytes: number): void {
    this.#discardedBytes += bytes;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.socket.destroy();
  }

  /** The input has ended, and all of it was read. */
  inputDone(): void {
    const { core, state, transport } = this.#link;
    if (state !== 'closed') {
      const clean = core.peerClose !== undefined;
      const failed = core.phase === 'failed';
      if (!clean && !failed)
        this.#blame(this.#error === undefined ? 'transport-end' : causeOf(this.#error.code), 'remote');
      if (!this.socket.isClosed && (clean || failed)) {
        // After the pending output the socket closes by itself.
        this.socket.end();
        return;
      }
      this.#close();
    }
    if (this.socket.isClosed) this.#report();
    else if (core.peerClose === undefined) transport.end();
  }

  /** @param error Set if it was lost. */
  transportClosed(error: Error | undefined): void {
    const { core, outbox, state } = this.#link;
    // After both Close frames a reset is not a failure: it ends TCP, and no bytes of the connection were lost.
    const isSettled = core.peerClose !== undefined && core.sentCode !== undefined && outbox.idle;
    this.socket.closed();
    if (error !== undefined && !isSettled && this.#error === undefined && state !== 'closed') {
      this.#error =
        error instanceof WebSocketError
          ? error
          : new TransportError('ERR_TRANSPORT', error.message, { cause: error });
    }
  }

  /**
   * A deadline has passed.
   * @returns False if the connection is beyond any other deadline now.
   */
  overdue(code: Exclude<WatchVerdict, 'ping' | 'read'>): boolean {
    const link = this.#link;
    if (code === 'ERR_CLOSE_TIMEOUT' || code === 'ERR_WRITE_TIMEOUT') {
      // The missing answer says more than the wish to close.
      if (
        code === 'ERR_CLOSE_TIMEOUT' &&
        this.#cause === 'local-close' &&
        link.core.peerClose === undefined
      ) {
        this.#cause = undefined;
      }
      this.terminate(causeOf(code), new TransportError(code));
      this.#report();
      this.#owner.timedOut();
      return false;
    }
    const error = new PeerError(code);
    if (code === 'ERR_IDLE_TIMEOUT') {
      this.close(error.closeCode, error.reason, 'idle-timeout', error);
      return true;
    }
    this.fail(error);
    if (code === 'ERR_PING_TIMEOUT') {
      // The peer will not answer: the end is reported now, and the socket gets a moment to send the Close.
      link.flush();
      if (this.#step === 'pending') this.#close();
      this.#report();
      link.closing();
      link.watch.closeWithin(LAST_CLOSE_MS, link.now());
    }
    return false;
  }

  /** Only the first reason counts. */
  #blame(cause: CloseCause, initiator: 'local' | 'remote', error?: WebSocketError): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#initiator = initiator;
    this.#error ??= error;
  }

  /** A Close was sent or received, or the peer failed: from now on the close timeout runs. */
  #closing(): void {
    const link = this.#link;
    if (link.state !== 'open') return;
    link.closing();
    link.moveTo('closing');
    link.plan();
  }

  #fail(error: PeerError, closeCode: number): void {
    this.#blame(causeOf(error.code), 'local', error);
    this.#link.core.fail(error, closeCode);
    this.#failed();
  }

  /** Nothing further is read, and our half ends after our Close. */
  #failed(): void {
    this.#closing();
    this.socket.end();
    this.#link.send();
  }

  /** The state turns closed, and the memory of the connection is released. */
  #close(): void {
    const link = this.#link;
    this.#step = moveEnd(this.#step, 'close');
    const { peerClose, sentCode } = link.core;
    const error = this.#error;
    link.closing();
    const info = {
      code: peerClose?.code ?? NO_CLOSE,
      reason: peerClose?.reason ?? '',
      wasClean: peerClose !== undefined && sentCode !== undefined,
      initiator: this.#initiator,
      sentCode,
      cause: this.#cause ?? 'transport-end',
    };
    // No object spread: it copies the other properties one by one.
    this.info = error === undefined ? info : Object.assign(info, { error });
    link.attempt(() => link.core.transportEnded());
    link.attempt(() => link.outbox.clear());
    link.moveTo('closed');
    link.plan();
  }

  #report(): void {
    const before = this.#step;
    this.#step = moveEnd(before, 'report');
    if (before === 'closed') this.#owner.ended();
  }
}
