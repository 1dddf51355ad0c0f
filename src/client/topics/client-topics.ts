import { MisuseError } from '../../protocol/errors.ts';
import type { StandardSchema } from '../../options/standard-schema.ts';
import {
  BOOLEAN,
  checkArgument,
  checkOptions,
  FUNCTION,
  NAME,
  POSITION,
  type Rule,
  SIGNAL,
  wholeNumber,
} from './check.ts';
import { ClientTopic } from './client-topic.ts';
import {
  type ErrorFrame,
  memberOf,
  presenceOf,
  type MessageFrame,
  type OkFrame,
  positionOf,
  readFrame,
  SUBPROTOCOL,
  type WireData,
} from './frames.ts';
import { OperationError } from './operation-error.ts';
import { Operations, type OperationKind } from './operations.ts';
import { jsonOf, type RequestHandler, Requests, valueOf } from './requests.ts';
import { type DriverOwner, type TopicCalls, TopicDriver } from './topic-driver.ts';
import type { RequestOptions } from '../../options/topic-types.ts';
import type { Position, Presence, Published } from './topic-events.ts';
import type { TopicsHost } from './topics-host.ts';

/** Options of `client.topic`. */
export interface TopicOptions {
  /** Resume after this position: the `position` of an earlier {@link ClientTopic}. Default: only new messages. */
  readonly since?: Position | undefined;
  /** Emit `join` and `leave`. Default `false`. */
  readonly presence?: boolean | undefined;
}

/** Options of `client.handle`. */
export interface HandleOptions<Data = unknown> {
  /** Checks the data of each request: a Standard Schema, as zod, valibot and arktype have it. Default: none. */
  readonly schema?: StandardSchema<Data> | undefined;
}

const TOPIC: Readonly<Record<string, Rule>> = { since: POSITION, presence: BOOLEAN };
const REQUEST: Readonly<Record<string, Rule>> = { timeoutMs: wholeNumber(1), signal: SIGNAL };
const HANDLE: Readonly<Record<string, Rule>> = {
  schema: [
    (value) =>
      value !== null && ['object', 'function'].includes(typeof value) && '~standard' in (value as object),
    'a Standard Schema, such as one of zod or valibot',
  ],
};
const DEFAULT_TIMEOUT_MS = 10_000;

/** The client's side of `hawser.v1`, over all connections of one client. Exists only in clients that offer the subprotocol. */
export class ClientTopics implements DriverOwner, TopicCalls {
  readonly host: TopicsHost;
  readonly operations: Operations;
  noProtocol: OperationError | undefined;
  readonly #drivers = new Map<string, TopicDriver>();
  readonly #requests: Requests;
  /** Counts connections; odd while one is open. */
  #connection = 0;
  #isOver = false;

  constructor(host: TopicsHost) {
    this.host = host;
    this.operations = new Operations(host);
    this.#requests = new Requests(host);
  }

  // Called by the application, through its client.

  topic(name: string, options: TopicOptions | undefined): ClientTopic {
    checkArgument('client.topic', 'name', name, NAME);
    checkOptions('client.topic', options, TOPIC);
    this.#refuseIfOver('client.topic');
    const open = this.#drivers.get(name);
    if (open !== undefined) {
      if (options === undefined) return open.topic as ClientTopic;
      throw new MisuseError(
        'ERR_STATE',
        `client.topic: ${JSON.stringify(name)} is open; call it without options, or close the topic first`,
      );
    }
    const driver = new TopicDriver(this, name, options?.since, options?.presence === true);
    const topic = new ClientTopic(driver, this);
    driver.topic = topic;
    this.#drivers.set(name, driver);
    if (this.isConnected) driver.connected();
    else if (this.noProtocol !== undefined) {
      const error = this.noProtocol;
      queueMicrotask(() => {
        if (this.noProtocol === error) driver.notSpoken(error);
      });
    }
    return topic;
  }

