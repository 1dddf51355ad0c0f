import type { Buffer } from 'node:buffer';
import { ProtocolConnection } from '../protocol/connection.ts';
import type { Role } from '../protocol/constants.ts';
import type { DeflateAgreement } from '../protocol/deflate/parameters.ts';
import { PeerError } from '../protocol/errors.ts';
import type { DeadlineOwner } from '../engine/deadlines.ts';
import type { Flushable } from '../engine/flush-queue.ts';
import { asError } from '../engine/guarded.ts';
import type { Outbox } from '../protocol/outgoing/outbox.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import { type CloseInfo, causeOf } from '../protocol/close-info.ts';
import { Ending, type EndingLink } from './ending.ts';
import { Intake, type IntakeLink } from './intake.ts';
import type { LinkOwner } from './link-owner.ts';
import { negotiatedExtensions } from './negotiated-extensions.ts';
import type { ConnectionContext } from './owner.ts';
import { changeHeld, type MemoryHolder } from '../engine/memory-budget.ts';
import { PacedIntake } from './paced-intake.ts';
import { PingTimer } from './ping-timer.ts';
import { type ConnectionState, type EndStep, moveState } from './states.ts';
import { Watch, type WatchVerdict } from './watch.ts';

/** Largest pending output, in bytes, of a connection that is closed to free memory: its Close and little else. */
const MAX_LAST_WORDS_BYTES = 1_024;

/**
 * Drives one connection: bytes from the transport to the protocol core, frames from the outbox to the transport,
 * deadlines to both. Knows no listeners, topics or servers.
 */
export class Link implements TransportOwner, DeadlineOwner, Flushable, MemoryHolder, EndingLink, IntakeLink {
  readonly core: ProtocolConnection;
  readonly transport: Transport;
  readonly watch: Watch;
  /** Created by the first ping. */
  pings: PingTimer | undefined;
  flushScheduled = false;
  heldBytes = 0;
  budgetSlot = -1;
  deadlineSlot = -1;
  bytesReceived = 0;
  state: ConnectionState = 'open';

  readonly #owner: LinkOwner;
  readonly #context: ConnectionContext;
  readonly #intake: Intake;
  #pumping = false;
  /** Output in {@link heldBytes}. */
  #heldOutputBytes = 0;
  /** The watch has a deadline for writing. Otherwise it is not touched: in a broadcast it is not in the cache. */
  #isWriteWatched = false;
  /** Created at the first sign of the end. */
  #ending: Ending | undefined;

  /**
   * @param open Takes over the socket, with this link as the owner.
   * @param deflate The negotiated permessage-deflate, if any.
   */
  constructor(
    owner: LinkOwner,
    context: ConnectionContext,
    role: Role,
    open: (owner: TransportOwner) => Transport,
    nextKey?: () => number,
    deflate?: DeflateAgreement,
  ) {
    const { settings, deadlines, random, engine } = context;
    this.#owner = owner;
    this.#context = context;
    this.transport = open(this);
    this.core = new ProtocolConnection(role, {
      limits: settings,
      memory: engine,
      wire: this.transport,
      nextKey,
      extensions: negotiatedExtensions(role, deflate, context),
      owner: this,
      closeReasons: settings.closeReasons,
      autoPong: settings.autoPong,
    });
    this.watch = new Watch(settings, deadlines.now(), random.fraction());
    const { pace } = context;
    this.#intake =
      pace === undefined ? new Intake(this, owner, context) : new PacedIntake(this, owner, context, pace);
    this.plan();
  }

  get outbox(): Outbox {
    return this.core.outbox;
  }

  /** How the connection ended; set when the state becomes `closed`. */
  get closeInfo(): CloseInfo | undefined {
    return this.#ending?.info;
  }

  /** The peer has ended its half: no more bytes arrive. */
  get inputEnded(): boolean {
    return this.#ending?.socket.isInputEnded === true;
  }

  /** The step of the end that the owner knows of. */
  get endStep(): EndStep {
    return this.#ending?.step ?? 'pending';
  }

