import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import { OpenCalls } from '../open-calls.ts';
import { engineError, type NatsConnection, type NatsMessage } from './connection.ts';

export interface SessionOwner {
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** The session cannot be used: every call has rejected, and every subscription has ended. Called once. */
  ended(error: EngineError): void;
  /** NATS refused a subscription, such as for missing permissions. */
  denied(error: EngineError): void;
}

/**
 * The server reports a subject that is not allowed before it answers the flush. The report takes more promise jobs than the answer: it
 * comes through the iterator of `status()`.
 */
const STATUS_JOBS = 16;

/**
 * One time in which the connection of the application can be used, from its beginning to its end. A session never comes back: the
 * engine begins another one.
 */
export class Session {
  readonly #connection: NatsConnection;
  readonly #owner: SessionOwner;
  readonly #subscriptions = new Map<string, { unsubscribe(): void }>();
  readonly #calls: OpenCalls;
  /** Subjects that this connection may not publish to. */
  readonly #denied = new Set<string>();
  #flush: Promise<void> | undefined;
  #end: EngineError | undefined;

  constructor(connection: NatsConnection, owner: SessionOwner) {
    this.#connection = connection;
    this.#owner = owner;
    const { clock, deadlineMs } = owner;
    this.#calls = new OpenCalls(clock, deadlineMs, () =>
      this.fail(new EngineError('ERR_ENGINE_DOWN', `NATS did not answer within ${deadlineMs} ms`)),
    );
  }

  /**
   * Hands a message to the connection. It has reached the server when {@link flushed} resolves.
   * @throws EngineError `ERR_ENGINE_DOWN`, or `ERR_ENGINE_REFUSED` for a subject that is not allowed.
   */
  publish(subject: string, bytes: Uint8Array, reply?: string): void {
    if (this.#end !== undefined) throw this.#end;
    this.checkAllowed(subject);
    try {
      if (reply === undefined) this.#connection.publish(subject, bytes);
      else this.#connection.publish(subject, bytes, { reply });
    } catch (error) {
      throw engineError(error);
    }
  }

  /** Subscribes once to each subject. The server has it when {@link flushed} resolves. @param queue Only one of the group gets a message. */
  subscribe(subject: string, receive: (message: NatsMessage) => void, queue?: string): void {
    if (this.#end !== undefined) throw this.#end;
    if (this.#subscriptions.has(subject)) return;
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (this.#end !== undefined) return;
      if (error === null || error === undefined) receive(message);
      else this.#owner.denied(deniedBy('subscription', subject, error));
    };
    try {
      const options = queue === undefined ? { callback } : { callback, queue };
      this.#subscriptions.set(subject, this.#connection.subscribe(subject, options));
    } catch (error) {
      throw engineError(error);
    }
  }

  isSubscribed(subject: string): boolean {
    return this.#subscriptions.has(subject);
  }

  unsubscribe(subject: string): void {
    const subscription = this.#subscriptions.get(subject);
    this.#subscriptions.delete(subject);
    if (subscription !== undefined) endSubscription(subscription);
  }

  /** Resolves when the server has taken everything before this call. All calls of one turn share one flush. */
  flushed(): Promise<void> {
    this.#flush ??= this.#track(() =>
      Promise.resolve().then(async () => {
        this.#flush = undefined;
        await this.#connection.flush();
        for (let job = 0; job < STATUS_JOBS; job++) await Promise.resolve();
      }),
    );
    return this.#flush;
  }

  /** @returns The first answer. Rejects if there is none. */
  async request(subject: string, bytes: Uint8Array, timeout: number): Promise<Uint8Array> {
    const { data } = await this.#track(() => this.#connection.request(subject, bytes, { timeout }));
    return data;
  }

  /** The server said that a subject is not allowed. */
  denied(operation: string, subject: string): void {
    if (operation === 'publish') this.#denied.add(subject);
  }

  /** @throws EngineError `ERR_ENGINE_REFUSED` for a subject that this connection may not publish to. */
  checkAllowed(subject: string): void {
    if (this.#denied.has(subject)) throw deniedBy('publish', subject);
  }

  async #track<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#end !== undefined) throw this.#end;
    try {
      return await this.#calls.run(call);
    } catch (error) {
      throw engineError(error);
    }
  }

  /** Ends the session, and tells its owner. */
  fail(reason: unknown): void {
    if (this.#end !== undefined) return;
    const error = engineError(reason);
    this.end(error);
    this.#owner.ended(error);
  }

  /** Every call rejects, and every subscription ends. The connection stays open: it belongs to the application. */
  end(error: EngineError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    for (const subscription of this.#subscriptions.values()) endSubscription(subscription);
    this.#subscriptions.clear();
    this.#calls.rejectAll(error);
  }
}

function endSubscription(subscription: { unsubscribe(): void }): void {
  try {
    subscription.unsubscribe();
  } catch {
    // The connection is closed, so the subscription has ended.
  }
}

export const deniedBy = (operation: string, subject: string, cause?: unknown): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    `NATS does not allow this connection a ${operation} of '${subject}'; allow its user to publish and subscribe below the prefix`,
    { cause },
  );
