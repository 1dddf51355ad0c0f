import {
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { Refusal } from '../observe/observer.ts';
import {
  type HandshakeRequest,
  type HandshakeTrace,
  type HandshakeTracer,
  statusOfAcceptance,
  type TracedConnection,
} from '../observe/tracing/traces.ts';
import type { HeaderFields } from '../options/hooks.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import { asError } from '../engine/guarded.ts';
import { ATTRIBUTE, handshakeAttributes } from './attributes.ts';
import { guarded, runIn } from './guard.ts';
import type { Origins } from './span-origins.ts';

/** The methods that open a WebSocket. Any other one is `HTTP`: the name of a span must have few values. */
const KNOWN_METHODS = ['GET', 'CONNECT'] as const;

const FIELDS: TextMapGetter<HeaderFields> = {
  get: (fields, name) => fields[name.toLowerCase()],
  keys: (fields) => Object.keys(fields),
};

/** Starts a span of kind SERVER for each handshake. It ends with the answer; no span lasts as long as a connection. */
export class HandshakeSpans implements HandshakeTracer {
  readonly #tracer: Tracer;
  readonly #origins: Origins;
  /** `undefined` unless the option `path` is one path: the name of a span must have few values. */
  readonly #route: string | undefined;

  constructor(tracer: Tracer, origins: Origins, path: ResolvedServerOptions['path']) {
    this.#tracer = tracer;
    this.#origins = origins;
    this.#route = typeof path === 'string' ? path : undefined;
  }

  handshake(request: HandshakeRequest | undefined, remoteAddress: string): HandshakeTrace {
    const started = guarded(() => this.#start(request, remoteAddress));
    return started ?? IGNORED;
  }

  #start(request: HandshakeRequest | undefined, remoteAddress: string): HandshakeTrace {
    const method = KNOWN_METHODS.find((known) => known === request?.method) ?? 'HTTP';
    const route = request === undefined ? undefined : this.#route;
    const attributes = handshakeAttributes(request, remoteAddress);
    if (route !== undefined) attributes[ATTRIBUTE.route] = route;
    // Not the active context: the client has caused the handshake.
    const parent = propagation.extract(ROOT_CONTEXT, request?.headers ?? {}, FIELDS);
    const name = route === undefined ? method : `${method} ${route}`;
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    return new HandshakeSpan(span, trace.setSpan(parent, span), this.#origins, statusOfAcceptance(request));
  }
}

/** The span of one handshake. */
class HandshakeSpan implements HandshakeTrace {
  readonly #span: Span;
  readonly #context: Context;
  readonly #origins: Origins;
  /** The status if the handshake is accepted. */
  readonly #status: number;

  constructor(span: Span, context: Context, origins: Origins, status: number) {
    this.#status = status;
    this.#span = span;
    this.#context = context;
    this.#origins = origins;
  }

  run(decide: () => void): void {
    runIn(this.#context, decide);
  }

  accepted(connection: TracedConnection): void {
    guarded(() => {
      this.#origins.set(connection, this.#span.spanContext());
      this.#span.setAttributes({ [ATTRIBUTE.status]: this.#status, [ATTRIBUTE.connectionId]: connection.id });
    });
    this.#end();
  }

  refused({ status, code, error }: Refusal): void {
    guarded(() => {
      const span = this.#span;
      span.addEvent('hawser.handshake.refused', { [ATTRIBUTE.errorType]: code });
      span.setAttributes({ [ATTRIBUTE.status]: status, [ATTRIBUTE.errorType]: code });
      if (error !== undefined) span.recordException(asError(error));
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    });
    this.#end();
  }

  abandoned(): void {
    guarded(() => {
      this.#span.addEvent('hawser.handshake.abandoned');
      this.#span.setAttribute(ATTRIBUTE.errorType, 'abandoned');
    });
    this.#end();
  }

  #end(): void {
    guarded(() => this.#span.end());
  }
}

/** For a handshake whose span could not be started. */
const IGNORED: HandshakeTrace = Object.freeze({
  run: (decide: () => void) => decide(),
  accepted: () => {},
  refused: () => {},
  abandoned: () => {},
});
