import { HANDLER, runInStores } from '../engine/channels.ts';
import type { HandlerTrace } from '../observe/tracing/traces.ts';
import type { Message } from '../protocol/payload.ts';

/** Publishes the handling of one message on `tracingChannel('hawser:handler')`. */
export class PublishedHandler implements HandlerTrace {
  readonly #payload: { connection: object | undefined; message: Message; isText: boolean; error?: unknown };

  readonly #inner: HandlerTrace | undefined;

  /**
   * @param connection `undefined` while a reconnecting client has none.
   * @param inner Another trace of the same message, whose context is to be active, too.
   */
  constructor(connection: object | undefined, message: Message, isText: boolean, inner?: HandlerTrace) {
    this.#inner = inner;
    this.#payload = { connection, message, isText };
  }

  run(listeners: () => void): void {
    const inner = this.#inner;
    runInStores(HANDLER.start, this.#payload, inner === undefined ? listeners : () => inner.run(listeners));
    HANDLER.end.publish(this.#payload);
  }

  failed(error: unknown): void {
    this.#payload.error = error;
    HANDLER.error.publish(this.#payload);
    this.#inner?.failed(error);
  }

  settled(late: boolean): void {
    this.#inner?.settled(late);
    if (!late) return;
    HANDLER.asyncStart.publish(this.#payload);
    HANDLER.asyncEnd.publish(this.#payload);
  }
}
