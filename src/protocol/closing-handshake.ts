import type { Buffer } from 'node:buffer';
import {
  buildCloseBody,
  type CloseBody,
  type ClosePhase,
  codeOnWire,
  moveClose,
  readCloseBody,
} from './close.ts';
import type { Role } from './constants.ts';
import type { PeerError } from './errors.ts';
import type { Outbox } from './outgoing/outbox.ts';

/** Close code for a message that is too big (§7.4.1). */
const TOO_BIG = 1009;

/** The closing handshake of one connection (§7.1): which Close frames were sent and received, and why. */
export class ClosingHandshake {
  phase: ClosePhase = 'open';
  /** Code and reason of the peer's Close; `undefined` before it. */
  peerClose: CloseBody | undefined;
  /** Code of the Close that this side sent; 1005 if it was empty, `undefined` if none was sent. */
  sentCode: number | undefined;
  /** Error with which this side failed the connection. */
  failure: PeerError | undefined;

  readonly #role: Role;
  readonly #outbox: Outbox;
  readonly #echoesReasons: boolean;

  constructor(role: Role, outbox: Outbox, echoesReasons: boolean) {
    this.#role = role;
    this.#outbox = outbox;
    this.#echoesReasons = echoesReasons;
  }

  /** True while the bytes of the peer count: before its Close, and before a failure. */
  get isReading(): boolean {
    return this.phase === 'open' || this.phase === 'close-sent';
  }

  /** Starts the handshake, as `ProtocolConnection.close`. */
  start(code: number, reason: string): void {
    const sent = codeOnWire(code, this.#role);
    if (this.phase !== 'open') return;
    this.phase = moveClose(this.phase, 'send-close');
    this.sentCode = sent;
    this.#outbox.closeAfterWaiting(buildCloseBody(sent, reason));
  }

  /**
   * Fails the connection, as `ProtocolConnection.fail`.
   * @returns False if the peer's bytes did not count before.
   */
  fail(error: PeerError, closeCode: number): boolean {
    const sent = codeOnWire(closeCode, this.#role);
    if (!this.isReading) return false;
    const closeWasSent = this.phase === 'close-sent';
    this.phase = moveClose(this.phase, 'fail');
    this.failure = error;
    if (closeWasSent) return true;
    const isEcho = this.#echoesReasons;
    this.sentCode = isEcho && error.code === 'ERR_LENGTH_SIGN' ? TOO_BIG : sent;
    this.#outbox.closeNow(buildCloseBody(this.sentCode, isEcho ? '' : error.reason));
    return true;
  }

  /**
   * Answers the peer's Close.
   * @throws PeerError for a body that breaks a rule.
   */
  receive(payload: Buffer): void {
    const body = readCloseBody(payload);
    const closeWasSent = this.phase === 'close-sent';
    this.peerClose = body;
    this.phase = moveClose(this.phase, 'receive-close');
    if (closeWasSent) return;
    this.sentCode = body.code;
    this.#outbox.closeNow(buildCloseBody(body.code, this.#echoesReasons ? body.reason : ''));
  }

  /** The transport has ended. @returns False if that was known. */
  transportEnded(): boolean {
    if (this.phase === 'ended') return false;
    this.phase = moveClose(this.phase, 'transport-end');
    return true;
  }
}
