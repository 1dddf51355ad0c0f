import { shown } from '../../../options/option-check.ts';
import { EngineError, MisuseError } from '../../../protocol/errors.ts';

/**
 * A connection of `@nats-io/transport-node` 3 or of the package `nats` 2.29. The engine uses only these members; `reconnect`
 * and `closed` where they exist. It never closes the connection.
 */
export interface NatsConnection {
  /** Sends a message, with the subject for the answer in `reply`. */
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string }): void;
  /** Subscribes to a subject. */
  subscribe(
    subject: string,
    options?: object,
  ): {
    /** Ends the subscription, after `max` messages if that is given. */
    unsubscribe(max?: number): void;
  };
  /** Sends a message and waits for one answer. */
  request(subject: string, payload?: Uint8Array, options?: object): Promise<{ readonly data: Uint8Array }>;
  /** Resolves when the server has everything that was sent before. */
  flush(): Promise<void>;
  /** Reports what happens to the connection. */
  status(): AsyncIterable<object>;
  /** Connects anew. */
  reconnect?(): Promise<void>;
  /** Resolves when the connection is closed for good. */
  closed?(): Promise<unknown>;
  readonly info?: { readonly max_payload: number } | undefined;
}

/** What a subscription gets. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string | undefined;
}

const METHODS = ['publish', 'subscribe', 'request', 'flush', 'status'] as const;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && 'then' in value && typeof value.then === 'function';

/**
 * The packages are told by the members of their connections. None of them is imported.
 * @throws MisuseError `ERR_OPTION` for everything else.
 */
export function connectionOf(value: unknown): NatsConnection {
  if (isObject(value) && METHODS.every((method) => typeof Reflect.get(value, method) === 'function'))
    return value as NatsConnection;
  throw new MisuseError(
    'ERR_OPTION',
    `natsEngine: connection is ${shown(value)}; it must be what connect() of @nats-io/transport-node 3 or nats 2.29 returns, or the promise of it`,
  );
}

/** What a connection reports about itself, as far as the engine acts on it. */
export type LinkEvent =
  | { readonly kind: 'disconnect' | 'reconnect' }
  /** The server does not allow this connection to use a subject. */
  | { readonly kind: 'denied'; readonly operation: string; readonly subject: string }
  | { readonly kind: 'error'; readonly error: Error };

/** Reads an event of either package; `undefined` for one that the engine ignores. */
export function linkEventOf(status: object): LinkEvent | undefined {
  const { type, data, error, permissionContext } = status as Record<string, unknown>;
  if (type === 'disconnect' || type === 'reconnect') return { kind: type };
  if (type !== 'error') return undefined;
  // Version 3 has the subject in the error, `nats` 2 beside it.
  const context = isObject(permissionContext) ? permissionContext : error;
  if (isObject(context) && 'operation' in context && 'subject' in context)
    return { kind: 'denied', operation: String(context.operation), subject: String(context.subject) };
  return { kind: 'error', error: error instanceof Error ? error : new Error(String(data)) };
}

/** Ends an iteration that waits, so that the connection forgets it. */
export function stopIterating(iterable: AsyncIterable<object>): void {
  if ('stop' in iterable && typeof iterable.stop === 'function') iterable.stop();
}

/** The error of a call of the engine. */
export function engineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new EngineError('ERR_ENGINE_DOWN', `NATS: ${detail}`, { cause: error });
}
