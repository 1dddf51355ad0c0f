import { HANDLER, runInStores } from '../engine/channels.ts';
import type { HandlerTrace } from '../observe/tracing/traces.ts';
import type { Message } from '../protocol/payload.ts';

/** Publishes the handling of one message on `tracingChannel('hawser:handler')`. */
export class PublishedHandler implements HandlerTrace {
  readonly #payload: { connection: object | undefined; message: Message; isText: boolean; error?: unknown };

  /** @param connection `undefined` while a reconnecting client has none. */
  constructor(connection: object | undefined, message: Message, isText: boolean) {
    this.#payload = { connection, message, isText };
  }

  run(listeners: () => void): void {
    runInStores(HANDLER.start, this.#payload, listeners);
    HANDLER.end.publish(this.#payload);
  }

  failed(error: unknown): void {
    this.#payload.error = error;
    HANDLER.error.publish(this.#payload);
  }

  settled(late: boolean): void {
    if (!late) return;
    HANDLER.asyncStart.publish(this.#payload);
    HANDLER.asyncEnd.publish(this.#payload);
  }
}