  /** Bytes accepted and not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.outbox.bufferedBytes;
  }

  /** Schedules a flush: pending bytes leave with all other output of this turn. */
  send(): void {
    if (!this.#pumping) this.#context.engine.flushQueue.schedule(this);
  }

  /**
   * Counts an accepted message or ping at once, because an application may send many in one turn.
   * @returns The buffered bytes, as counted.
   */
  sendMessage(): number {
    const { bufferedBytes } = this.outbox;
    if (!this.#pumping) {
      this.#context.engine.flushQueue.schedule(this);
      // Only the output has grown. Counting the input as well would read four more objects for each recipient of a broadcast.
      if (this.#ending === undefined)
        this.#held(this.heldBytes + bufferedBytes - this.#heldOutputBytes, bufferedBytes);
      else this.#count(bufferedBytes);
    }
    return bufferedBytes;
  }

  /** Calls `callback` once the kernel has taken all accepted messages, or they were dropped. It must not throw. */
  afterWriting(callback: () => void): void {
    if (this.state === 'closed' || this.bufferedBytes === 0) callback();
    else this.outbox.mark(callback);
  }

  ping(payload: Uint8Array): void {
    this.core.ping(payload);
    this.#context.counters.pingsSent++;
    this.sendMessage();
  }

  /** The end of the connection; created at its first sign. */
  get end(): Ending {
    return (this.#ending ??= new Ending(this, this.#owner));
  }

  /** Call when the owner accepts messages again. */
  readMore(): void {
    this.#pump();
  }

  received(chunk: Buffer): void {
    const { counters, deadlines, engine } = this.#context;
    const bytes = chunk.length;
    engine.noteRead(bytes);
    this.bytesReceived += bytes;
    counters.bytesReceived += bytes;
    if (this.state === 'closed' || this.core.phase === 'failed') {
      this.end.discard(bytes);
      this.transport.giveWay();
      return;
    }
    try {
      if (this.watch.received(deadlines.now())) counters.suspects--;
      this.#intake.received(bytes);
      this.core.receive(chunk);
      const progressed = this.#pump();
      this.core.keepUnread();
      // A large message is read to its end: interleaving it with other connections would cost a third more (decision
      // 0012).
      if (progressed) this.transport.giveWay();
    } catch (error) {
      this.failed(error);
    }
  }

  receivedEnd(): void {
    this.end.socket.peerEnded();
    this.#pump();
  }

  writable(): void {
    if (this.outbox.waitingBytes > 0 || this.#ending?.socket.isEnding === true) this.flush();
    else {
      this.outbox.settle();
      this.#noteWriting(true);
      this.#owner.flushed();
      this.#count();
    }
  }

  closed(error: Error | undefined): void {
    try {
      this.end.transportClosed(error);
      this.outbox.clear();
      // After EOF, pending decodings are completed; after an error, they are dropped.
      if (error !== undefined && this.core.decoding) this.core.transportEnded();
      this.#pump();
      this.#count();
      this.plan();
    } catch (fault) {
      this.failed(fault);
    }
  }

  /** A step of this connection threw. The connection ends with the error; no other connection is affected. */
  failed(error: unknown): void {
    this.#owner.internalFault(error);
    this.end.terminateAfterFault(new PeerError('ERR_INTERNAL', asError(error).message, { cause: error }));
  }

  /** Call when the owner no longer needs this link. */
  release(): void {
    this.end.release();
    this.#count();
    this.plan();
  }

  relieve(): void {
    this.flush();
  }

  shed(): void {
    if (this.state === 'open') this.#owner.outOfMemory();
    // A Close would be sent after the socket's buffered output, and would not release that memory.
    if (this.bufferedBytes > MAX_LAST_WORDS_BYTES) {
      this.end.terminate('memory-cap', new PeerError('ERR_MEMORY_CAP'));
    }
    this.#count();
  }

  flush(): void {
    if (this.#ending?.socket.isOver === true) return;
    const { outbox, transport } = this;
    const before = outbox.sentBytes;
    try {
      // Usually one call takes everything.
      while (outbox.waitingBytes > 0) {
        const chunks = outbox.take();
        if (chunks.length === 0) break;
        transport.write(chunks);
      }
      const sent = outbox.sentBytes - before;
      this.#context.counters.bytesSent += sent;
      if (outbox.lostPayload !== undefined) this.#payloadLost(outbox.lostPayload);
      if (this.#ending?.socket.isEnding === true && outbox.idle) this.#ending.socket.outputSent();
      outbox.settle();
      this.#noteWriting(sent > 0);
      this.#owner.flushed();
      this.#count();
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * A payload was detached before it was written. After its header was sent, the peer would take other bytes for the
   * payload.
   */
  #payloadLost(which: 'whole' | 'begun'): void {
    const error = new PeerError('ERR_PAYLOAD_DETACHED');
    if (which === 'whole' && this.state === 'open') this.#owner.outputFailed(error);
    else this.end.terminate(causeOf(error.code), error);
  }

  deadlineReached(): void {
    const { deadlines } = this.#context;
    const now = deadlines.now();
    for (let verdict = this.#tick(now); verdict !== undefined; verdict = this.#tick(now)) {
      if (verdict === 'ping') this.#heartbeat();
      else if (verdict === 'read') this.#pump();
      else if (!this.end.overdue(verdict)) break;
    }
    this.plan();
  }

  now(): number {
    return this.#context.deadlines.now();
  }

  closing(): void {
    if (this.watch.isSuspect) this.#context.counters.suspects--;
    this.watch.closing(this.now());
  }

  attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#owner.internalFault(error);
    }
  }

  /** A change of state that is not in the table is an internal error: it is logged, and the connection is destroyed. */
  moveTo(next: ConnectionState): void {
    const previous = this.state;
    try {
      this.state = moveState(previous, next);
    } catch (error) {
      this.failed(error);
      return;
    }
    if (next === 'closed') this.attempt(() => this.#intake.ended());
    this.#owner.stateChanged(next, previous);
  }

  /** The settings have changed in place: what was computed from them follows. */
  settingsChanged(): void {
    const { deadlines, random, counters } = this.#context;
    if (this.watch.settingsChanged(deadlines.now(), random.fraction())) counters.suspects--;
    this.#intake.settingsChanged();
    this.plan();
  }

  plan(): void {
    const { deadlines } = this.#context;
    const due = this.#ending?.isOver === true ? Number.POSITIVE_INFINITY : this.watch.deadlineMs();
    if (due === Number.POSITIVE_INFINITY) deadlines.cancel(this);
    else deadlines.planBy(this, due);
  }

  #tick(nowMs: number): WatchVerdict | undefined {
    const { watch } = this;
    const before = watch.isSuspect;
    const verdict = watch.tick(nowMs);
    if (!before && watch.isSuspect) this.#context.counters.suspects++;
    return verdict;
  }

  #heartbeat(): void {
    const { deadlines, random } = this.#context;
    const pings = (this.pings ??= new PingTimer());
    if (this.watch.isReading) {
      this.ping(pings.start(random, deadlines.clock.now()));
      return;
    }
    this.#intake.pingedUnread();
    this.ping(pings.untimed(random));
  }

  /** @returns Whether a message or control frame was completed. */
  #pump(): boolean {
    if (this.#pumping) return false;
    this.#pumping = true;
    const intake = this.#intake;
    let progressed = false;
    try {
      try {
        while (intake.mayTake() && intake.take()) progressed = true;
      } finally {
        this.#pumping = false;
        // Delivery may stop without another call of `next`, and the transport may reuse the memory of the chunk.
        this.#context.engine.reusableBytes.forget();
        this.#context.engine.repeated.forget();
      }
      this.#pumped();
    } catch (error) {
      this.failed(error);
    }
    return progressed;
  }

  /** Updates deadlines, reading and writing after all available facts were taken. */
  #pumped(): void {
    if (this.core.unfinished) {
      this.watch.unfinished(this.core.messagesReceived, this.#context.deadlines.now());
      this.plan();
    } else this.watch.finished();
    if (this.inputEnded && !this.core.decoding) this.end.inputDone();
    this.#intake.adjust();
    if (this.outbox.waitingBytes > 0 || this.#ending?.socket.isEnding === true) this.flush();
    else this.#count();
  }

  /** Reports to the budget what this connection holds, if that has changed. */
  #count(bufferedBytes = this.outbox.bufferedBytes): void {
    const held =
      this.#ending?.socket.isOver === true
        ? this.#owner.undeliveredBytes
        : bufferedBytes + this.core.countedBytes + this.#owner.undeliveredBytes;
    this.#held(held, bufferedBytes);
  }

  /** @param outputBytes The part of `held` that is output. */
  #held(held: number, outputBytes: number): void {
    this.#heldOutputBytes = outputBytes;
    const change = held - this.heldBytes;
    if (change === 0) return;
    this.heldBytes = held;
    this.#context.counters.heldBytes += change;
    changeHeld(this.#context.settings.memoryBudget, this, change);
  }

  #noteWriting(progressed: boolean): void {
    const isWaiting = this.outbox.unwrittenBytes > 0;
    if (isWaiting) {
      this.watch.writing(progressed, this.#context.deadlines.now());
      this.plan();
    } else if (this.#isWriteWatched) this.watch.written();
    this.#isWriteWatched = isWaiting;
  }
}
