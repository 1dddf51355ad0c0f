import type { Connection } from '../../connection/connection.ts';
import type { StandardSchema } from '../../options/standard-schema.ts';
import { MisuseError } from '../../protocol/errors.ts';

/** Options of `server.handle`. */
export interface HandleOptions<Data = unknown> {
  /** Checks, and may change, the data of the request. The client gets `invalid` for data that it refuses. Default: none. */
  readonly schema?: StandardSchema<Data> | undefined;
  /** Time until the client gets `timeout`. Default 10,000; 1 to 2,147,483,647 ms. The handler is not stopped. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Answers requests of clients. What it returns, or resolves to, is sent as JSON. If it throws, the client gets `failed` without
 * details, and the failure is reported as that of a listener.
 */
export type RequestHandler<UserData, Data = unknown> = (
  connection: Connection<UserData>,
  data: Data,
) => unknown;

/** A handler with its options. */
export interface Handling<UserData> {
  readonly handler: RequestHandler<UserData, never>;
  readonly schema: StandardSchema | undefined;
  readonly timeoutMs: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** The handlers of a server, by name. */
export class RequestHandlers<UserData> {
  readonly #handlers = new Map<string, Handling<UserData>>();

  /** @throws MisuseError `ERR_STATE` for a name that has a handler. */
  set(
    name: string,
    handler: RequestHandler<UserData, never>,
    options: HandleOptions<never> | undefined,
  ): void {
    if (this.#handlers.has(name))
      throw new MisuseError('ERR_STATE', `server.handle: ${JSON.stringify(name)} has a handler already`);
    const { schema, timeoutMs = DEFAULT_TIMEOUT_MS } = options ?? {};
    this.#handlers.set(name, { handler, schema, timeoutMs });
  }

  get(name: string): Handling<UserData> | undefined {
    return this.#handlers.get(name);
  }
}