  request(name: string, data: unknown, options: RequestOptions | undefined): Promise<unknown> {
    checkArgument('client.request', 'name', name, NAME);
    checkOptions('client.request', options, REQUEST);
    this.#refuseIfOver('client.request');
    const text = jsonOf('client.request', data);
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options ?? {};
    if (this.noProtocol !== undefined) return Promise.reject(this.noProtocol);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const settled = (): void => signal?.removeEventListener('abort', aborted);
      const operation = this.operations.start(
        { op: 'request', name, data: text },
        {
          timeoutMs,
          unsent: 'not-sent',
          failed: (error) => {
            settled();
            reject(error);
          },
          answered: (frame) => {
            settled();
            settle(frame.op === 'reply' ? frame.data : undefined, resolve, reject);
          },
        },
      );
      const aborted = (): void => {
        reject(signal!.reason as Error);
        this.operations.abandon(operation, new OperationError('aborted', 'the signal was aborted'));
      };
      if (!operation.abandoned) signal?.addEventListener('abort', aborted);
    });
  }

  /** @returns Removes the handler. */
  handle(name: string, handler: RequestHandler<never>, options: HandleOptions | undefined): () => void {
    checkArgument('client.handle', 'name', name, NAME);
    checkArgument('client.handle', 'handler', handler, FUNCTION);
    checkOptions('client.handle', options, HANDLE);
    this.#refuseIfOver('client.handle');
    const { handlers } = this.#requests;
    if (handlers.has(name))
      throw new MisuseError(
        'ERR_STATE',
        `client.handle: there is a handler of ${JSON.stringify(name)} already`,
      );
    const entry = { handler, schema: options?.schema };
    handlers.set(name, entry);
    return () => {
      if (handlers.get(name) === entry) handlers.delete(name);
    };
  }

  // `TopicCalls`.

  publish(driver: TopicDriver, data: unknown, resend: boolean): Promise<Published> {
    refuseClosed('topic.publish', driver);
    return this.#operate(
      { op: 'publish', topic: driver.name, ...this.#wireData(data) },
      { resend, unsent: 'not-published' },
      (frame) => {
        const position = positionOf(frame);
        driver.published(position);
        return position === undefined ? {} : { position };
      },
    );
  }

  presence(driver: TopicDriver): Promise<Presence> {
    refuseClosed('topic.presence', driver);
    return this.#operate({ op: 'presence', topic: driver.name }, {}, (frame) => presenceOf(frame));
  }

  // `DriverOwner`.

  get isConnected(): boolean {
    return this.#connection % 2 === 1;
  }

  topicClosed(driver: TopicDriver): void {
    if (this.#drivers.get(driver.name) === driver) this.#drivers.delete(driver.name);
  }

  // Called by the client.

  /** A connection that speaks `hawser.v1` is open. */
  connected(): void {
    this.#connection++;
    // Subscribes before operations that wait, so that no own message is missed.
    for (const driver of this.#drivers.values()) driver.connected();
    this.operations.connected();
  }

  /** The connection is closed, and all of its messages were passed to {@link received}. */
  disconnected(): void {
    if (this.noProtocol !== undefined) for (const { feed } of this.#drivers.values()) feed.reopen();
    this.noProtocol = undefined;
    if (!this.isConnected) return;
    this.#connection++;
    for (const driver of this.#drivers.values()) driver.disconnected();
    this.operations.disconnected();
  }

  /** The server accepted the connection without `hawser.v1`. */
  notSpoken(protocol: string): void {
    const chosen = protocol === '' ? 'no subprotocol' : JSON.stringify(protocol);
    const message = `the server chose ${chosen}, not ${SUBPROTOCOL}, so topics and requests cannot work; the server needs ${SUBPROTOCOL} in its protocols`;
    const error = new OperationError('no-protocol', message);
    this.noProtocol = error;
    if (this.#drivers.size === 0 && this.operations.size === 0)
      this.host.topicFailed(error, 'the subprotocol');
    for (const driver of this.#drivers.values()) driver.notSpoken(error);
    this.operations.failAll('no-protocol', message);
  }

  /** The client has ended. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.isConnected) this.#connection++;
    const message = 'the client has ended';
    for (const driver of this.#drivers.values()) driver.close(new OperationError('closed', message));
    this.operations.failAll('closed', message);
    this.#requests.handlers.clear();
  }

  /** The frame for a message to the application of the server. */
  wrapped(payload: unknown): string {
    return JSON.stringify({ op: 'message', ...this.#wireData(payload) });
  }

  /** @returns A promise that delays further reading. */
  received(text: string): void | Promise<void> {
    const frame = readFrame(text);
    if (frame === undefined || !this.isConnected) return undefined;
    if (typeof frame === 'string') {
      this.host.violated(frame);
      return undefined;
    }
    switch (frame.op) {
      case 'hello':
        this.host.greeted(frame.pingMs);
        return undefined;
      case 'message':
        return this.#message(frame);
      case 'ok':
      case 'reply':
        this.operations.answer(frame.id, (operation) => operation.answered(frame));
        return undefined;
      case 'error':
        this.#refused(frame);
        return undefined;
      case 'lost':
        this.#drivers.get(frame.topic)?.lost(positionOf(frame));
        return undefined;
      case 'join': {
        const driver = this.#drivers.get(frame.topic);
        driver?.listeners.emit(driver.topic, 'join', memberOf(frame.member));
        return undefined;
      }
      case 'leave': {
        const driver = this.#drivers.get(frame.topic);
        driver?.listeners.emit(driver.topic, 'leave', frame.key);
        return undefined;
      }
      case 'presence': {
        const driver = this.#drivers.get(frame.topic);
        driver?.listeners.emit(driver.topic, 'members', presenceOf(frame));
        return undefined;
      }
      case 'unsubscribed':
        this.#drivers.get(frame.topic)?.unsubscribed(frame.code);
        return undefined;
      case 'request': {
        const connection = this.#connection;
        this.#requests.answer(frame, () => this.#connection === connection);
        return undefined;
      }
      case 'pong':
        return undefined;
    }
  }

  #message(frame: MessageFrame): void | Promise<void> {
    const { topic, offset } = frame;
    let message: string | Uint8Array;
    try {
      message = typeof frame.data64 === 'string' ? this.host.fromBase64(frame.data64) : (frame.data ?? '');
    } catch {
      this.host.violated('data64 of a message is not base64');
      return undefined;
    }
    if (typeof topic !== 'string') return this.host.message(message);
    this.#drivers.get(topic)?.message(message, offset ?? undefined);
    return undefined;
  }

  #refused({ id, code, message = code, retryAfterMs, outcome }: ErrorFrame): void {
    const isKnown = this.operations.answer(id, (operation) =>
      operation.failed(
        new OperationError(code, message, {
          // A server that names no outcome refused the operation before it did anything.
          outcome:
            operation.unsent === undefined ? undefined : (outcome ?? refusedOutcome(code, operation.unsent)),
          retryAfterMs,
        }),
      ),
    );
    if (!isKnown) this.host.topicFailed(new OperationError(code, message), 'a frame of this client');
  }

  #operate<Result>(
    fields: Readonly<Record<string, unknown>>,
    kind: Omit<OperationKind, 'answered' | 'failed'>,
    result: (frame: OkFrame) => Result,
  ): Promise<Result> {
    if (this.noProtocol !== undefined) return Promise.reject(this.noProtocol);
    return new Promise((resolve, reject) => {
      this.operations.start(fields, {
        ...kind,
        failed: reject,
        answered: (frame) => {
          if (frame.op === 'ok') resolve(result(frame));
          else reject(new OperationError('invalid', 'the server answered with a reply'));
        },
      });
    });
  }

  #wireData(payload: unknown): WireData {
    const data = this.host.dataOf(payload);
    return typeof data === 'string' ? { data } : { data64: this.host.toBase64(data) };
  }

  #refuseIfOver(call: string): void {
    if (this.#isOver) throw new MisuseError('ERR_STATE', `${call}: the client has ended`);
  }
}

function settle(
  text: string | undefined,
  resolve: (value: unknown) => void,
  reject: (error: Error) => void,
): void {
  let value: unknown;
  try {
    value = valueOf(text);
  } catch (cause) {
    reject(new OperationError('invalid', 'the answer of the server is not JSON', { cause }));
    return;
  }
  resolve(value);
}

/** The handler of a request may have run before it failed. */
const refusedOutcome = (code: string, unsent: 'not-published' | 'not-sent' | 'unknown'): typeof unsent =>
  code === 'failed' || code === 'timeout' ? 'unknown' : unsent;

function refuseClosed(call: string, driver: TopicDriver): void {
  if (driver.state === 'closed')
    throw new MisuseError('ERR_STATE', `${call}: topic ${JSON.stringify(driver.name)} is closed`);
}
