import { EngineError } from '../../../protocol/errors.ts';
import type { EngineHost } from '../../engine.ts';
import {
  connectionOf,
  engineError,
  isPromise,
  type LinkEvent,
  linkEventOf,
  type NatsConnection,
  stopIterating,
} from './connection.ts';
import { deniedBy, Session } from './session.ts';
import { type BackoffLimits, backoffMs } from '../../backoff.ts';

/** Before an attempt to use the connection. */
const RETRY: BackoffLimits = { firstMs: 50, maxMs: 5_000 };

export interface LinkOwner {
  readonly host: EngineHost;
  readonly deadlineMs: number;
  /** Prepares a session. Rejects with `ERR_ENGINE_REFUSED` if this engine cannot work with the others. */
  join(session: Session): Promise<void>;
  up(): void;
  /** Called once for each time that the connection cannot be used. */
  down(error: EngineError): void;
}

/**
 * The connection of the application, as the engine uses it: one session after the other. The client library reconnects; the engine
 * follows what it reports, because the library drops what is published meanwhile and does not say so.
 */
export class Link {
  readonly #given: NatsConnection | PromiseLike<NatsConnection>;
  readonly #owner: LinkOwner;
  #connection: NatsConnection | undefined;
  #events: AsyncIterable<object> | undefined;
  #session: Session | undefined;
  #isUp = false;
  #isStopped = false;
  /** The host knows that NATS cannot be used. */
  #isDownTold = false;
  /** The library has no server: it says when it has one again. */
  #isCut = false;
  #attempts = 0;
  #timer: unknown;
  #maxPayload: number | undefined;
  #started: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(given: NatsConnection | PromiseLike<NatsConnection>, owner: LinkOwner) {
    this.#given = given;
    this.#owner = owner;
  }

  /** `max_payload` of the server, in bytes; that of the last server while there is none. */
  get maxPayload(): number | undefined {
    const { info } = this.#connection ?? {};
    if (info?.max_payload !== undefined) this.#maxPayload = info.max_payload;
    return this.#maxPayload;
  }

  /** Resolves when the connection can be used, or the engine stops. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      if (isPromise(this.#given)) this.#await(this.#given);
      else this.#open(this.#given);
    });
  }

  /** @throws EngineError `ERR_ENGINE_DOWN` */
  usable(): Session {
    if (this.#isUp) return this.#session!;
    throw this.#isStopped ? stopped() : new EngineError('ERR_ENGINE_DOWN');
  }

  async stop(deadlineMs: number, leave: (session: Session) => Promise<void>): Promise<void> {
    if (this.#isStopped) return;
    const { clock } = this.#owner.host;
    const session = this.#session;
    if (session !== undefined && this.#isUp) {
      const timer = clock.setTimer(() => session.end(stopped()), deadlineMs);
      await leave(session).catch(() => {});
      clock.clearTimer(timer);
    }
    this.#close(stopped());
    this.#started?.resolve();
    this.#started = undefined;
  }

  /** Ends all subscriptions, and asks the library to connect anew, if it can. */
  reconnect(reason: Error): void {
    if (this.#session === undefined) return;
    this.#session.fail(reason);
    this.#askToReconnect();
  }

  /** The application connects meanwhile. */
  #await(given: PromiseLike<NatsConnection>): void {
    const { host, deadlineMs } = this.#owner;
    this.#timer = host.clock.setTimer(() => {
      this.#tellDown(new EngineError('ERR_ENGINE_DOWN', `no connection to NATS within ${deadlineMs} ms`));
    }, deadlineMs);
    given.then(
      (connection) => {
        host.clock.clearTimer(this.#timer);
        if (!this.#isStopped) this.#open(connection);
      },
      (error: unknown) => this.#refuse(engineError(error)),
    );
  }

  #open(connection: unknown): void {
    try {
      this.#connection = connectionOf(connection);
      this.#events = this.#connection.status();
    } catch (error) {
      return this.#refuse(error as Error);
    }
    const closed = (): void => this.#closed();
    this.#follow(this.#events).then(closed, closed);
    // In the package nats, the events do not end with the connection.
    this.#connection.closed?.().then(closed, closed);
    this.#join(this.#connection);
  }

  /** Until the connection is closed, or the engine stops. */
  async #follow(events: AsyncIterable<object>): Promise<void> {
    for await (const status of events) {
      const event = linkEventOf(status);
      if (this.#isStopped) return;
      if (event !== undefined) this.#happened(event);
    }
  }

  #closed(): void {
    if (this.#isStopped) return;
    const error = new EngineError(
      'ERR_ENGINE_DOWN',
      'the connection to NATS is closed; keep it open as long as the server runs, and let its client reconnect without limit',
    );
    this.#close(error);
    this.#tellDown(error);
    this.#started?.resolve();
    this.#started = undefined;
  }

  #happened(event: LinkEvent): void {
    const { host } = this.#owner;
    switch (event.kind) {
      case 'disconnect':
        this.#isCut = true;
        host.clock.clearTimer(this.#timer);
        this.#session?.fail(new EngineError('ERR_ENGINE_DOWN', 'NATS: the connection was lost'));
        return;
      case 'reconnect':
        this.#isCut = false;
        this.#attempts = 0;
        host.clock.clearTimer(this.#timer);
        this.#session?.fail(new EngineError('ERR_ENGINE_DOWN', 'NATS: the connection was replaced'));
        host.clock.clearTimer(this.#timer);
        this.#join(this.#connection!);
        return;
      case 'denied':
        this.#session?.denied(event.operation, event.subject);
        if (this.#isUp) host.fault(deniedBy(event.operation, event.subject));
        return;
      case 'error':
        host.fault(engineError(event.error));
    }
  }

  #join(connection: NatsConnection): void {
    const { host, deadlineMs } = this.#owner;
    const { clock } = host;
    let refusal: EngineError | undefined;
    const session = new Session(connection, {
      clock,
      deadlineMs,
      ended: (error) => this.#down(session, error),
      denied: (error) => {
        if (this.#isUp) return host.fault(error);
        refusal = error;
      },
    });
    this.#session = session;
    this.#owner.join(session).then(
      () => {
        if (session !== this.#session || this.#isStopped) return;
        if (refusal === undefined) this.#up();
        else this.#notJoined(session, refusal);
      },
      (error: unknown) => this.#notJoined(session, refusal ?? engineError(error)),
    );
  }

  #notJoined(session: Session, error: EngineError): void {
    if (session !== this.#session || this.#isStopped) return;
    if (error.code === 'ERR_ENGINE_REFUSED' && this.#started !== undefined) this.#refuse(error);
    else session.fail(error);
  }

  #up(): void {
    this.#isUp = true;
    this.#isDownTold = false;
    this.#attempts = 0;
    this.#owner.up();
    this.#started?.resolve();
    this.#started = undefined;
  }

  #down(session: Session, error: EngineError): void {
    if (this.#isStopped || session !== this.#session) return;
    this.#isUp = false;
    this.#session = undefined;
    this.#tellDown(error);
    // Without a server, the library reports when it has one.
    if (this.#isCut) return;
    // It has one that did not answer twice: the library may not notice that for minutes.
    if (this.#attempts > 0) this.#askToReconnect();
    if (!this.#isCut) this.#tryLater();
  }

  #tryLater(): void {
    const { host } = this.#owner;
    host.clock.clearTimer(this.#timer);
    this.#timer = host.clock.setTimer(
      () => {
        if (!this.#isStopped && this.#session === undefined) this.#join(this.#connection!);
      },
      backoffMs(RETRY, this.#attempts++, host.random),
    );
  }

  /** The library closes its socket and connects again; it reports both. Without that, the engine tries again later. */
  #askToReconnect(): void {
    const { host, deadlineMs } = this.#owner;
    const connection = this.#connection;
    if (typeof connection?.reconnect !== 'function') return;
    this.#isCut = true;
    connection.reconnect().catch((error: unknown) => host.fault(engineError(error)));
    host.clock.clearTimer(this.#timer);
    this.#timer = host.clock.setTimer(() => {
      if (this.#isStopped || this.#session !== undefined) return;
      this.#isCut = false;
      this.#join(connection);
    }, deadlineMs);
  }

  #tellDown(error: EngineError): void {
    if (this.#isDownTold) return;
    this.#isDownTold = true;
    this.#owner.down(error);
  }

  /** The engine cannot work: it does not try again. */
  #refuse(error: Error): void {
    if (this.#isStopped) return;
    const reason = engineError(error);
    this.#close(reason);
    this.#tellDown(reason);
    this.#started?.reject(error);
    this.#started = undefined;
  }

  #close(error: EngineError): void {
    this.#isStopped = true;
    this.#isUp = false;
    this.#owner.host.clock.clearTimer(this.#timer);
    this.#session?.end(error);
    this.#session = undefined;
    if (this.#events !== undefined) stopIterating(this.#events);
  }
}

const stopped = (): EngineError => new EngineError('ERR_ENGINE_DOWN', 'the engine has stopped');
