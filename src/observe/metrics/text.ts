import type { HistogramCounts } from './histogram.ts';
import { METRIC_TABLE, type Metric, type MetricName } from './metric-table.ts';
import type { ProcessReading, ServerReading } from './reading.ts';
import { type Sample, samplesOfProcess, samplesOfServer } from './samples.ts';

/** The media type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function escapedLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

/** `a="1",b="2"`, or `''`. */
const pairs = (names: readonly string[], values: readonly string[]): string =>
  values.map((value, at) => `${names[at]}="${escapedLabel(value)}"`).join(',');

const line = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;

function histogramLines(name: string, labels: string, { count, sum, buckets }: HistogramCounts): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  for (const bucket of buckets) text += line(`${name}_bucket`, `${before}le="${bucket.upTo}"`, bucket.count);
  text += line(`${name}_bucket`, `${before}le="+Inf"`, count);
  return text + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count);
}

/** @param server The name of the server; `undefined` for no label. */
function sampleLines({ name, labels: names }: Metric, samples: readonly Sample[], server?: string): string {
  const own = server === undefined ? '' : pairs(['server'], [server]);
  let text = '';
  for (const [values, value] of samples) {
    const others = pairs(names, values);
    const labels = own === '' || others === '' ? own + others : `${own},${others}`;
    text += typeof value === 'number' ? line(name, labels, value) : histogramLines(name, labels, value);
  }
  return text;
}

/**
 * The text format of Prometheus, version 0.0.4. A metric without samples is left out.
 * @param readings One per server. With several, each has a name of its own.
 * @param process `undefined` for no metrics of the process.
 */
export function renderMetrics(
  readings: readonly ServerReading[],
  process: ProcessReading | undefined,
): string {
  let text = '';
  for (const [name, metric] of Object.entries(METRIC_TABLE) as [MetricName, Metric][]) {
    let lines = process === undefined ? '' : sampleLines(metric, samplesOfProcess(name, process));
    for (const reading of readings)
      lines += sampleLines(metric, samplesOfServer(name, reading), reading.name);
    if (lines === '') continue;
    text += `# HELP ${metric.name} ${metric.help}.\n# TYPE ${metric.name} ${metric.kind}\n${lines}`;
  }
  return text;
}
