import { callOptions, checkCallOptions, checkCount, wholeNumber } from '../../../options/call-check.ts';
import type { Engine } from '../../engine.ts';
import { connectionOf, isPromise, type NatsConnection } from './connection.ts';
import { NatsEngine } from './engine.ts';

/** Options of {@link natsEngine}. */
export interface NatsEngineOptions {
  /**
   * What `connect()` of `@nats-io/transport-node` 3 or `nats` 2.29 returns, or the promise of it. It stays the application's: the engine
   * never closes it, and ends its own subscriptions when it stops. Connect with `maxReconnectAttempts: -1`.
   */
  readonly connection: NatsConnection | PromiseLike<NatsConnection>;
  /** Begins every subject. 1 to 64 of A–Z, a–z, 0–9, `_` and `-`, in parts that `.` separates. Default `hawser`. */
  readonly prefix?: string;
  /** Longest time of a call; then the engine tries anew to use the connection. 100 to 600,000 ms, default 5,000. */
  readonly deadlineMs?: number;
}

const OPTIONS = callOptions({
  connection: { fits: () => true, allowed: 'a connection of @nats-io/transport-node or nats' },
  prefix: {
    fits: (value) => typeof value === 'string' && value.length <= 64 && /^[\w-]+(?:\.[\w-]+)*$/.test(value),
    allowed: "1 to 64 letters, digits, _ and -, in parts that '.' separates",
  },
  deadlineMs: wholeNumber(100, 600_000),
});

/**
 * Joins servers through NATS 2.9 or later, without JetStream: messages of topics and presence on all nodes. NATS stores no messages,
 * so topics have no history; for that, use `redisEngine`. One engine serves one server.
 *
 * @example
 * new WebSocketServer({ cluster: natsEngine({ connection: await connect({ maxReconnectAttempts: -1 }) }) });
 *
 * @throws MisuseError `ERR_OPTION` for an unknown option, a wrong value, or a connection that is not of one of the packages.
 */
export function natsEngine(options: NatsEngineOptions): Engine {
  checkCount('natsEngine', arguments, 1);
  checkCallOptions('natsEngine', options ?? null, OPTIONS);
  const { connection, prefix = 'hawser', deadlineMs = 5_000 } = options;
  if (!isPromise(connection)) connectionOf(connection);
  return new NatsEngine({ connection, prefix, deadlineMs });
}
