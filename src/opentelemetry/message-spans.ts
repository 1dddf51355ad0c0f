import {
  type Attributes,
  context,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { Clock } from '../engine/clock.ts';
import { asError } from '../engine/guarded.ts';
import type { RandomSource } from '../engine/random.ts';
import type {
  BroadcastTrace,
  HandlerTrace,
  MessageTracer,
  TracedConnection,
} from '../observe/tracing/traces.ts';
import { isTextPayload, type Message, type Payload, payloadLength } from '../protocol/payload.ts';
import { ATTRIBUTE, errorType, kindOf, WEBSOCKET } from './attributes.ts';
import { guarded, runIn } from './guard.ts';
import type { ServerMetrics } from './server-metrics.ts';
import type { Origins } from './span-origins.ts';

/** Which messages are sampled, and how their time is measured. */
export interface Sampling {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Above 0, at most 1. */
  readonly ratio: number;
}

/** Makes spans for a sample of the messages. Each is a trace of its own, linked to the handshake of its connection. */
export class MessageSpans implements MessageTracer {
  readonly #tracer: Tracer;
  readonly #origins: Origins;
  readonly #metrics: ServerMetrics;
  readonly #sampling: Sampling;
  /** Messages that are left out before the next one. Drawn once per sampled message, so the others cost a subtraction. */
  #skip: number;

  constructor(tracer: Tracer, origins: Origins, metrics: ServerMetrics, sampling: Sampling) {
    this.#tracer = tracer;
    this.#origins = origins;
    this.#metrics = metrics;
    this.#sampling = sampling;
    this.#skip = gap(sampling);
  }

  isNext(): boolean {
    if (this.#skip > 0) {
      this.#skip--;
      return false;
    }
    this.#skip = gap(this.#sampling);
    return true;
  }

  handler(connection: TracedConnection, message: Message, isText: boolean): HandlerTrace | undefined {
    return guarded(() => {
      const bytes = payloadLength(message);
      this.#metrics.sampledSize('received', bytes, isText);
      const span = this.#start('websocket receive', SpanKind.CONSUMER, connection, bytes, isText);
      const { clock } = this.#sampling;
      return new HandlerSpan(span, trace.setSpan(context.active(), span), clock, this.#metrics);
    });
  }

  sent(connection: TracedConnection, payload: Payload, binary: boolean | undefined): void {
    guarded(() => {
      const bytes = payloadLength(payload);
      const isText = isTextPayload(payload, binary);
      this.#metrics.sampledSize('sent', bytes, isText);
      this.#start('websocket send', SpanKind.PRODUCER, connection, bytes, isText).end();
    });
  }

  broadcast(bytes: number, isText: boolean): BroadcastTrace | undefined {
    return guarded(() => {
      const { clock } = this.#sampling;
      const startedMs = clock.now();
      const span = this.#start('websocket send', SpanKind.PRODUCER, undefined, bytes, isText);
      const ended = (recipients: number): void => {
        this.#metrics.sampledSize('sent', bytes, isText);
        this.#metrics.sampledBroadcast(recipients, clock.now() - startedMs);
        span.setAttribute(ATTRIBUTE.recipients, recipients);
        span.end();
      };
      return { ended: (recipients: number) => guarded(() => ended(recipients)) };
    });
  }

  #start(
    name: string,
    kind: SpanKind,
    connection: TracedConnection | undefined,
    bytes: number,
    isText: boolean,
  ): Span {
    const attributes: Attributes = {
      [ATTRIBUTE.protocolName]: WEBSOCKET[ATTRIBUTE.protocolName],
      [ATTRIBUTE.bodySize]: bytes,
      [ATTRIBUTE.kind]: kindOf(isText),
    };
    if (connection !== undefined) attributes[ATTRIBUTE.connectionId] = connection.id;
    // What is active while a message arrives has not caused it; what is active while one is sent has.
    const cause = kind === SpanKind.PRODUCER ? trace.getActiveSpan()?.spanContext() : undefined;
    const links = this.#origins.links(connection, cause);
    return this.#tracer.startSpan(name, { kind, root: true, links, attributes });
  }
}

/** Number of messages to leave out: as many as independent draws with the chance `ratio` would. */
function gap({ ratio, random }: Sampling): number {
  return ratio === 1 ? 0 : Math.floor(Math.log(1 - random.fraction()) / Math.log(1 - ratio));
}

/** The span around the listeners of one message. */
class HandlerSpan implements HandlerTrace {
  readonly #span: Span;
  readonly #context: Context;
  readonly #clock: Clock;
  readonly #metrics: ServerMetrics;
  readonly #startedMs: number;

  constructor(span: Span, active: Context, clock: Clock, metrics: ServerMetrics) {
    this.#span = span;
    this.#context = active;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#startedMs = clock.now();
  }

  run(listeners: () => void): void {
    runIn(this.#context, listeners);
  }

  failed(error: unknown): void {
    guarded(() => {
      this.#span.recordException(asError(error));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
      this.#span.setAttribute(ATTRIBUTE.errorType, errorType(error));
    });
  }

  settled(): void {
    guarded(() => this.#metrics.sampledHandler(this.#clock.now() - this.#startedMs));
    guarded(() => this.#span.end());
  }
}
