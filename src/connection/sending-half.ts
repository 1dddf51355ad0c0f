import { Buffer } from 'node:buffer';
import { MESSAGE_SEND } from '../engine/channels.ts';
import { checkKey, type SendOptions } from '../options/call-options.ts';
import type { StreamOptions, StreamSource } from '../options/stream-source.ts';
import { OPCODE } from '../protocol/constants.ts';
import { type MisuseError, PeerError } from '../protocol/errors.ts';
import { checkControlPayload } from '../protocol/outgoing/frame-builder.ts';
import { MessagesBehind, NOT_QUEUED } from '../protocol/outgoing/messages-behind.ts';
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
    if (options?.key !== undefined) checkKey('connection.send', options.key, this.owner.settings.onOverflow);
    if (this.session !== undefined) return this.session.send(payload, options);
    const link = this.link;
    const { behind } = link.outbox;
    let bytes = UNKNOWN_BYTES;
    if (behind !== undefined) {
      if (!this.#sendBehind(payload, options)) return false;
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

  /**
   * Queues a message behind a message in fragments, or until the wire accepts bytes again.
   * @returns Whether the message was accepted.
   */
  #sendBehind(payload: Payload, options: SendOptions | undefined): boolean {
    const { opcode, data } = outgoing(payload, options?.binary);
    const bytes = Buffer.byteLength(data);
    if (!this.#admit(bytes, options?.key)) return false;
    const { outbox } = this.link;
    // `admit` may have flushed, and passed the messages of `behind` on.
    if (outbox.behind !== undefined)
      this.#replaced(outbox.behind.push(opcode, data, options?.compress, bytes, options?.key));
    else if (typeof data === 'string') outbox.text(data, options?.compress);
    else outbox.data(opcode, data, options?.compress);
    return true;
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
    if (!this.#admit(message.frame.length, message.key)) return false;
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
    // `server.configure` may have changed the option while messages were held.
    if (this.owner.settings.onOverflow === 'conflate' || this.link.outbox.behind !== undefined)
      this.#holdOrPass();
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
    // Only the size of text is known.
    if (meter !== undefined) {
      if (bytes === UNKNOWN_BYTES) this.countSent(meter, payload, binary);
      else meter.sent(bytes, true);
    }
    if (MESSAGE_SEND.hasSubscribers) this.publishSent(payload, bytes, binary);
    if (messageTracer?.isNext() === true) messageTracer.sent(this, payload, binary);
  }

  /** @returns Whether the buffer is below the high-water mark. */
  #pushPrepared(message: PreparedMessage): boolean {
    const { outbox } = this.link;
    if (outbox.behind === undefined) outbox.prepared(message);
    else this.#replaced(outbox.behind.pushPrepared(message));
    return this.#accepted();
  }

  /**
   * With `onOverflow: 'conflate'`: while the wire is blocked, or a message is being compressed, later messages are held back, not
   * encoded, so that the next one with the same key can replace them. Afterwards they are passed on, a high-water mark at a time.
   */
  #holdOrPass(): void {
    const { link } = this;
    const { outbox } = link;
    const { behind } = outbox;
    // A session numbers its frames: none of them can be left out.
    if (link.state !== 'open' || this.session !== undefined) return;
    const isBlocked = link.transport.blocked || !outbox.idle;
    if (behind === undefined) {
      if (isBlocked) outbox.behind = new MessagesBehind(true);
      return;
    }
    if (!behind.isHeld || isBlocked) return;
    behind.passTo(outbox, this.owner.settings.highWaterMarkBytes);
    if (behind.isEmpty) outbox.behind = undefined;
    link.send();
  }

  /** @param bytes Size of a queued message that was replaced; `NOT_QUEUED` if there was none. */
  #replaced(bytes: number): void {
    if (bytes !== NOT_QUEUED) this.#dropped(bytes, 'conflate');
  }

  /**
   * Whether a message may enter the outbox. If not, applies the overflow policy.
   * @param key Of a message that may replace a queued one.
   */
  #admit(bytes: number, key?: string): boolean {
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
      if (link.state !== 'open') return this.#admit(bytes, key);
    }
    if (link.bufferedBytes < settings.maxBufferedBytes) return true;
    return this.#overflow(bytes, key);
  }

  #overflow(bytes: number, key: string | undefined): boolean {
    const link = this.link;
    const { maxBufferedBytes } = this.owner.settings;
    if (key !== undefined && this.#fitsInstead(bytes, key)) return true;
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

  /** Whether the queue does not grow, or is below its limit, if the message replaces the queued one of the same key. */
  #fitsInstead(bytes: number, key: string): boolean {
    const queuedBytes = this.link.outbox.behind?.bytesOf(key) ?? NOT_QUEUED;
    if (queuedBytes === NOT_QUEUED) return false;
    return bytes <= queuedBytes || this.bufferedBytes - queuedBytes < this.owner.settings.maxBufferedBytes;
  }

  /**
   * What to do with a message that finds the queue full. The queue of a session has answers, which must not be dropped: only
   * the new message can be. `conflate` can only close: the newest message of a key must arrive.
   */
  get #policy(): DroppedMessage['policy'] {
    const { onOverflow } = this.owner.settings;
    if (onOverflow === 'conflate') return 'close';
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
