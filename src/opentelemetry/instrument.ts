import { metrics, type MeterProvider, trace, type TracerProvider } from '@opentelemetry/api';
import type { MeteredServer } from '../observe/metrics/metrics-text.ts';
import type { Observer } from '../observe/observer.ts';
import { observedServer } from '../observe/observed-server.ts';
import { VERSION } from '../observe/version.ts';
import { callOptions, checkCallOptions, checkCount, type ValueRule } from '../options/call-check.ts';
import { MisuseError } from '../protocol/errors.ts';
import { CloseSpans } from './close-spans.ts';
import { HandshakeSpans } from './handshake-spans.ts';
import { MessageSpans } from './message-spans.ts';
import { ServerMetrics } from './server-metrics.ts';
import { Origins } from './span-origins.ts';

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** Default: the global one, at the time of the call. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider | undefined;
  /**
   * Share of the messages that get a span, 0 to 1: `0.01` for one in 100. It also samples the metrics of single messages. The
   * sampler of the tracer provider decides in addition. Default `false`: none.
   */
  readonly messageSpans?: number | false | undefined;
}

/** What {@link instrument} has added to a server. */
export interface Instrumentation {
  /** Removes everything that was added: no further metric is read, and no further span is started. Later calls do nothing. */
  stop(): void;
}

const having = (method: string): ValueRule => ({
  fits: (value) =>
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function',
  allowed: `an object with the method ${method}`,
});
const OPTIONS = callOptions({
  meterProvider: having('getMeter'),
  tracerProvider: having('getTracer'),
  messageSpans: {
    fits: (value) => value === false || (typeof value === 'number' && value >= 0 && value <= 1),
    allowed: 'false, or a number from 0 to 1',
  },
});

/**
 * Reports a server to OpenTelemetry: the metrics of `METRICS` with dotted names, a span for each handshake and for each unclean
 * close, and spans for a sample of the messages. The context is active in the `upgrade` hook, in `connection` listeners and in
 * `message` listeners, also after `await`, if a context manager is registered. The parent of a handshake comes from its header
 * fields, if a propagator is registered. The SDK for Node registers both.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a `WebSocketServer`, `ERR_OPTION` for an unknown or invalid option,
 *   `ERR_STATE` if the server is instrumented already.
 */
export function instrument(server: MeteredServer, options?: InstrumentOptions): Instrumentation {
  checkCount('instrument', arguments, 2);
  const observed = observedServer('instrument', 'server', server);
  checkCallOptions('instrument', options, OPTIONS);
  if (observed.handshakeTracer !== undefined) {
    throw new MisuseError(
      'ERR_STATE',
      'instrument: this server is instrumented already; call stop() of the first instrumentation before',
    );
  }
  const { meterProvider, tracerProvider, messageSpans } = options ?? {};
  const meter = (meterProvider ?? metrics.getMeterProvider()).getMeter('hawser', VERSION);
  const tracer = (tracerProvider ?? trace.getTracerProvider()).getTracer('hawser', VERSION);
  const origins = new Origins();
  const serverMetrics = new ServerMetrics(meter, observed);
  const observers: readonly Observer[] = [serverMetrics, new CloseSpans(tracer, origins)];
  const ratio = messageSpans === undefined || messageSpans === false ? 0 : messageSpans;

  for (const observer of observers) observed.observers.add(observer);
  observed.handshakeTracer = new HandshakeSpans(tracer, origins, observed.options.path);
  if (ratio > 0) {
    const { clock, random } = observed;
    observed.messageTracer = new MessageSpans(tracer, origins, serverMetrics, { clock, random, ratio });
  }
  serverMetrics.start();
  let isStopped = false;
  return {
    stop() {
      if (isStopped) return;
      isStopped = true;
      serverMetrics.stop();
      for (const observer of observers) observed.observers.remove(observer);
      observed.handshakeTracer = undefined;
      observed.messageTracer = undefined;
    },
  };
}
