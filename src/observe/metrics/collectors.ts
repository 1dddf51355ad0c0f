import { defaultEngine } from '../../engine/engine.ts';
import { MisuseError } from '../../protocol/errors.ts';
import { METRIC_TABLE, type Metric, type MetricName } from './metric-table.ts';
import { checkMetricsArguments, type MeteredServer, type MetricsTextOptions } from './metrics-text.ts';
import { ProcessSampler } from './process-sampler.ts';
import type { ProcessReading, ServerReading } from './reading.ts';
import { type Sample, samplesOfProcess, samplesOfServer } from './samples.ts';

/** One value of a {@link CollectedMetric}. */
export interface CollectedValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Name of the sample, if it differs from that of the metric: `…_bucket`, `…_sum` or `…_count` of a histogram. */
  readonly metricName?: string;
}

/** How prom-client's `AggregatorRegistry` joins the values of several workers of a cluster. */
export type Aggregator = 'sum' | 'average' | 'first' | 'max';

/** One metric with its current values, as a registry of prom-client reads it. */
export interface CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: Metric['kind'];
  readonly aggregator: Aggregator;
  readonly values: readonly CollectedValue[];
}

/**
 * A metric for a registry of prom-client 15: pass it to `registry.registerMetric`. Its type fits the `Counter` of prom-client,
 * but only the server changes its values.
 */
export interface MetricCollector extends Omit<CollectedMetric, 'values' | 'name'> {
  /** A registry of type OpenMetrics changes it. */
  name: string;
  /** Current values. Never rejects. @typeParam T What the types of prom-client call the result. */
  get<T = CollectedMetric>(): Promise<T>;
  /** Does nothing: the counters belong to the server. `registry.resetMetrics()` calls it. */
  reset(): void;
  /** @throws MisuseError `ERR_STATE`: the counters belong to the server. */
  inc(): never;
  /** @throws MisuseError As {@link inc}. */
  labels(): never;
  /** @throws MisuseError As {@link inc}. */
  remove(): never;
}

/** Values of all collectors that are read in one turn of the event loop: a registry reads them one after another. */
interface Readings {
  readonly servers: readonly ServerReading[];
  readonly process: ProcessReading | undefined;
}

function aggregatorOf({ name, from, kind, unit }: Metric): Aggregator {
  if (name === METRIC_TABLE.build_info.name) return 'first';
  if (name === METRIC_TABLE.load_level.name || name === METRIC_TABLE.load_pressure_ratio.name) return 'max';
  return from === 'process' && kind === 'gauge' && unit !== 'bytes' ? 'average' : 'sum';
}

class Collector implements MetricCollector {
  name: string;
  readonly help: string;
  readonly type: Metric['kind'];
  readonly aggregator: Aggregator;
  readonly #key: MetricName;
  readonly #read: () => Readings;

  constructor(key: MetricName, read: () => Readings) {
    const metric: Metric = METRIC_TABLE[key];
    this.name = metric.name;
    this.help = metric.help;
    this.type = metric.kind;
    this.aggregator = aggregatorOf(metric);
    this.#key = key;
    this.#read = read;
  }

  async get<T = CollectedMetric>(): Promise<T> {
    const { servers, process } = this.#read();
    const { name, help, type, aggregator } = this;
    const values = process === undefined ? [] : this.#values(samplesOfProcess(this.#key, process), undefined);
    for (const server of servers)
      values.push(...this.#values(samplesOfServer(this.#key, server), server.name));
    return { name, help, type, aggregator, values } as T;
  }

  reset(): void {}

  inc(): never {
    return this.#refuse('inc');
  }

  labels(): never {
    return this.#refuse('labels');
  }

  remove(): never {
    return this.#refuse('remove');
  }

  #refuse(method: string): never {
    throw new MisuseError(
      'ERR_STATE',
      `${method} cannot change ${this.name}: the server counts it; create a metric of your own for other values`,
    );
  }

  #values(samples: readonly Sample[], server: string | undefined): CollectedValue[] {
    const names = METRIC_TABLE[this.#key].labels;
    return samples.flatMap(([given, value]): CollectedValue[] => {
      const labels: Record<string, string> = server === undefined ? {} : { server };
      given.forEach((label, at) => {
        labels[names[at]!] = label;
      });
      if (typeof value === 'number') return [{ value, labels }];
      const { name } = this;
      return [
        ...value.buckets.map(({ upTo, count }) => ({
          value: count,
          labels: { ...labels, le: upTo },
          metricName: `${name}_bucket`,
        })),
        { value: value.count, labels: { ...labels, le: '+Inf' }, metricName: `${name}_bucket` },
        { value: value.sum, labels, metricName: `${name}_sum` },
        { value: value.count, labels, metricName: `${name}_count` },
      ];
    });
  }
}

/**
 * The metrics of one server or several as collectors for an application that has a registry of prom-client: they read the
 * counters of the server when the registry is scraped, and cost nothing otherwise.
 * @param servers Several need the option `name`, each its own: it becomes the label `server`. A registry takes each name of a
 *   metric once, so register all servers with one call.
 * @param options `process`: `false` by default.
 * @returns A collector for each of `METRICS` that applies, to be passed to `registry.registerMetric`.
 * @throws MisuseError `ERR_ARGUMENT` for anything but servers, or for several without names of their own; `ERR_OPTION` for an
 *   unknown or invalid option.
 */
export function collectors(
  servers: MeteredServer | readonly MeteredServer[],
  options?: MetricsTextOptions,
): readonly MetricCollector[] {
  const observed = checkMetricsArguments('collectors', servers, options, arguments);
  const { engine } = observed[0] ?? { engine: defaultEngine };
  const withProcess = options?.process === true;
  let current: Readings | undefined;
  const read = (): Readings => {
    if (current !== undefined) return current;
    queueMicrotask(() => {
      current = undefined;
    });
    current = {
      servers: observed.map((server) => server.readMetrics()),
      process: withProcess ? engine.part(ProcessSampler).read() : undefined,
    };
    return current;
  };
  return (Object.keys(METRIC_TABLE) as MetricName[])
    .filter((key) => withProcess || METRIC_TABLE[key].from !== 'process')
    .map((key) => new Collector(key, read));
}
