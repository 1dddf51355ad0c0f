import { RequestError, type RequestErrorCode } from '../../connection/request-error.ts';
import type { RequestOptions } from '../../options/topic-calls.ts';
import { issuesText } from '../../options/standard-schema.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { Handling } from '../../server/groups/request-handlers.ts';
import type { Id } from './client-frame.ts';
import type { Operation, Operations } from './operations.ts';

/** Most requests of the server to one client without a reply. */
const MAX_OPEN = 16;
const DEFAULT_TIMEOUT_MS = 10_000;

/** A request of the server that has no reply. */
interface Asked {
  resolve(reply: unknown): void;
  reject(error: unknown): void;
}

/** The data that the schema of a handler refuses. */
class Refused extends Error {}

/** Requests of the client to handlers of the application, and of the application to the client. */
export class Requests<UserData> {
  readonly #operations: Operations<UserData>;
  readonly #asked = new Map<Id, Asked>();
  readonly #timers = new Set<unknown>();
  #next = 1;

  constructor(operations: Operations<UserData>) {
    this.#operations = operations;
  }

  /** The client asks. */
  handle(operation: Operation, name: string, data: string | undefined): void {
    const operations = this.#operations;
    const handling = operations.host.handlers.get(name);
    if (handling === undefined) {
      operations.fail(operation, 'no-handler', 'there is no handler of this name');
      operations.end();
      return;
    }
    const { clock } = operations.host;
    const timer = clock.setTimer(() => {
      this.#timers.delete(timer);
      operations.fail(operation, 'timeout', 'the handler took too long');
      operations.end();
    }, handling.timeoutMs);
    this.#timers.add(timer);
    void this.#answer(operation, handling, data).then(() => {
      clock.clearTimer(timer);
      if (this.#timers.delete(timer)) operations.end();
    });
  }

  /** The application asks. */
  request(name: string, data: unknown, options: RequestOptions | undefined): Promise<unknown> {
    const operations = this.#operations;
    const { clock } = operations.host;
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options ?? {};
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const text = jsonText(data);
      if (operations.isOver || operations.driver.state !== 'open') throw closed();
      if (this.#asked.size >= MAX_OPEN)
        throw new MisuseError(
          'ERR_STATE',
          `${MAX_OPEN} requests to this client are open; await their replies`,
        );
      const id = `s${this.#next++}`;
      const abort = (): void => asked.reject(signal?.reason);
      const settled = (): void => {
        this.#asked.delete(id);
        clock.clearTimer(timer);
        signal?.removeEventListener('abort', abort);
      };
      const asked: Asked = {
        resolve: (reply) => {
          settled();
          resolve(reply);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      const timer = clock.setTimer(
        () => asked.reject(new RequestError('timeout', `no reply to ${name} within ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#asked.set(id, asked);
      signal?.addEventListener('abort', abort);
      operations.send({ op: 'request', id, name, data: text });
    });
  }

  /** The client replies. A reply that comes too late is ignored. */
  replied(id: Id, data: string | undefined): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    try {
      asked.resolve(data === undefined ? undefined : JSON.parse(data));
    } catch {
      asked.reject(new RequestError('invalid', 'the data of the reply is no JSON'));
    }
  }

  /** The client answers with an error. */
  failed(id: Id | undefined, code: string, message: string): void {
    if (id === undefined) return;
    this.#asked.get(id)?.reject(new RequestError(isCode(code) ? code : 'failed', message || code));
  }

  /** The connection is closed. */
  end(): void {
    for (const asked of this.#asked.values()) asked.reject(closed());
    for (const timer of this.#timers) this.#operations.host.clock.clearTimer(timer);
    this.#timers.clear();
  }

  async #answer(
    operation: Operation,
    { handler, schema }: Handling<UserData>,
    data: string | undefined,
  ): Promise<void> {
    const operations = this.#operations;
    try {
      let value = parsed(data);
      if (schema !== undefined) value = await validated(schema, value);
      const result: unknown = await handler(operations.driver.connection, value as never);
      const reply = JSON.stringify(result ?? null) as string | undefined;
      if (reply === undefined)
        throw new MisuseError(
          'ERR_ARGUMENT',
          `the handler returned ${typeof result}; it must return a JSON value`,
        );
      operations.answer(operation, { op: 'reply', id: operation.id, data: reply });
    } catch (error) {
      if (error instanceof Refused) operations.fail(operation, 'invalid', error.message);
      else {
        operations.fail(operation, 'failed', 'the handler failed');
        operations.failed(error, 'a handler of requests');
      }
    }
  }
}

const CODES: readonly string[] = ['no-handler', 'invalid', 'failed', 'timeout'];
const isCode = (code: string): code is RequestErrorCode => CODES.includes(code);

function parsed(data: string | undefined): unknown {
  if (data === undefined) return undefined;
  try {
    return JSON.parse(data);
  } catch {
    throw new Refused('data must be JSON');
  }
}

async function validated(schema: NonNullable<Handling<never>['schema']>, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  throw new Refused(issuesText(result.issues));
}

function jsonText(data: unknown): string | undefined {
  if (data === undefined) return undefined;
  try {
    const text = JSON.stringify(data) as string | undefined;
    if (text !== undefined) return text;
  } catch {
    // A cycle, or a bigint.
  }
  throw new MisuseError('ERR_ARGUMENT', 'connection.request: data must be a JSON value');
}

const closed = (): MisuseError =>
  new MisuseError('ERR_CLOSED', 'the connection closed before the reply came');
