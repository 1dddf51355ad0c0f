import { SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { ObservedConnection, Observer } from '../observe/observer.ts';
import type { CloseInfo } from '../protocol/close-info.ts';
import { ATTRIBUTE, WEBSOCKET } from './attributes.ts';
import { guarded } from './guard.ts';
import type { Origins } from './span-origins.ts';

/** Makes a span for each connection that ended without a closing handshake. It is a trace of its own, linked to the handshake. */
export class CloseSpans implements Observer {
  readonly #tracer: Tracer;
  readonly #origins: Origins;

  constructor(tracer: Tracer, origins: Origins) {
    this.#tracer = tracer;
    this.#origins = origins;
  }

  closed(connection: ObservedConnection, info: CloseInfo): void {
    if (!info.wasClean) guarded(() => this.#unclean(connection, info));
  }

  /** The reason is text of the peer: it is left out. */
  #unclean(connection: ObservedConnection, { code, cause, initiator, error }: CloseInfo): void {
    const attributes = {
      ...WEBSOCKET,
      [ATTRIBUTE.connectionId]: connection.id,
      [ATTRIBUTE.closeCode]: code,
      [ATTRIBUTE.closeCause]: cause,
      [ATTRIBUTE.closeInitiator]: initiator,
      ...(error === undefined ? {} : { [ATTRIBUTE.errorType]: error.code }),
    };
    const links = this.#origins.links(connection);
    const span = this.#tracer.startSpan('websocket close', { root: true, links, attributes });
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: cause });
    span.end();
  }
}
