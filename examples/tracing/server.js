// Chat rooms that report traces and metrics to an OpenTelemetry Collector. First run: npm ci --prefix examples/tracing
import { trace } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { WebSocketServer } from 'hawser';
import { instrument } from 'hawser/opentelemetry';

// The exporters read OTEL_EXPORTER_OTLP_ENDPOINT; without it, they send to http://localhost:4318.
const resource = resourceFromAttributes({ 'service.name': 'chat' });
const tracerProvider = new NodeTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
const meterProvider = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
});
// Registers a context manager and the propagator for traceparent, too.
tracerProvider.register();

const server = new WebSocketServer({ path: '/chat', name: 'chat', metrics: true });
const instrumentation = instrument(server, {
  meterProvider,
  messageSpans: 0.01 * Number(process.env.PERCENT ?? 1),
});
const tracer = trace.getTracer('chat');

server.on('connection', (connection) => connection.subscribe('lobby'));
server.on('message', async (connection, message) => {
  // A child of the span of this message, if the message is sampled.
  const stored = await tracer.startActiveSpan('store message', async (span) => {
    await new Promise((resolve) => setImmediate(resolve));
    span.end();
    return message;
  });
  connection.publish('lobby', stored);
});

const { port } = await server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
console.log(`ws://127.0.0.1:${port}/chat`);

async function end() {
  await server.shutdown();
  // The providers export their pending spans and metrics when they shut down. `stop` comes last, so metrics include the shutdown.
  await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()]);
  instrumentation.stop();
}
process.once('SIGTERM', () => void end());
