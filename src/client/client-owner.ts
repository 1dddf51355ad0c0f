import { type Connection, driverOf, type DriverOf } from '../connection/connection.ts';
import type { HandshakeResponse } from '../connection/connection-events.ts';
import { type ConnectionOwner, newTrafficCounters, type TrafficCounters } from '../connection/owner.ts';
import { countListeners } from '../connection/emitter.ts';
import { ConnectionLog } from '../connection/log.ts';
import { Observers } from '../connection/observers.ts';
import { OpenConnections } from '../connection/open-connections.ts';
import { ERROR_LISTENER, Warnings } from '../connection/warnings.ts';
import { MisuseError } from '../protocol/errors.ts';
import type { ResponseHead } from '../protocol/handshake/response-head.ts';
import type { DeadlineQueue } from '../engine/deadlines.ts';
import type { Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import { headersOf } from '../protocol/handshake/answer-reader.ts';
import type { ResolvedConnectOptions } from '../options/connect-options.ts';
import type { ConnectionSettings } from '../options/connection-settings.ts';

/** The owner of one connection of a client: its settings, counters and observers. */
export class ClientOwner<UserData> implements ConnectionOwner<DriverOf<UserData>, Connection<UserData>> {
  readonly settings: ConnectionSettings;
  readonly deadlines: DeadlineQueue;
  readonly random: RandomSource;
  readonly engine: Engine;
  readonly counters: TrafficCounters = newTrafficCounters();
  readonly meter = undefined;
  readonly messageTracer = undefined;
  messageListeners: ConnectionOwner<DriverOf<UserData>, Connection<UserData>>['messageListeners'] = [];
  passesMessagesOn = false;
  /** Callbacks of the reconnecting client. It uses no listeners on its connections: an application could remove them. */
  onStateChange: () => void = () => {};
  onDrained: () => void = () => {};
  readonly groups = NO_GROUPS;
  readonly response: HandshakeResponse;
  readonly warnings: Warnings;
  readonly observers: Observers | undefined;

  constructor(options: ResolvedConnectOptions, head: ResponseHead, engine: Engine) {
    this.engine = engine;
    this.settings = options;
    this.response = new AcceptedHandshake(head);
    this.deadlines = engine.deadlinesOf(options.clock);
    this.random = options.random;
    this.observers = clientObservers(options);
    this.warnings = new Warnings(options.logger);
  }

  stateChanged(): void {
    this.onStateChange();
  }

  closed(driver: DriverOf<UserData>): void {
    this.engine.part(OpenConnections).removeClient(driver);
  }

  drained(): void {
    this.onDrained();
  }

  memoryShed(): void {
    this.observers?.tell('memoryShed', this.settings.memoryBudget.maxBytes);
  }

  handlerFailed(error: unknown, driver: DriverOf<UserData>, where: string): void {
    this.observers?.tell('handlerFailed', error, driver);
    // A failing `error` listener does not get its own error.
    const isHeard = where !== ERROR_LISTENER && countListeners(driver.connection, 'error') > 0;
    if (!isHeard) this.warnings.failure(where, error);
  }
}

/** Makes the `Headers` on first use: most applications never read them. */
class AcceptedHandshake implements HandshakeResponse {
  readonly #head: ResponseHead;
  #headers: Headers | undefined;

  constructor(head: ResponseHead) {
    this.#head = head;
  }

  get status(): number {
    return this.#head.status;
  }

  get statusText(): string {
    return this.#head.reason;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#head.fields);
    return this.#headers;
  }
}

const noTopics = (what: string): MisuseError =>
  new MisuseError(
    'ERR_STATE',
    `topics are those of a server: a client cannot ${what} but by a message that its server understands`,
  );

/** A client has no topics. */
const NO_GROUPS = Object.freeze({
  subscribe: (): never => {
    throw noTopics('subscribe to them');
  },
  unsubscribe: (): never => {
    throw noTopics('leave them');
  },
  publish: (): never => {
    throw noTopics('publish to them');
  },
  subscribeFrom: (): never => {
    throw noTopics('subscribe to them');
  },
  enter: (): never => {
    throw noTopics('enter them');
  },
  leave: (): never => {
    throw noTopics('leave them');
  },
  droppedOldest: (): void => {},
});

/** The observers of a client: its log, if it has a logger. */
export function clientObservers({
  logger,
  clock,
}: Pick<ResolvedConnectOptions, 'logger' | 'clock'>): Observers | undefined {
  return logger === undefined ? undefined : new Observers([new ConnectionLog(logger, clock)]);
}

/** The owner of a connection that `connect` made. */
export function clientOwnerOf<UserData>(connection: Connection<UserData>): ClientOwner<UserData> {
  return driverOf(connection).owner as ClientOwner<UserData>;
}
