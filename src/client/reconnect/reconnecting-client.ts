import { refuseSurplus } from '../../options/call-check.ts';
import {
  checkCloseCall,
  checkDrainedOptions,
  checkSendOptions,
  type SendOptions,
} from '../../options/call-options.ts';
import { SafeEmitter } from '../../connection/emitter.ts';
import { warnOfHandlerProperties } from '../../connection/event-names.ts';
import type { Message, Payload } from '../../protocol/payload.ts';
import type { ClientConnection } from '../connect.ts';
import { checkClientArguments } from '../../options/client-call-check.ts';
import { ReconnectDriver } from './reconnect-driver.ts';
import type { EndInfo, ReconnectEvents } from './reconnect-events.ts';
import type { Asked, ReconnectOptions } from '../../options/reconnect-options.ts';
import type { ReconnectState } from './reconnect-states.ts';

/**
 * A client that comes back: one object over any number of connections, one after the other. It begins to connect at once,
 * and listeners that are attached in the same turn miss nothing. Messages arrive in three ways, as with a connection, and
 * go on across reconnects; what was lost on the way is the application's to ask for again. It keeps the process alive
 * until it is closed.
 */
export class ReconnectingClient
  extends SafeEmitter<ReconnectEvents>
  implements AsyncIterable<Message>, AsyncDisposable
{
  readonly #driver: ReconnectDriver;

  static {
    warnOfHandlerProperties(
      this.prototype,
      'client',
      {
        onopen: "client.on('open', (connection) => …)",
        onmessage: "client.on('message', (message) => …)",
        onclose: "client.on('close', (info) => …)",
        onerror: "client.on('error', (error) => …)",
      },
      (client) => (#driver in client ? client.#driver.warnings : undefined),
    );
  }

  /**
   * @param url As of `connect`, or a function that is asked before every attempt.
   * @throws MisuseError `ERR_OPTION` for an option, `ERR_ARGUMENT` for a URL, that is not acceptable.
   */
  constructor(url: Asked<string | URL>, options?: ReconnectOptions) {
    checkClientArguments('new ReconnectingClient', arguments);
    const driver = new ReconnectDriver(url, options);
    super(driver);
    driver.emitter = this;
    this.#driver = driver;
    driver.start();
  }

  /** Resolves when it is over, by whatever way. Never rejects. */
  get closed(): Promise<EndInfo> {
    return this.#driver.closed;
  }

  /** See {@link ReconnectState}. */
  get state(): ReconnectState {
    return this.#driver.state;
  }

  /** The connection of now; another one after each reconnect. `undefined` while there is none. */
  get connection(): ClientConnection | undefined {
    return this.#driver.connection;
  }

  /** Attempts in a row that brought no lasting connection. */
  get attempts(): number {
    return this.#driver.attempts;
  }

  /** Bytes accepted and not yet taken by the kernel: those in the offline queue, and those of the connection. */
  get bufferedBytes(): number {
    return this.#driver.bufferedBytes;
  }

  /** Messages in the offline queue. */
  get queuedMessages(): number {
    return this.#driver.queuedMessages;
  }

  /** Messages that were not sent and will not be: no room, too old, or over; and received ones that nobody took. */
  get droppedMessages(): number {
    return this.#driver.droppedMessages;
  }

  /**
   * Sends a message; without a connection, or while the queue is not empty, it goes into the offline queue, which copies
   * bytes. What was handed to a connection that dies is not sent again: nobody knows whether it arrived.
   * @returns With a connection as its `send`. Without: whether it was taken.
   * @throws MisuseError `ERR_ARGUMENT` for anything that is not a {@link Payload}, and for a callback; `ERR_OPTION` for an
   *   option.
   */
  send(payload: Payload, options?: SendOptions): boolean;
  send(payload: Payload, options?: SendOptions, surplus?: unknown): boolean {
    if (options !== undefined || surplus !== undefined) checkSendOptions('client', options, surplus);
    return this.#driver.send(payload, options);
  }

  /**
   * Resolves once there is a connection, the offline queue is empty and no more than half of the high-water mark waits; at
   * once if that is so. Waits across reconnects.
   * @throws MisuseError `ERR_CLOSED` (as a rejection) when the client ends first; or the reason of `signal`.
   */
  drained(options?: { readonly signal?: AbortSignal }): Promise<void>;
  drained(options?: { readonly signal?: AbortSignal }, surplus?: unknown): Promise<void> {
    checkDrainedOptions('client', options, surplus);
    return this.#driver.drained(options?.signal);
  }

  /**
   * Ends it: with a closing handshake (§7.1.2) where there is a connection, at once elsewhere. The offline queue is
   * dropped; wait for {@link drained} if it matters. Received messages that wait are delivered still, unless nobody takes
   * any: without a listener, or after a loop was left. Later calls do nothing.
   * @param code As of `Connection.close`. Default 1000.
   * @throws MisuseError `ERR_ARGUMENT` for another code, or a reason that is no string.
   */
  close(code = 1000, reason = ''): void {
    checkCloseCall('client', arguments);
    this.#driver.close(code, reason);
  }

  /** Stops delivery at the next message. Nothing is lost: soon TCP holds the server back. */
  pause(): void;
  pause(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('client.pause', surplus);
    this.#driver.pause();
  }

  /** Goes on with delivery after {@link pause}, or after a loop was left. */
  resume(): void;
  resume(surplus?: unknown): void {
    if (surplus !== undefined) refuseSurplus('client.resume', surplus);
    this.#driver.resume();
  }

  /**
   * Messages one by one, across reconnects, as fast as the loop asks for them; ends when the client does. Leaving the loop
   * pauses delivery, until another loop begins or `resume`.
   * @throws MisuseError `ERR_STATE` while another loop runs.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#driver.loop();
  }

  /** Closes with 1000 and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#driver.close(1000, '');
    await this.#driver.closed;
  }
}
