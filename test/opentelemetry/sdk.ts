import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type Attributes,
  context,
  type ContextManager,
  type Link,
  type MeterProvider,
  propagation,
  type SpanContext,
  type SpanStatus,
  type TextMapPropagator,
  type TracerProvider,
} from '@opentelemetry/api';
import type { MeteredServer } from '../../src/observe/index.ts';
import { instrument, type Instrumentation, type InstrumentOptions } from '../../src/opentelemetry/index.ts';

/** What the tests use of a span of the SDK. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Attributes;
  readonly links: readonly Link[];
  readonly events: readonly { readonly name: string; readonly attributes?: Attributes }[];
  readonly status: SpanStatus;
  readonly parentSpanContext?: SpanContext;
  readonly instrumentationScope: { readonly name: string; readonly version?: string };
  readonly resource: unknown;
  spanContext(): SpanContext;
}

/** One metric as the SDK collects it. */
export interface CollectedMetric {
  readonly descriptor: { readonly name: string; readonly unit: string; readonly description: string };
  readonly dataPoints: readonly {
    readonly attributes: Attributes;
    readonly value:
      | number
      | {
          readonly count: number;
          readonly sum: number;
          readonly buckets: { readonly boundaries: readonly number[] };
        };
  }[];
}

interface Reader {
  collect(): Promise<{
    readonly errors: readonly unknown[];
    readonly resourceMetrics: {
      readonly scopeMetrics: readonly {
        readonly scope: { readonly name: string };
        readonly metrics: readonly CollectedMetric[];
      }[];
    };
  }>;
}
interface Processor {
  onStart(): void;
  onEnd(span: FinishedSpan): void;
  shutdown(): Promise<void>;
  forceFlush(): Promise<void>;
}
interface Traces {
  BasicTracerProvider: new (options: {
    spanProcessors: readonly Processor[];
  }) => TracerProvider & {
    shutdown(): Promise<void>;
  };
  InMemorySpanExporter: new () => { getFinishedSpans(): readonly FinishedSpan[] };
  SimpleSpanProcessor: new (exporter: object) => Processor;
}
interface Metrics {
  MeterProvider: new (options: {
    readers: readonly Reader[];
  }) => MeterProvider & { shutdown(): Promise<void> };
  PeriodicExportingMetricReader: new (options: { exporter: object; exportIntervalMillis: number }) => Reader;
  InMemoryMetricExporter: new (temporality: number) => object;
}

const load = createRequire(join(import.meta.dirname, '..', '..', '..', 'test', 'interop', 'package.json'));

function packages() {
  try {
    return {
      traces: load('@opentelemetry/sdk-trace-base') as Traces,
      metrics: load('@opentelemetry/sdk-metrics') as Metrics,
      contexts: load('@opentelemetry/context-async-hooks') as {
        AsyncLocalStorageContextManager: new () => ContextManager;
      },
      core: load('@opentelemetry/core') as { W3CTraceContextPropagator: new () => TextMapPropagator },
    };
  } catch {
    return undefined;
  }
}
const found = packages();

/** Why tests with the SDK are skipped; `false` if they run. */
export const skip: false | string =
  found === undefined ? 'needs the SDK of OpenTelemetry: npm ci --prefix test/interop' : false;

export interface Sdk {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** Spans that have ended, in order. */
  readonly spans: () => readonly FinishedSpan[];
  /** Spans that have started and not ended. */
  readonly open: () => number;
  /** By name. */
  readonly collect: () => Promise<ReadonlyMap<string, CollectedMetric>>;
  /** Instruments a server with these providers. It is stopped when the test ends. */
  readonly instrument: (server: MeteredServer, options?: InstrumentOptions) => Instrumentation;
}

const CUMULATIVE = 1;
const HOUR_MS = 3_600_000;

/** The real SDK with its exporters in memory. When the test ends, no span may be open. */
export function sdk(t: TestContext): Sdk {
  const { traces, metrics, contexts, core } = found!;
  context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  const exporter = new traces.InMemorySpanExporter();
  let open = 0;
  const counting: Processor = {
    onStart: () => void open++,
    onEnd: () => void open--,
    shutdown: async () => {},
    forceFlush: async () => {},
  };
  const tracerProvider = new traces.BasicTracerProvider({
    spanProcessors: [counting, new traces.SimpleSpanProcessor(exporter)],
  });
  const reader = new metrics.PeriodicExportingMetricReader({
    exporter: new metrics.InMemoryMetricExporter(CUMULATIVE),
    exportIntervalMillis: HOUR_MS,
  });
  const meterProvider = new metrics.MeterProvider({ readers: [reader] });
  const running: Instrumentation[] = [];
  t.after(async () => {
    for (const instrumentation of running) instrumentation.stop();
    await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()]);
    context.disable();
    propagation.disable();
    assert.equal(open, 0, 'a span was not ended');
  });
  return {
    tracerProvider,
    meterProvider,
    spans: () => exporter.getFinishedSpans(),
    open: () => open,
    collect: async () => {
      const { errors, resourceMetrics } = await reader.collect();
      assert.deepEqual(errors, []);
      const all = resourceMetrics.scopeMetrics.flatMap(({ scope, metrics: list }) => {
        assert.equal(scope.name, 'hawser');
        return list;
      });
      return new Map(all.map((metric) => [metric.descriptor.name, metric]));
    },
    instrument: (server, options) => {
      const instrumentation = instrument(server, { tracerProvider, meterProvider, ...options });
      running.push(instrumentation);
      return instrumentation;
    },
  };
}
