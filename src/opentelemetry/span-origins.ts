import type { Link, SpanContext } from '@opentelemetry/api';
import type { ObservedConnection } from '../observe/observer.ts';

/** The handshake spans of the connections. Connections from before `instrument` have none. */
export class Origins {
  // Keys are the objects that observers and tracers get, so an entry lives as long as its connection.
  readonly #contexts = new WeakMap<ObservedConnection, SpanContext>();

  set(connection: ObservedConnection, span: SpanContext): void {
    this.#contexts.set(connection, span);
  }

  /** Links to the handshake of a connection, and to the other span, if there is one. */
  links(connection: ObservedConnection | undefined, other?: SpanContext): Link[] {
    const handshake = connection === undefined ? undefined : this.#contexts.get(connection);
    const links: Link[] = [];
    if (handshake !== undefined) links.push({ context: handshake });
    if (other !== undefined && other.spanId !== handshake?.spanId) links.push({ context: other });
    return links;
  }
}
