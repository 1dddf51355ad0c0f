import type { Buffer } from 'node:buffer';
import { CONNECTION_CLOSE, CONNECTION_DRAIN, MESSAGE_RECEIVE, MESSAGE_SEND } from '../engine/channels.ts';
import type { DropCause } from '../observe/observer.ts';
import type { MessageMeter } from '../observe/message-meter.ts';
import type { MessageTracer, TracedConnection } from '../observe/tracing/traces.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { PeerError } from '../protocol/errors.ts';
import { copyOf } from '../protocol/message-memory.ts';
import { UNKNOWN_BYTES } from '../protocol/outgoing/outbox.ts';
import { isTextPayload, type Message, type Payload, payloadLength } from '../protocol/payload.ts';
import type { ConnectionEvents } from './connection-events.ts';
import { countListeners, dispatch, type SafeEmitter } from './emitter.ts';
import type { Link } from './link.ts';
import type { ConnectionOwner } from './owner.ts';

/**
 * What others hear of a connection: its listeners, its observers, the channels, the meter and the tracer of messages. The
 * lowest of the base classes of a driver, because an object of its own would cost each idle connection memory.
 * @typeParam C The `Connection`.
 */
export abstract class Reporting<C extends SafeEmitter<ConnectionEvents>> implements TracedConnection {
  messagesReceived = 0;
  messagesSent = 0;
  droppedMessages = 0;

  abstract readonly owner: ConnectionOwner<Reporting<C>, C>;
  /** The object that the application holds. */
  abstract readonly connection: C;
  /** The link below, also for tools that observe this one connection. */
  abstract readonly link: Link;
  abstract readonly id: string;
  abstract readonly connectedAtMs: number;

  get remoteAddress(): string {
    return this.link.transport.remoteAddress;
  }

  get bytesReceived(): number {
    return this.link.bytesReceived;
  }

  get bytesSent(): number {
    return this.link.outbox.sentBytes;
  }

  get meter(): MessageMeter | undefined {
    return this.owner.meter;
  }

  get messageTracer(): MessageTracer | undefined {
    return this.owner.messageTracer;
  }

  // `LinkOwner`.

  receivedPing(payload: Buffer): void {
    if (countListeners(this.connection, 'ping') > 0) this.tell('ping', copyOf(payload, 0, payload.length));
  }

  receivedPong(payload: Buffer): void {
    if (countListeners(this.connection, 'pong') > 0) this.tell('pong', copyOf(payload, 0, payload.length));
  }

  internalFault(error: unknown): void {
    this.owner.observers?.tell('internalFault', error, this);
  }

  roundTrip(rttMs: number): void {
    this.owner.observers?.tell('roundTrip', this, rttMs);
  }

  rateLimited(action: 'close' | 'throttle'): void {
    this.owner.observers?.tell('rateLimited', this, action);
  }

  /** Calls the listeners of an event other than `message`. */
  protected tell<Name extends keyof ConnectionEvents>(name: Name, ...args: ConnectionEvents[Name]): void {
    if (countListeners(this.connection, name) === 0) return;
    dispatch(this.connection, name, args, (error) => {
      this.owner.handlerFailed(error, this, `a listener of '${name}'`);
      // A client has no server whose `error` event could report the failure.
      if (name === 'error' || this.link.core.role === 'server') return;
      this.tell('error', new PeerError('ERR_HANDLER', undefined, { cause: error }));
    });
  }

  /** A whole message has arrived, the last one that the core has read, and its channel has subscribers. */
  protected publishReceived(message: Message, isText: boolean): void {
    const { core } = this.link;
    const bytes = core.end - core.start;
    MESSAGE_RECEIVE.publish({ connection: this.connection, bytes, isText, message });
  }

  /** A message that is received in parts has arrived. */
  protected reportReceivedParts(bytes: number, isText: boolean): void {
    if (MESSAGE_RECEIVE.hasSubscribers)
      MESSAGE_RECEIVE.publish({ connection: this.connection, bytes, isText, message: undefined });
  }

  /** A message was accepted whose size has to be computed. */
  protected countSent(meter: MessageMeter, payload: Payload, binary: boolean | undefined): void {
    meter.sent(payloadLength(payload), isTextPayload(payload, binary));
  }

  /**
   * A message was accepted, and its channel has subscribers.
   * @param known Size of the payload; `UNKNOWN_BYTES` if it has to be computed.
   */
  protected publishSent(payload: Payload, known: number, binary: boolean | undefined): void {
    const bytes = known === UNKNOWN_BYTES ? payloadLength(payload) : known;
    const isText = isTextPayload(payload, binary);
    MESSAGE_SEND.publish({ connection: this.connection, bytes, isText });
  }

  /** A message in fragments was sent. */
  protected reportStreamed(bytes: number, isText: boolean): void {
    this.owner.meter?.sent(bytes, isText);
    if (MESSAGE_SEND.hasSubscribers) MESSAGE_SEND.publish({ connection: this.connection, bytes, isText });
  }

  /** Counts messages that are dropped, received ones too. */
  protected countDropped(messages: number, cause: DropCause): void {
    if (messages === 0) return;
    this.droppedMessages += messages;
    this.owner.observers?.tell('dropped', this, messages, cause);
    if (cause === 'drop-oldest') this.owner.groups.droppedOldest(this);
  }

  protected publishDrain(): void {
    if (CONNECTION_DRAIN.hasSubscribers) CONNECTION_DRAIN.publish({ connection: this.connection });
  }

  /** The last message was delivered, and the `close` event was emitted. */
  protected reportClosed(info: CloseInfo): void {
    this.owner.observers?.tell('closed', this, info);
    if (CONNECTION_CLOSE.hasSubscribers) CONNECTION_CLOSE.publish({ connection: this.connection, info });
  }
}
