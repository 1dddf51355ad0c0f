import { MisuseError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { ListenerResult } from './owner.ts';
import { Inbox } from './inbox.ts';
import { MessageIterator } from './message-iterator.ts';
import { isThenable } from '../options/call-check.ts';
import type { MessageMeter } from '../observe/message-meter.ts';
import { isHandlerTraced } from '../engine/channels.ts';
import type { HandlerTrace, MessageTracer } from '../observe/tracing/traces.ts';

/** Time for which messages are buffered for a consumer, after the handshake and after the last consumer left, in ms. */
export const UNCLAIMED_MS = 10_000;

/** The start of a message whose handling is not measured. */
const NOT_MEASURED = -1;

/** A listener for the messages of one connection. */
export type MessageListener = (message: Message, isText: boolean) => ListenerResult;

/** The connection that a {@link Delivery} works for. */
export interface DeliveryOwner {
  /** The object that the application holds: `this` in the listeners. */
  readonly emitter: object;
  /** Listeners of the connection itself. The array is replaced when they change. */
  readonly ownListeners: readonly MessageListener[];
  /** Number of listeners for the messages of all connections. */
  readonly sharedListenerCount: number;
  /** Calls one of these listeners. */
  callSharedListener(index: number, message: Message, isText: boolean): ListenerResult;
  readonly maxConcurrentMessages: number;
  /** Measures the listeners; `undefined` for none. */
  readonly meter: MessageMeter | undefined;
  /** Follows messages, besides the channels; `undefined` for none. */
  readonly messageTracer: MessageTracer | undefined;
  /** A listener threw or rejected. */
  listenerFailed(error: unknown): void;
  /**
   * Begins to follow a message that is about to be delivered; `undefined` to leave it alone.
   * @param isSampled Whether {@link messageTracer} wants it.
   */
  traceHandler(message: Message, isText: boolean, isSampled: boolean): HandlerTrace | undefined;
  /** More messages may be delivered, and read. */
  deliveryReady(): void;
  /** Time on the clock of deadlines. */
  now(): number;
  /** Messages are buffered without a consumer. The owner has to call {@link Delivery.dropUnclaimed} at that time. */
  unclaimedUntil(atMs: number): void;
}

/**
 * Delivers messages to the application one after another: to listeners, awaiting the promises that they return, and to
 * an iterator as fast as its loop requests them. Messages that cannot be delivered yet are buffered.
 */
export class Delivery {
  #iterator: MessageIterator | undefined;
  #paused: 'no' | 'asked' | 'loop left' = 'no';
  #running = 0;
  #inbox: Inbox | undefined;
  /** Time until which messages are buffered for a consumer. In whole ms, which V8 stores in the field itself. */
  #claimByMs: number;
  readonly #owner: DeliveryOwner;

  /** @param claimByMs Time until which messages are buffered for the first consumer. */
  constructor(owner: DeliveryOwner, claimByMs: number) {
    this.#owner = owner;
    this.#claimByMs = Math.ceil(claimByMs);
  }

  /** Number of buffered messages. */
  get waiting(): number {
    return this.#inbox?.size ?? 0;
  }

  /** Bytes that the buffered messages count. */
  get waitingBytes(): number {
    return this.#inbox?.bytes ?? 0;
  }

  /** The application left its loop and started no other. */
  get isLoopLeft(): boolean {
    return this.#paused === 'loop left';
  }

  /** There is no consumer, and no `pause` that announces one: no listener, or the application left its loop. */
  get isAbandoned(): boolean {
    if (this.#paused === 'asked' || this.#iterator !== undefined) return false;
    return this.#paused === 'loop left' || !this.#hasListeners();
  }

  /** The application has called `pause`. */
  get isPaused(): boolean {
    return this.#paused === 'asked';
  }

  pause(): void {
    this.#paused = 'asked';
  }

  resume(): void {
    if (this.#paused === 'no') return;
    this.#paused = 'no';
    this.consumersChanged();
    this.#owner.deliveryReady();
  }

  /**
   * Call when listeners were added or removed. Without a consumer, messages are buffered for the next one for a limited
   * time.
   */
  consumersChanged(): void {
    if (this.#isUnclaimed()) this.claimFrom(this.#owner.now());
  }

  /** Buffers messages for a consumer for {@link UNCLAIMED_MS} from `nowMs` on. */
  claimFrom(nowMs: number): void {
    this.#claimByMs = Math.ceil(nowMs) + UNCLAIMED_MS;
    if (this.waiting > 0) this.#owner.unclaimedUntil(this.#claimByMs);
  }

  /**
   * Starts a loop over the messages. After the application leaves it, messages are buffered for `resume` or the next
   * loop.
   * @param isOver No more messages will arrive.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  loop(over: 'client' | 'connection' | 'channel', isOver: boolean): MessageIterator {
    if (this.#iterator !== undefined) {
      throw new MisuseError('ERR_STATE', `this ${over} is being iterated already`);
    }
    const iterator = new MessageIterator(
      () => this.#owner.deliveryReady(),
      () => {
        this.#iterator = undefined;
        if (this.#paused === 'no') this.#paused = 'loop left';
        this.consumersChanged();
      },
    );
    if (isOver) iterator.finish();
    else {
      this.#iterator = iterator;
      if (this.#paused === 'loop left') this.#paused = 'no';
    }
    return iterator;
  }

  /** Call when no more messages will arrive. */
  finish(): void {
    this.#iterator?.finish();
    this.#iterator = undefined;
  }

  /**
   * Delivers the message now, or buffers it.
   * @returns False if it is dropped because there has been no consumer for too long.
   */
  offer(message: Message, isText: boolean): boolean {
    if (this.#inbox === undefined && this.#open()) this.#hand(message, isText);
    else {
      if (this.#isUnclaimed()) {
        if (this.#owner.now() >= this.#claimByMs) return false;
        this.#owner.unclaimedUntil(this.#claimByMs);
      }
      (this.#inbox ??= new Inbox()).push(message, isText);
    }
    return true;
  }

  /**
   * Drops messages that were buffered for a consumer for too long.
   * @returns Number of dropped messages.
   */
  dropUnclaimed(): number {
    if (this.waiting === 0 || !this.#isUnclaimed()) return 0;
    if (this.#owner.now() >= this.#claimByMs) return this.drop();
    this.#owner.unclaimedUntil(this.#claimByMs);
    return 0;
  }

  /** Delivers buffered messages as far as possible. */
  deliverWaiting(): void {
    while (this.#inbox !== undefined && this.#open()) {
      const isText = this.#inbox.isNextText;
      const message = this.#inbox.shift();
      if (this.#inbox.size === 0) this.#inbox = undefined;
      if (message !== undefined) this.#hand(message, isText);
    }
  }

  /**
   * Hands all buffered messages to another consumer.
   * @throws MisuseError `ERR_STATE` if there is a consumer.
   */
  handOver(call: string, to: (message: Message, isText: boolean) => void): void {
    if (this.#iterator !== undefined || this.#owner.ownListeners.length > 0)
      throw new MisuseError(
        'ERR_STATE',
        `${call} needs all messages of the connection, which has ${this.#iterator === undefined ? "a listener of 'message'" : 'a loop over them'}`,
      );
    const inbox = this.#inbox;
    this.#inbox = undefined;
    for (let left = inbox?.size ?? 0; left > 0; left--) {
      const isText = inbox!.isNextText;
      to(inbox!.shift()!, isText);
    }
  }

  /** Drops all buffered messages. @returns Their number. */
  drop(): number {
    const dropped = this.waiting;
    this.#inbox = undefined;
    if (this.#iterator !== undefined) this.#iterator.droppedMessages += dropped;
    return dropped;
  }

  #open(): boolean {
    if (this.#paused !== 'no' || this.#running >= this.#owner.maxConcurrentMessages) return false;
    if (this.#iterator !== undefined) return this.#iterator.asking;
    return this.#hasListeners();
  }

  /**
   * True if no consumer will take the next message. After the application left a loop, a listener takes messages only
   * after `resume`.
   */
  #isUnclaimed(): boolean {
    return this.isAbandoned && !this.#hasListeners();
  }

  // Methods, not getters: V8 calls its runtime for each use of a private getter.
  #hasListeners(): boolean {
    return this.#owner.ownListeners.length > 0 || this.#owner.sharedListenerCount > 0;
  }

  #hand(message: Message, isText: boolean): void {
    const { meter, messageTracer } = this.#owner;
    const isSampled = messageTracer?.isNext() === true;
    const isTimed = meter?.isNext() === true;
    if (isSampled || isTimed || isHandlerTraced()) {
      this.#handWatched(message, isText, isSampled, isTimed);
      return;
    }
    const pending = this.#callListeners(message, isText, undefined);
    this.#iterator?.give(message);
    if (pending !== undefined) this.#await(pending, NOT_MEASURED, undefined);
  }

  /** As {@link #hand}, with the listeners measured and traced. */
  #handWatched(message: Message, isText: boolean, isSampled: boolean, isTimed: boolean): void {
    const { meter } = this.#owner;
    const trace =
      isSampled || isHandlerTraced() ? this.#owner.traceHandler(message, isText, isSampled) : undefined;
    // A loop takes its message later, so there is nothing to measure.
    const startedMs = isTimed && this.#iterator === undefined ? meter!.now() : NOT_MEASURED;
    const pending =
      trace === undefined
        ? this.#callListeners(message, isText, undefined)
        : this.#callTraced(message, isText, trace);
    this.#iterator?.give(message);
    if (pending !== undefined) this.#await(pending, startedMs, trace);
    else {
      if (startedMs !== NOT_MEASURED) meter!.handled(startedMs);
      trace?.settled(false);
    }
  }

  #callTraced(
    message: Message,
    isText: boolean,
    trace: HandlerTrace,
  ): readonly PromiseLike<unknown>[] | undefined {
    let pending: readonly PromiseLike<unknown>[] | undefined;
    trace.run(() => {
      pending = this.#callListeners(message, isText, trace);
    });
    return pending;
  }

  /** @returns The promises that listeners returned; `undefined` if there are none. */
  #callListeners(
    message: Message,
    isText: boolean,
    trace: HandlerTrace | undefined,
  ): readonly PromiseLike<unknown>[] | undefined {
    const owner = this.#owner;
    let pending: PromiseLike<unknown>[] | undefined;
    const { ownListeners } = owner;
    for (let i = 0; i < ownListeners.length; i++) {
      try {
        const result: unknown = ownListeners[i]!.call(owner.emitter, message, isText);
        if (isThenable(result)) (pending ??= []).push(result);
      } catch (error) {
        trace?.failed(error);
        owner.listenerFailed(error);
      }
    }
    for (let i = 0; i < owner.sharedListenerCount; i++) {
      try {
        const result: unknown = owner.callSharedListener(i, message, isText);
        if (isThenable(result)) (pending ??= []).push(result);
      } catch (error) {
        trace?.failed(error);
        owner.listenerFailed(error);
      }
    }
    return pending;
  }

  #await(pending: readonly PromiseLike<unknown>[], startedMs: number, trace: HandlerTrace | undefined): void {
    this.#running++;
    let left = pending.length;
    const settled = (): void => {
      if (--left > 0) return;
      if (startedMs !== NOT_MEASURED) this.#owner.meter!.handled(startedMs);
      trace?.settled(true);
      this.#running--;
      this.#owner.deliveryReady();
    };
    const failed = (error: unknown): void => {
      trace?.failed(error);
      this.#owner.listenerFailed(error);
      settled();
    };
    for (const promise of pending) {
      // A thenable of the application may throw or settle twice; our own promise does neither.
      void Promise.resolve(promise).then(settled, failed);
    }
  }
}
