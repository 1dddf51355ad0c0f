import { MisuseError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { ListenerResult } from './owner.ts';
import { Inbox } from './inbox.ts';
import { MessageIterator } from './message-iterator.ts';
import { isThenable } from '../options/call-check.ts';

/** How long messages wait for a consumer: after the handshake, and after the last consumer left. */
export const UNCLAIMED_MS = 10_000;

/** A listener for the messages of one connection. */
export type MessageListener = (message: Message, isText: boolean) => ListenerResult;

/** What delivery needs of the connection it works for. */
export interface DeliveryOwner {
  /** What the application holds: `this` in the listeners. */
  readonly emitter: object;
  /** Listeners of the connection itself; replaced when they change. */
  readonly ownListeners: readonly MessageListener[];
  /** How many listeners for the messages of all connections there are. */
  readonly sharedListenerCount: number;
  /** Calls one of them. */
  callSharedListener(index: number, message: Message, isText: boolean): ListenerResult;
  readonly maxConcurrentMessages: number;
  /** A listener threw or rejected. */
  listenerFailed(error: unknown): void;
  /** There is room again: more may be delivered, and read. */
  deliveryReady(): void;
  /** On the clock of deadlines. */
  now(): number;
  /** Messages wait, and there is no consumer: {@link Delivery.dropUnclaimed} is to be called at that time. */
  unclaimedUntil(atMs: number): void;
}

/**
 * Hands messages to the application, one after the other: to listeners, awaited where they return a promise, and to
 * an iterator as fast as its loop asks. What cannot be delivered yet waits.
 */
export class Delivery {
  #iterator: MessageIterator | undefined;
  #paused: 'no' | 'asked' | 'loop left' = 'no';
  #running = 0;
  #inbox: Inbox | undefined;
  /** Until then messages wait for a consumer. In whole ms, which V8 keeps in the field itself. */
  #claimByMs: number;
  readonly #owner: DeliveryOwner;

  /** @param claimByMs Until when messages wait for the first consumer. */
  constructor(owner: DeliveryOwner, claimByMs: number) {
    this.#owner = owner;
    this.#claimByMs = Math.ceil(claimByMs);
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#inbox?.size ?? 0;
  }

  /** What they count, in bytes. */
  get waitingBytes(): number {
    return this.#inbox?.bytes ?? 0;
  }

  /** The application left its loop, and began no other. */
  get isLoopLeft(): boolean {
    return this.#paused === 'loop left';
  }

  /** There is no consumer, and no call of `pause` that announces one: no listener, or the loop was left. */
  get isAbandoned(): boolean {
    if (this.#paused === 'asked' || this.#iterator !== undefined) return false;
    return this.#paused === 'loop left' || !this.#hasListeners;
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

  /** Listeners were added or removed. Where there is no consumer any more, messages wait for the next one for a while. */
  consumersChanged(): void {
    if (this.#isUnclaimed) this.claimFrom(this.#owner.now());
  }

  /** Messages wait for a consumer for {@link UNCLAIMED_MS} from `nowMs` on. */
  claimFrom(nowMs: number): void {
    this.#claimByMs = Math.ceil(nowMs) + UNCLAIMED_MS;
    if (this.waiting > 0) this.#owner.unclaimedUntil(this.#claimByMs);
  }

  /**
   * Begins a loop over the messages. After it was left, messages wait for `resume` or for the next loop.
   * @param isOver No message comes any more.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  loop(over: 'client' | 'connection', isOver: boolean): MessageIterator {
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

  /** No message comes any more. */
  finish(): void {
    this.#iterator?.finish();
    this.#iterator = undefined;
  }

  /**
   * Delivers the message now, or when its turn comes.
   * @returns False if it is dropped: there is no consumer, and has not been for a while.
   */
  offer(message: Message, isText: boolean): boolean {
    if (this.#inbox === undefined && this.#open()) this.#hand(message, isText);
    else {
      if (this.#isUnclaimed) {
        if (this.#owner.now() >= this.#claimByMs) return false;
        this.#owner.unclaimedUntil(this.#claimByMs);
      }
      (this.#inbox ??= new Inbox()).push(message, isText);
    }
    return true;
  }

  /**
   * Drops messages that have waited for a consumer long enough.
   * @returns How many were dropped.
   */
  dropUnclaimed(): number {
    if (this.waiting === 0 || !this.#isUnclaimed) return 0;
    if (this.#owner.now() >= this.#claimByMs) return this.drop();
    this.#owner.unclaimedUntil(this.#claimByMs);
    return 0;
  }

  /** Delivers what waits, as far as it goes. */
  deliverWaiting(): void {
    while (this.#inbox !== undefined && this.#open()) {
      const isText = this.#inbox.isNextText;
      const message = this.#inbox.shift();
      if (this.#inbox.size === 0) this.#inbox = undefined;
      if (message !== undefined) this.#hand(message, isText);
    }
  }

  /** @returns How many messages were waiting. */
  drop(): number {
    const dropped = this.waiting;
    this.#inbox = undefined;
    return dropped;
  }

  #open(): boolean {
    if (this.#paused !== 'no' || this.#running >= this.#owner.maxConcurrentMessages) return false;
    if (this.#iterator !== undefined) return this.#iterator.asking;
    return this.#hasListeners;
  }

  /** No consumer will take the next message. With a listener beside a loop that was left, one may: after `resume`. */
  get #isUnclaimed(): boolean {
    return this.isAbandoned && !this.#hasListeners;
  }

  get #hasListeners(): boolean {
    return this.#owner.ownListeners.length > 0 || this.#owner.sharedListenerCount > 0;
  }

  #hand(message: Message, isText: boolean): void {
    const owner = this.#owner;
    let pending: PromiseLike<unknown>[] | undefined;
    const { ownListeners } = owner;
    for (let i = 0; i < ownListeners.length; i++) {
      try {
        const result: unknown = ownListeners[i]!.call(owner.emitter, message, isText);
        if (isThenable(result)) (pending ??= []).push(result);
      } catch (error) {
        owner.listenerFailed(error);
      }
    }
    for (let i = 0; i < owner.sharedListenerCount; i++) {
      try {
        const result: unknown = owner.callSharedListener(i, message, isText);
        if (isThenable(result)) (pending ??= []).push(result);
      } catch (error) {
        owner.listenerFailed(error);
      }
    }
    this.#iterator?.give(message);
    if (pending !== undefined) this.#await(pending);
  }

  #await(pending: PromiseLike<unknown>[]): void {
    this.#running++;
    let left = pending.length;
    const settled = (): void => {
      if (--left > 0) return;
      this.#running--;
      this.#owner.deliveryReady();
    };
    const failed = (error: unknown): void => {
      this.#owner.listenerFailed(error);
      settled();
    };
    for (const promise of pending) {
      // A thenable of the application may throw, or settle twice; a promise of our own does neither.
      void Promise.resolve(promise).then(settled, failed);
    }
  }
}
