import { NO_CLOSE } from '../protocol/close.ts';
import type { ProtocolConnection } from '../protocol/connection.ts';
import { PeerError, TransportError, WebSocketError } from '../protocol/errors.ts';
import type { Outbox } from '../protocol/outgoing/outbox.ts';
import type { Transport } from '../sockets/transport.ts';
import { type CloseCause, type CloseInfo, causeOf } from '../protocol/close-info.ts';
import type { ConnectionState } from './states.ts';
import type { Watch, WatchVerdict } from './watch.ts';

/** Bytes that are read and thrown away after a failure, so that the peer gets to read our Close. */
const MAX_DISCARDED_BYTES = 1_048_576;
/** How long the socket of a dead peer may linger over a last Close frame, in ms. */
const LAST_WORD_MS = 1_000;

/** The link that ends. */
export interface EndingLink {
  readonly core: ProtocolConnection;
  readonly outbox: Outbox;
  readonly transport: Transport;
  readonly watch: Watch;
  readonly state: ConnectionState;
  /** On the clock of deadlines. */
  now(): number;
  /** Runs one step of a removal; if it throws, that is logged, and the next steps run. */
  attempt(step: () => void): void;
  /** Changes the state, and tells of it. */
  moveTo(next: ConnectionState): void;
  /** The deadlines have changed. */
  plan(): void;
  /** Something waits to be written, or the socket is to be closed behind it. */
  send(): void;
  flush(): void;
}

/** Who hears of it. */
export interface EndingOwner {
  /** Nothing more comes from below: the socket is gone, or given up. Called once. */
  ended(): void;
  /** The close timeout has passed: what still waits is to be given up. */
  timedOut(): void;
}

/**
 * How a connection ends: which side began it and why, and which steps are left (§7.1.1 to §7.1.7). A link has one from the
 * first sign of its end; an open connection costs nothing for it.
 */
export class Ending {
  /** Set when the state turns closed. */
  info: CloseInfo | undefined;
  /** The peer sends no more. */
  inputEnded = false;
  /** Our half is to be ended, once all that waits is out. */
  endWanted = false;
  transportGone = false;
  /** Destroyed to get memory back: what the socket says it holds does not count any more. */
  abandoned = false;
  /** The owner is done with the link, too. */
  released = false;

  readonly #link: EndingLink;
  readonly #owner: EndingOwner;
  #cause: CloseCause | undefined;
  #initiator: 'local' | 'remote' = 'local';
  #error: WebSocketError | undefined;
  #reported = false;
  #discardedBytes = 0;

  constructor(link: EndingLink, owner: EndingOwner) {
    this.#link = link;
    this.#owner = owner;
  }

  /** Starts the closing handshake, behind what waits. Only the first call counts. */
  close(code: number, reason: string, cause: CloseCause, error?: WebSocketError): void {
    const link = this.#link;
    if (link.state !== 'open') return;
    this.#blame(cause, 'local', error);
    link.core.close(code, reason);
    this.#closing();
    link.send();
  }

  /** Fails the connection: Close goes out behind pending frames, and nothing further is read. */
  fail(error: PeerError): void {
    if (!this.transportGone && this.#link.core.phase !== 'failed') this.#fail(error, error.closeCode);
  }

  /** The peer has sent more than the rate limit allows, and is told so with this code. */
  tooFast(closeCode: number): void {
    this.#fail(new PeerError('ERR_RATE'), closeCode);
  }

  /** Throws the connection away. */
  terminate(cause: CloseCause, error?: WebSocketError): void {
    if (this.#link.state !== 'closed') {
      this.#blame(cause, 'local', error);
      this.#leave();
    }
    this.#destroy();
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
    this.endWanted = this.#link.core.role === 'server';
  }

  /** Bytes came that nobody will read. */
  discard(bytes: number): void {
    this.#discardedBytes += bytes;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.#destroy();
  }

  /** From the peer's end of input on: nothing unread is left. */
  inputDone(): void {
    const { core, state, transport } = this.#link;
    if (state !== 'closed') {
      const clean = core.peerClose !== undefined;
      const failed = core.phase === 'failed';
      if (!clean && !failed)
        this.#blame(this.#error === undefined ? 'transport-end' : causeOf(this.#error.code), 'remote');
      if (!this.transportGone && (clean || failed)) {
        // Both are done talking: what waits goes out, then the socket closes by itself.
        this.endWanted = true;
        return;
      }
      this.#leave();
    }
    if (this.transportGone) this.#report();
    else if (core.peerClose === undefined) transport.end();
  }

  /** @param error Set if it was lost. */
  transportClosed(error: Error | undefined): void {
    this.transportGone = true;
    this.inputEnded = true;
    if (error !== undefined && this.#error === undefined && this.#link.state !== 'closed') {
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
      // That nobody answered says more than that we wanted to close.
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
      // Nobody will answer: the end is reported now, and the socket gets a moment for the Close.
      link.flush();
      this.#leave();
      this.#report();
      link.watch.closeWithin(LAST_WORD_MS, link.now());
    }
    return false;
  }

  /** The first reason is the one that counts. */
  #blame(cause: CloseCause, initiator: 'local' | 'remote', error?: WebSocketError): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#initiator = initiator;
    this.#error ??= error;
  }

  /** A Close was sent or received, or the peer failed: from here on it has to come to an end. */
  #closing(): void {
    const link = this.#link;
    if (link.state !== 'open') return;
    link.watch.closing(link.now());
    link.moveTo('closing');
    link.plan();
  }

  #fail(error: PeerError, closeCode: number): void {
    this.#blame(causeOf(error.code), 'local', error);
    this.#link.core.fail(error, closeCode);
    this.#failed();
  }

  /** Nothing further is read, and the socket is closed behind our Close. */
  #failed(): void {
    this.#closing();
    this.endWanted = true;
    this.#link.send();
  }

  /** The state turns closed: what the connection held of others is given back. */
  #leave(): void {
    const link = this.#link;
    const { peerClose, sentCode } = link.core;
    link.watch.closing(link.now());
    this.info = {
      code: peerClose?.code ?? NO_CLOSE,
      reason: peerClose?.reason ?? '',
      wasClean: peerClose !== undefined && sentCode !== undefined,
      initiator: this.#initiator,
      sentCode,
      cause: this.#cause ?? 'transport-end',
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
    link.attempt(() => link.core.transportEnded());
    link.attempt(() => link.outbox.clear());
    link.moveTo('closed');
    link.plan();
  }

  #destroy(): void {
    if (!this.transportGone) this.#link.transport.destroy();
  }

  #report(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#owner.ended();
  }
}
