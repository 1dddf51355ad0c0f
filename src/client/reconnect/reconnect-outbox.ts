import { Buffer } from 'node:buffer';
import type { Connection } from '../../connection/connection.ts';
import { Drains } from '../../connection/drains.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { outgoing, type Payload } from '../../protocol/payload.ts';
import type { Clock } from '../../engine/clock.ts';
import { OfflineQueue, type PayloadTools, type UnsentMessage } from './offline-queue.ts';
import type { ReconnectState } from './reconnect-states.ts';
import type { SendOptions } from '../../options/call-options.ts';
import type { OfflineQueueSettings } from '../../options/retry-options.ts';

/** The current connection, if there is one. */
export interface OutboxOwner {
  readonly state: ReconnectState;
  readonly connection: Connection | undefined;
}

/** Payloads in Node. */
export const NODE_PAYLOADS: PayloadTools<Payload, SendOptions | undefined> = Object.freeze({
  bytesOf: (payload, options) => Buffer.byteLength(outgoing(payload, options?.binary).data),
  copyOf: (payload, options) => {
    const { data } = outgoing(payload, options?.binary);
    return typeof data === 'string' ? data : Buffer.from(data);
  },
} satisfies PayloadTools<Payload, SendOptions | undefined>);

/** Turns messages of the application into frames of a subprotocol. */
export interface MessageWrapper {
  /** @throws MisuseError `ERR_ARGUMENT` for an invalid payload. */
  wrapped(payload: Payload, options: SendOptions | undefined): string;
}

/** Sends messages on the current connection, or queues them in the offline queue. */
export class ReconnectOutbox {
  readonly #owner: OutboxOwner;
  readonly #clock: Clock;
  readonly #highWaterMarkBytes: number;
  readonly #unsent: (message: UnsentMessage) => void;
  readonly #queue: OfflineQueue<Payload, SendOptions | undefined> | undefined;
  /** Set while the current connection speaks `hawser.v1`. */
  wrapper: MessageWrapper | undefined;
  #drains: Drains | undefined;

  /** @param unsent Gets messages that were not sent and never will be. */
  constructor(
    owner: OutboxOwner,
    queue: false | OfflineQueueSettings,
    { highWaterMarkBytes, clock }: { readonly highWaterMarkBytes: number; readonly clock: Clock },
    unsent: (message: UnsentMessage) => void,
  ) {
    this.#owner = owner;
    this.#clock = clock;
    this.#highWaterMarkBytes = highWaterMarkBytes;
    this.#unsent = unsent;
    this.#queue = queue === false ? undefined : new OfflineQueue(queue, unsent, NODE_PAYLOADS);
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#queue?.size ?? 0;
  }

  /** Bytes accepted and not yet taken by the kernel: those in the offline queue, and those of the connection. */
  get bufferedBytes(): number {
    return (this.#queue?.bytes ?? 0) + (this.#owner.connection?.bufferedBytes ?? 0);
  }

  /** As of `ReconnectingClient`. */
  send(payload: Payload, options: SendOptions | undefined): boolean {
    const { connection } = this.#owner;
    if (connection?.state === 'open' && !this.#isOver && this.queuedMessages === 0) {
      const goOn = this.#pass(connection, payload, options);
      if (!goOn) (this.#drains ??= new Drains()).wasRefused = true;
      return goOn;
    }
    if (this.#queue !== undefined && !this.#isOver)
      return this.#queue.push(payload, options, this.#clock.now());
    this.#unsent({ bytes: NODE_PAYLOADS.bytesOf(payload, options), why: 'offline' });
    return false;
  }

  /** As of `ReconnectingClient`. */
  drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isOver) return Promise.reject(closedError());
    if (this.#hasRoom) return Promise.resolve();
    this.#drains ??= new Drains();
    return this.#drains.wait(signal);
  }

  /**
   * Sends queued messages as far as the connection accepts them, and resolves pending calls of `drained`.
   * @returns Whether to emit `drain`.
   */
  flush(): boolean {
    const { state, connection } = this.#owner;
    if (connection === undefined || state !== 'open') return false;
    this.#queue?.flush(
      this.#clock.now(),
      (payload, options) => this.#pass(connection, payload, options) && connection.state === 'open',
    );
    const drains = this.#drains;
    if (drains === undefined || !this.#hasRoom) return false;
    this.#drains = undefined;
    drains.resolve();
    return drains.wasRefused;
  }

  /** The client has ended: drops queued messages. */
  end(): void {
    this.#queue?.drop();
    this.#drains?.reject(closedError());
    this.#drains = undefined;
  }

  #pass(connection: Connection, payload: Payload, options: SendOptions | undefined): boolean {
    const { wrapper } = this;
    if (wrapper === undefined) return connection.send(payload, options);
    const frame = wrapper.wrapped(payload, options);
    return connection.send(
      frame,
      options?.compress === undefined ? undefined : { compress: options.compress },
    );
  }

  get #isOver(): boolean {
    const { state } = this.#owner;
    return state === 'closing' || state === 'closed';
  }

  get #hasRoom(): boolean {
    const { connection } = this.#owner;
    if (connection?.state !== 'open' || this.queuedMessages > 0) return false;
    return connection.bufferedBytes <= this.#highWaterMarkBytes;
  }
}

const closedError = (): MisuseError =>
  new MisuseError('ERR_CLOSED', 'the client ended before queued messages were sent');
