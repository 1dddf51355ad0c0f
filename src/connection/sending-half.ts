import { Buffer } from 'node:buffer';
import { MESSAGE_SEND } from '../engine/channels.ts';
import type { SendOptions } from '../options/call-options.ts';
import type { StreamOptions, StreamSource } from '../options/stream-source.ts';
import { OPCODE } from '../protocol/constants.ts';
import { type MisuseError, PeerError } from '../protocol/errors.ts';
import { checkControlPayload } from '../protocol/outgoing/frame-builder.ts';
import { UNKNOWN_BYTES } from '../protocol/outgoing/outbox.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { PreparedRun } from '../protocol/outgoing/prepared-run.ts';
import { outgoing, type Payload, payloadBytes } from '../protocol/payload.ts';
import { closedBefore } from './closed-error.ts';
import type { ConnectionEvents, DroppedMessage } from './connection-events.ts';
import { Drains } from './drains.ts';
import type { SafeEmitter } from './emitter.ts';
import { OutgoingStreams } from './outgoing-streams.ts';
import { Reporting } from './reporting.ts';
import type { ConnectionSession } from './session.ts';

/**
 * The sending half of a connection: which messages enter the outbox, the overflow policies, and back-pressure. A base class,
 * because an object of its own would cost each idle connection memory.
 * @typeParam C The `Connection`.
 */
export abstract class SendingHalf<C extends SafeEmitter<ConnectionEvents>> extends Reporting<C> {
  /** Set by the server while the connection opens, if it speaks a subprotocol of Hawser. */
  session: ConnectionSession | undefined = undefined;
  #drains: Drains | undefined;
  #streams: OutgoingStreams | undefined;

