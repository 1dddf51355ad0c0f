import type { Buffer } from 'node:buffer';
import { NO_CLOSE } from '../protocol/close.ts';
import { FACT, ProtocolConnection } from '../protocol/connection.ts';
import type { Role } from '../protocol/constants.ts';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import { PeerError, TransportError, type WebSocketError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { DeadlineOwner, DeadlineQueue } from '../transport/deadlines.ts';
import { letGo } from '../protocol/at-hand.ts';
import { type Flushable, scheduleFlush } from '../transport/flush-queue.ts';
import { CompressingOutbox } from '../transport/deflate/compressing-outbox.ts';
import { MessageInflater } from '../transport/deflate/message-inflater.ts';
import { Outbox } from '../transport/outbox.ts';
import type { RandomSource } from '../transport/random.ts';
import type { Transport, TransportOwner } from '../transport/transport.ts';
import { type CloseCause, type CloseInfo, causeOf } from './close-info.ts';
import type { ConnectionSettings, TrafficCounters } from './host.ts';
import type { MemoryHolder } from './memory-budget.ts';
import { PingTimer } from './ping-timer.ts';
import { RateGuard } from './rate-guard.ts';
import { type ConnectionState, moveState } from './states.ts';
import { Watch, type WatchVerdict } from './watch.ts';

/** Bytes that are read and thrown away after a failure, so that the peer gets to read our Close. */
const MAX_DISCARDED_BYTES = 1_048_576;
/** What may wait for a peer that is closed to get memory back: its Close, and little else. */
const MAX_LAST_WORDS_BYTES = 1_024;
/** How long the socket of a dead peer may linger over a last Close frame, in ms. */
const LAST_WORD_MS = 1_000;

/** What a link tells the connection above it. */
export interface LinkOwner {
  /** A whole message, while open. */
  received(message: Message): void;
  receivedPing(payload: Buffer): void;
  receivedPong(payload: Buffer): void;
  /** After the side effects of the move. `closed` comes before {@link ended}. */
  stateChanged(next: ConnectionState, previous: ConnectionState): void;
  /** Bytes went out. */
  flushed(): void;
  /** Nothing more comes from below: the socket is gone, or given up. Called once. */
  ended(): void;
  /** The close timeout has passed: what still waits is to be given up. */
  timedOut(): void;
  /** False while what was received cannot be handed on: then reading stops. */
  readonly wantsMore: boolean;
  /** What was received and is not delivered. */
  readonly undeliveredBytes: number;
  /** The memory of the process is used up, and this connection has most of it. */
  outOfMemory(): void;
}

/** What a link needs of its surroundings; the same for all connections of a server. */
export interface LinkContext {
  readonly settings: ConnectionSettings;
  readonly counters: TrafficCounters;
  readonly deadlines: DeadlineQueue;
  readonly random: RandomSource;
}

/**
 * Drives one connection: bytes from the transport into the protocol core, frames out of the outbox into the transport,
 * deadlines to both. Knows how a connection ends, and nothing of listeners, topics or servers.
 */
export class Link implements TransportOwner, DeadlineOwner, Flushable, MemoryHolder {
  readonly core: ProtocolConnection;
  readonly outbox: Outbox;
  readonly transport: Transport;
  readonly watch: Watch;
  readonly pings = new PingTimer();
  flushScheduled = false;
  heldBytes = 0;
  deadlineSlot = -1;
  bytesReceived = 0;
  state: ConnectionState = 'open';
  /** Set when the state turns closed. */
  closeInfo: CloseInfo | undefined;

  readonly #owner: LinkOwner;
  readonly #context: LinkContext;
  readonly #rate: RateGuard | undefined;
  #cause: CloseCause | undefined;
  #initiator: 'local' | 'remote' = 'local';
  #error: WebSocketError | undefined;
  #reading = true;
  #pumping = false;
  #inputEnded = false;
  #endWanted = false;
  #transportGone = false;
  #endReported = false;
  #released = false;
  #discardedBytes = 0;
  /** Destroyed to get memory back: what the socket says it holds does not count any more. */
  #abandoned = false;

  /**
   * @param open Takes the socket over, with this link as the owner.
   * @param deflate What was agreed on, if permessage-deflate was.
   */
  constructor(
    owner: LinkOwner,
    context: LinkContext,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
    deflate?: DeflateAgreement,
  ) {
    const { settings, deadlines, random } = context;
    this.#owner = owner;
    this.#context = context;
    this.transport = open(this);
    const { perMessageDeflate } = settings;
    if (deflate === undefined || perMessageDeflate === false) {
      this.outbox = new Outbox(this.transport, settings, nextKey);
      this.core = new ProtocolConnection(role, settings, this.outbox);
    } else {
      const { transport } = this;
      const [ours, theirs] =
        role === 'server' ? [deflate.server, deflate.client] : [deflate.client, deflate.server];
      const ready = (): void => this.send();
      this.outbox = new CompressingOutbox(transport, settings, nextKey, ours, perMessageDeflate, ready);
      const { asyncThresholdBytes } = perMessageDeflate;
      this.core = new ProtocolConnection(
        role,
        settings,
        this.outbox,
        () => new MessageInflater(theirs, asyncThresholdBytes, (error) => this.#inflated(error)),
      );
    }
    this.#rate = settings.rateLimit === false ? undefined : new RateGuard(settings.rateLimit);
    this.watch = new Watch(settings, deadlines.now(), random.fraction());
    this.#plan();
  }

  /** Bytes accepted and not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.outbox.bufferedBytes;
  }

  /** Bytes are waiting to be written: they leave with everything else that this turn brings. */
  send(): void {
    if (!this.#pumping) scheduleFlush(this);
  }

  /** A message was accepted. */
  sendMessage(): void {
    if (this.#pumping) return;
    scheduleFlush(this);
    this.#count();
  }

  ping(payload: Uint8Array): void {
    this.core.ping(payload);
    this.#context.counters.pingsSent++;
    this.send();
  }

  /** Starts the closing handshake, behind what waits. */
  close(code: number, reason: string, cause: CloseCause, error?: WebSocketError): void {
    if (this.state !== 'open') return;
    this.#blame(cause, 'local', error);
    this.core.close(code, reason);
    this.#closing();
    this.send();
  }

  /** Fails the connection: Close at once, then nothing further is read. */
  fail(error: PeerError, cause = causeOf(error.code)): void {
    if (this.#transportGone || this.core.phase === 'failed') return;
    this.#blame(cause, 'local', error);
    this.core.fail(error);
    this.#failed();
  }

  /** Throws the connection away. */
  terminate(cause: CloseCause, error?: WebSocketError): void {
    if (this.state !== 'closed') {
      this.#blame(cause, 'local', error);
      this.#leave();
    }
    this.#destroy();
  }

  /** The owner takes messages again. */
  readMore(): void {
    this.#pump();
  }

  received(chunk: Buffer): void {
    const { counters, deadlines } = this.#context;
    const bytes = chunk.length;
    this.bytesReceived += bytes;
    counters.bytesReceived += bytes;
    if (this.state === 'closed' || this.core.phase === 'failed') {
      this.#discardedBytes += bytes;
      if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.#destroy();
      return;
    }
    this.watch.received(deadlines.now());
    this.#rate?.received(bytes);
    this.core.receive(chunk);
    this.#pump();
    this.core.keepUnread();
  }

  receivedEnd(): void {
    this.#inputEnded = true;
    this.#pump();
  }

  writable(): void {
    if (this.outbox.waitingBytes > 0 || this.#endWanted) this.flush();
    else {
      this.#noteWriting(true);
      this.#owner.flushed();
      this.#count();
    }
  }

  closed(error: Error | undefined): void {
    this.#transportGone = true;
    this.#inputEnded = true;
    if (error !== undefined && this.#error === undefined && this.state !== 'closed') {
      this.#error = new TransportError('ERR_TRANSPORT', error.message, { cause: error });
    }
    this.outbox.clear();
    // A peer that ended in order has sent what is being inflated; one that was lost takes it along.
    if (error !== undefined && this.core.inflating) this.core.transportEnded();
    this.#pump();
    this.#count();
    this.#plan();
  }

  /** The owner is done with this link, too. */
  release(): void {
    this.#released = true;
    this.#count();
    this.#plan();
  }

  relieve(): void {
    this.flush();
  }

  shed(): void {
    if (this.state === 'open') this.#owner.outOfMemory();
    // What the socket holds is not given back by a Close that waits behind it.
    if (this.bufferedBytes > MAX_LAST_WORDS_BYTES) {
      this.terminate('memory-cap', new PeerError('ERR_MEMORY_CAP'));
      this.#abandoned = true;
    }
    this.#count();
  }

  flush(): void {
    if (this.#transportGone) return;
    const { outbox } = this;
    const before = outbox.sentBytes;
    outbox.flush();
    const sent = outbox.sentBytes - before;
    this.#context.counters.bytesSent += sent;
    if (this.#endWanted && outbox.idle) {
      this.#endWanted = false;
      this.transport.end();
    }
    this.#noteWriting(sent > 0);
    this.#owner.flushed();
    this.#count();
  }

  deadlineReached(): void {
    const { deadlines, random } = this.#context;
    const now = deadlines.now();
    for (let verdict = this.watch.tick(now); verdict !== undefined; verdict = this.watch.tick(now)) {
      if (verdict === 'ping') this.ping(this.pings.start(random, deadlines.clock.now()));
      else if (verdict === 'read') this.#pump();
      else if (!this.#overdue(verdict)) break;
    }
    this.#plan();
  }

  /** @returns False if the connection is beyond any other deadline now. */
  #overdue(code: Exclude<WatchVerdict, 'ping' | 'read'>): boolean {
    if (code === 'ERR_CLOSE_TIMEOUT' || code === 'ERR_WRITE_TIMEOUT') {
      // That nobody answered says more than that we wanted to close.
      if (
        code === 'ERR_CLOSE_TIMEOUT' &&
        this.#cause === 'local-close' &&
        this.core.peerClose === undefined
      ) {
        this.#cause = undefined;
      }
      this.terminate(causeOf(code), new TransportError(code));
      this.#reportEnd();
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
      this.flush();
      this.#leave();
      this.#reportEnd();
      this.watch.closeWithin(LAST_WORD_MS, this.#context.deadlines.now());
    }
    return false;
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#mayRead() && this.#takeFact());
    } finally {
      this.#pumping = false;
      letGo();
    }
    if (this.core.unfinished) {
      this.watch.unfinished(this.core.messagesReceived, this.#context.deadlines.now());
      this.#plan();
    } else this.watch.finished();
    if (this.#inputEnded && !this.core.inflating) this.#inputDone();
    this.#adjustReading();
    if (this.outbox.waitingBytes > 0 || this.#endWanted) this.flush();
    else this.#count();
  }

  /** What was received a while ago is inflated, or cannot be. */
  #inflated(error: PeerError | undefined): void {
    this.core.inflationDone(error);
    this.#pump();
  }

  #mayRead(): boolean {
    // At the end of input all that is left is little, and keeping it back would only delay the end.
    if (this.#inputEnded) return true;
    if (!this.#owner.wantsMore) return false;
    const rate = this.#rate;
    if (rate === undefined || rate.limit.action === 'close') return true;
    const now = this.#context.deadlines.now();
    const waitMs = this.core.unreadBytes === 0 ? 0 : rate.waitMs(now);
    if (waitMs === 0) return true;
    this.watch.throttledUntilMs = now + waitMs;
    this.#plan();
    return false;
  }

  /** @returns False if there is none. */
  #takeFact(): boolean {
    const { core } = this;
    const fact = core.next();
    if (fact === FACT.NONE) return false;
    if (fact === FACT.FAILURE) {
      const { failure } = core;
      this.#blame(failure === undefined ? 'internal-error' : causeOf(failure.code), 'local', failure);
      this.#failed();
      return false;
    }
    if (fact === FACT.CLOSE) {
      this.#blame('peer-close', 'remote');
      this.#closing();
      // The server ends TCP first; a client waits for it, and for no longer than the close timeout (§7.1.1).
      this.#endWanted = core.role === 'server';
      return false;
    }
    if (
      this.#rate !== undefined &&
      !this.#rate.take(this.#context.deadlines.now()) &&
      this.#rate.limit.action === 'close'
    ) {
      this.#tooFast(this.#rate);
      return false;
    }
    if (fact === FACT.MESSAGE) this.#receiveMessage();
    else this.#receiveControl(fact === FACT.PING);
    return true;
  }

  #receiveMessage(): void {
    const { message } = this.core;
    this.core.message = '';
    this.#context.counters.messagesReceived++;
    this.#owner.received(message);
  }

  #receiveControl(isPing: boolean): void {
    const { counters, deadlines } = this.#context;
    const { payload } = this.core;
    if (isPing) {
      counters.pingsReceived++;
      this.#owner.receivedPing(payload);
    } else {
      counters.pongsReceived++;
      this.pings.received(payload, deadlines.clock.now());
      this.#owner.receivedPong(payload);
    }
  }

  #tooFast(rate: RateGuard): void {
    const error = new PeerError('ERR_RATE');
    this.#blame('rate-limit', 'local', error);
    this.core.fail(error, rate.limit.closeCode);
    this.#failed();
  }

  #failed(): void {
    this.#closing();
    this.#endWanted = true;
    this.send();
  }

  /** From the peer's end of input on: nothing unread is left. */
  #inputDone(): void {
    if (this.state !== 'closed') {
      const clean = this.core.peerClose !== undefined;
      const failed = this.core.phase === 'failed';
      if (!clean && !failed)
        this.#blame(this.#error === undefined ? 'transport-end' : 'transport-error', 'remote');
      if (!this.#transportGone && (clean || failed)) {
        // Both are done talking: what waits goes out, then the socket closes by itself.
        this.#endWanted = true;
        return;
      }
      this.#leave();
    }
    if (this.#transportGone) this.#reportEnd();
    else if (this.core.peerClose === undefined) this.transport.end();
  }

  /** The first reason is the one that counts. */
  #blame(cause: CloseCause, initiator: 'local' | 'remote', error?: WebSocketError): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#initiator = initiator;
    this.#error ??= error;
  }

  #closing(): void {
    if (this.state !== 'open') return;
    this.watch.closing(this.#context.deadlines.now());
    this.#move('closing');
    this.#plan();
  }

  #move(next: ConnectionState): void {
    const previous = this.state;
    this.state = moveState(previous, next);
    this.#owner.stateChanged(next, previous);
  }

  /** The state turns closed: what the connection held of others is given back. */
  #leave(): void {
    const { peerClose, sentCode } = this.core;
    this.watch.closing(this.#context.deadlines.now());
    this.closeInfo = {
      code: peerClose?.code ?? NO_CLOSE,
      reason: peerClose?.reason ?? '',
      wasClean: peerClose !== undefined && sentCode !== undefined,
      initiator: this.#initiator,
      sentCode,
      cause: this.#cause ?? 'transport-end',
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
    this.core.transportEnded();
    this.outbox.clear();
    this.#move('closed');
    this.#plan();
  }

  #reportEnd(): void {
    if (this.#endReported) return;
    this.#endReported = true;
    this.#owner.ended();
  }

  #destroy(): void {
    if (!this.#transportGone) this.transport.destroy();
  }

  #adjustReading(): void {
    const throttled = this.watch.throttledUntilMs !== Number.POSITIVE_INFINITY;
    const wanted = this.state === 'closed' || (this.#owner.wantsMore && !throttled && !this.core.blocked);
    if (wanted === this.#reading) return;
    const now = this.#context.deadlines.now();
    this.#reading = wanted;
    if (wanted) {
      this.watch.resumedReading(now);
      this.transport.resume();
    } else {
      this.watch.stoppedReading(now);
      this.transport.pause();
    }
    this.#plan();
  }

  /** Tells the budget what this connection holds, if that has changed. */
  #count(): void {
    const held =
      this.#transportGone || this.#abandoned
        ? this.#owner.undeliveredBytes
        : this.outbox.bufferedBytes +
          this.core.heldBytes +
          this.core.unreadBytes +
          this.#owner.undeliveredBytes;
    const change = held - this.heldBytes;
    if (change === 0) return;
    this.heldBytes = held;
    this.#context.counters.heldBytes += change;
    this.#context.settings.memoryBudget.changed(this, change);
  }

  #noteWriting(progressed: boolean): void {
    if (this.outbox.unwrittenBytes === 0) {
      this.watch.written();
      return;
    }
    this.watch.writing(progressed, this.#context.deadlines.now());
    this.#plan();
  }

  #plan(): void {
    const { deadlines } = this.#context;
    const due = this.#transportGone && this.#released ? Number.POSITIVE_INFINITY : this.watch.deadlineMs();
    if (due === Number.POSITIVE_INFINITY) deadlines.cancel(this);
    else deadlines.planBy(this, due);
  }
}
