/**
 * `hawser/opentelemetry`: metrics and spans of a server through the API of OpenTelemetry. This entry point needs the package
 * `@opentelemetry/api`, version 1.9 or later; the others do not. Spans contain no payloads, queries and cookies.
 *
 * @example
 * const instrumentation = instrument(server, { messageSpans: 0.01 });
 * await server.shutdown();
 * instrumentation.stop();
 *
 * @module
 */
export { instrument, type Instrumentation, type InstrumentOptions } from './instrument.ts';
