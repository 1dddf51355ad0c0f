import { MisuseError } from '../../protocol/errors.ts';
import { issuesText, type StandardSchema } from '../../options/standard-schema.ts';
import type { RequestFrame } from './frames.ts';
import type { Json } from './topic-events.ts';
import type { TopicsHost } from './topics-host.ts';

/** Answers a request of the server. The result, or what its promise resolves to, is sent as JSON. */
export type RequestHandler<Data = unknown> = (data: Data) => unknown;

/** A handler with the schema of its data. */
export interface HandlerEntry {
  readonly handler: RequestHandler<never>;
  readonly schema: StandardSchema | undefined;
}

/** Requests of the server that are answered at a time. The server sends no more. */
const MAX_RUNNING = 16;

/** A failure that the server may know: its code and message are sent. */
class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The text of a value as JSON; `undefined` for no value. @throws MisuseError `ERR_ARGUMENT` for a value without a JSON form. */
export function jsonOf(call: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text === undefined)
    throw new MisuseError('ERR_ARGUMENT', `${call}: data is not a value that JSON can express`, { cause });
  return text;
}

export const valueOf = (text: string | undefined | null): unknown =>
  typeof text === 'string' ? (JSON.parse(text) as Json) : undefined;

/** Answers the requests of the server, with the handlers of the application. */
export class Requests {
  readonly handlers = new Map<string, HandlerEntry>();
  readonly #host: TopicsHost;
  #running = 0;

  constructor(host: TopicsHost) {
    this.#host = host;
  }

  /** @param isCurrent Whether the connection of the request is still the current one. */
  answer(frame: RequestFrame, isCurrent: () => boolean): void {
    const { id, name } = frame;
    const send = (fields: Readonly<Record<string, unknown>>): void => {
      if (isCurrent()) this.#host.sendFrame(JSON.stringify({ ...fields, id }));
    };
    if (this.#running >= MAX_RUNNING) {
      send({ op: 'error', code: 'busy', message: 'too many requests at a time' });
      return;
    }
    this.#running++;
    void this.#result(frame)
      .then(
        (data) => send({ op: 'reply', data }),
        (error: unknown) => {
          if (error instanceof Refusal) send({ op: 'error', code: error.code, message: error.message });
          else {
            // The message may contain secrets, so the server gets none.
            send({ op: 'error', code: 'failed', message: 'the handler failed' });
            this.#host.listenerFailed(error, `the handler of ${JSON.stringify(name)}`);
          }
        },
      )
      .finally(() => this.#running--);
  }

  async #result({ name, data }: RequestFrame): Promise<string | undefined> {
    const entry = this.handlers.get(name);
    if (entry === undefined)
      throw new Refusal('no-handler', `there is no handler of ${JSON.stringify(name)}`);
    let value: unknown;
    try {
      value = valueOf(data);
    } catch {
      throw new Refusal('invalid', 'data is not JSON');
    }
    if (entry.schema !== undefined) {
      const result = await entry.schema['~standard'].validate(value);
      if (result.issues !== undefined) throw new Refusal('invalid', issuesText(result.issues));
      value = result.value;
    }
    return jsonOf('the result of a handler', await entry.handler(value as never));
  }
}