  send(payload: Payload, options: SendOptions | undefined): boolean {
    if (this.session !== undefined) return this.session.send(payload, options);
    const link = this.link;
    const { behind } = link.outbox;
    let bytes = UNKNOWN_BYTES;
    if (behind !== undefined) {
      const { opcode, data } = outgoing(payload, options?.binary);
      if (!this.#admit(data.length)) return false;
      behind.push(opcode, data, options?.compress);
    } else if (typeof payload === 'string' && options === undefined) {
      if (!this.#admit(payload.length)) return false;
      bytes = link.outbox.text(payload);
    } else if (typeof payload !== 'string') {
      if (!this.#sendBytes(payload, options)) return false;
    } else {
      const { opcode, data } = outgoing(payload, options?.binary);
      if (!this.#admit(data.length)) return false;
      if (typeof data === 'string') bytes = link.outbox.text(data, options?.compress);
      else link.outbox.data(opcode, data, options?.compress);
    }
    const mayGoOn = this.#accepted();
    this.#report(payload, bytes, options?.binary);
    return mayGoOn;
  }

  sendStream(source: StreamSource, options: StreamOptions): Promise<number> {
    this.#streams ??= new OutgoingStreams(this);
    return this.#streams.send(source, options);
  }

  /** A message in fragments was sent completely. */
  streamed(bytes: number, isText: boolean): void {
    this.messagesSent++;
    this.owner.counters.messagesSent++;
    this.reportStreamed(bytes, isText);
  }

  /** @returns Whether the message was accepted. */
  #sendBytes(payload: ArrayBufferView | ArrayBuffer, options: SendOptions | undefined): boolean {
    const { outbox } = this.link;
    const opcode = options?.binary === false ? OPCODE.TEXT : OPCODE.BINARY;
    const frame = outbox.framed(opcode, payload);
    if (frame !== undefined) {
      if (!this.#admit(frame.length)) return false;
      outbox.shared(frame);
      return true;
    }
    const { reusableBytes } = this.owner.engine;
    const bytes =
      opcode === OPCODE.BINARY
        ? payloadBytes(payload, reusableBytes)
        : (outgoing(payload, false, reusableBytes).data as Uint8Array);
    if (!this.#admit(bytes.length)) return false;
    outbox.data(opcode, bytes, options?.compress, payload);
    return true;
  }

  drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.link.state === 'closed') return Promise.reject(this.#closedError());
    if (this.bufferedBytes <= this.owner.settings.highWaterMarkBytes) return Promise.resolve();
    this.#drains ??= new Drains();
    return this.#drains.wait(signal);
  }

  ping(payload: Payload): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payloadBytes(payload);
    checkControlPayload(bytes);
    if (this.link.state !== 'open' || this.bufferedBytes >= this.owner.settings.maxBufferedBytes)
      return false;
    this.link.ping(bytes);
    return this.bufferedBytes <= this.owner.settings.highWaterMarkBytes;
  }

  get bufferedBytes(): number {
    return this.link.bufferedBytes;
  }

  /**
   * Sends a message that was encoded once for many recipients.
   * @returns Whether it was accepted.
   */
  sendPrepared(message: PreparedMessage): boolean {
    if (!this.#admit(message.frame.length)) return false;
    this.#pushPrepared(message);
    return true;
  }

  /**
   * Sends a frame of a session. No overflow policy drops it, so the session limits their number.
   * @returns Whether the buffer is below the high-water mark; `false`, too, if the connection is not open.
   */
  sendFrame(frame: PreparedMessage): boolean {
    return this.link.state === 'open' && this.#pushPrepared(frame);
  }

  /** As {@link sendFrame}, for messages that other connections get, too. */
  sendRun(run: PreparedRun): boolean {
    const { link } = this;
    const { length } = run.messages;
    if (link.state !== 'open') return false;
    if (length === 0) return true;
    const { outbox } = link;
    if (outbox.behind === undefined) outbox.run(run);
    else for (const message of run.messages) outbox.behind.pushPrepared(message);
    return this.#accepted(length);
  }

  /** Sends what the application sends, as a frame of its session. @returns As `send`. */
  sendForm(frame: PreparedMessage, payload: Payload, binary: boolean | undefined): boolean {
    if (!this.#admit(frame.frame.length)) return false;
    const mayGoOn = this.#pushPrepared(frame);
    this.#report(payload, UNKNOWN_BYTES, binary);
    return mayGoOn;
  }

  /** Output was written. */
  flushed(): void {
    this.#streams?.flushed();
    if (this.#drains === undefined) return;
    if (this.bufferedBytes > this.owner.settings.highWaterMarkBytes / 2) return;
    const drains = this.#drains;
    this.#drains = undefined;
    if (drains.wasRefused) this.owner.counters.slowConnections--;
    drains.resolve();
    // `close` is the last event of a connection: no `drain` after its end.
    if (!drains.wasRefused || this.link.state === 'closed') return;
    this.publishDrain();
    this.link.attempt(() => this.session?.drained());
    this.tell('drain');
    this.owner.drained(this);
  }

  /** Call when the connection is no longer open: a message in fragments cannot be completed. */
  protected streamsEnded(): void {
    const { outbox } = this.link;
    if (outbox.behind !== undefined) this.countDropped(outbox.behind.drop(), 'unsent');
    outbox.behind = undefined;
    this.#streams?.interrupted();
  }

  /** Call when the connection is closed: `drained` rejects, and no `drain` follows. */
  protected sendingEnded(): void {
    const drains = this.#drains;
    this.#drains = undefined;
    if (drains?.wasRefused === true) this.owner.counters.slowConnections--;
    drains?.reject(this.#closedError());
  }

  #report(payload: Payload, bytes: number, binary: boolean | undefined): void {
    const { meter, messageTracer } = this.owner;
    const isSampled = messageTracer?.isNext() === true;
    if (isSampled || meter !== undefined || MESSAGE_SEND.hasSubscribers)
      this.reportSent(payload, bytes, binary, isSampled);
  }

  /** @returns Whether the buffer is below the high-water mark. */
  #pushPrepared(message: PreparedMessage): boolean {
    const { outbox } = this.link;
    if (outbox.behind === undefined) outbox.prepared(message);
    else outbox.behind.pushPrepared(message);
    return this.#accepted();
  }

  /** Whether a message may enter the outbox. If not, applies the overflow policy. */
  #admit(bytes: number): boolean {
    const link = this.link;
    if (link.state !== 'open') {
      this.countDropped(1, 'unsent');
      return false;
    }
    const { settings } = this.owner;
    // The usual case, with one sum of what is buffered: the mark is never above the limit.
    if (link.bufferedBytes < settings.highWaterMarkBytes) return true;
    // Before applying the policy, let the kernel accept what it can.
    if (link.outbox.queuedBytes >= settings.highWaterMarkBytes) {
      link.flush();
      // A detached payload ends the connection here, and a `drain` listener may close it: nothing may follow a Close.
      if (link.state !== 'open') return this.#admit(bytes);
    }
    if (link.bufferedBytes < settings.maxBufferedBytes) return true;
    return this.#overflow(bytes);
  }

  #overflow(bytes: number): boolean {
    const link = this.link;
    const { maxBufferedBytes } = this.owner.settings;
    const onOverflow = this.#policy;
    if (onOverflow === 'drop-oldest') {
      while (link.bufferedBytes >= maxBufferedBytes) {
        const dropped = link.outbox.dropOldest() || (link.outbox.behind?.dropOldest() ?? 0);
        if (dropped === 0) break;
        this.#dropped(dropped, onOverflow);
      }
      if (link.bufferedBytes < maxBufferedBytes) return true;
    }
    if (onOverflow === 'close') {
      this.countDropped(link.outbox.dropWaiting(), onOverflow);
      link.end.fail(new PeerError('ERR_SLOW_CONSUMER'));
    }
    this.#dropped(bytes, onOverflow);
    return false;
  }

  /** The queue of a session has answers, which must not be dropped: only the new message can be. */
  get #policy(): DroppedMessage['policy'] {
    const { onOverflow } = this.owner.settings;
    return onOverflow === 'drop-oldest' && this.session !== undefined ? 'drop-newest' : onOverflow;
  }

  #accepted(messages = 1): boolean {
    const link = this.link;
    this.messagesSent += messages;
    this.owner.counters.messagesSent += messages;
    const { highWaterMarkBytes } = this.owner.settings;
    // The second sum is for a connection that was closed to free memory.
    if (link.sendMessage() <= highWaterMarkBytes || link.bufferedBytes <= highWaterMarkBytes) return true;
    this.#drains ??= new Drains();
    if (!this.#drains.wasRefused) this.owner.counters.slowConnections++;
    this.#drains.wasRefused = true;
    return false;
  }

  #closedError(): MisuseError {
    return closedBefore('buffered data was sent', this.link.closeInfo);
  }

  #dropped(bytes: number, policy: DroppedMessage['policy']): void {
    this.countDropped(1, policy);
    this.tell('dropped', { bytes, policy });
  }
}
