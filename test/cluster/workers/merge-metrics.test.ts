import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countersOf,
  mergeFamilies,
  readFamilies,
  type Shared,
  writeFamilies,
} from '../../../src/cluster/engines/workers/merge-metrics.ts';
import { WebSocketServer } from '../../../src/index.ts';

const metric = (name: string, type: string, ...lines: string[]): string =>
  [`# HELP ${name} A help text.`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');

const merged = (shared: Shared, ...texts: string[]): string =>
  writeFamilies(
    mergeFamilies(
      texts.map((text) => readFamilies(text)),
      shared,
    ),
  );

/** Name, type, values of two workers, what they have in common, and the value of both. */
const ROWS: readonly (readonly [string, string, number, number, Shared, number])[] = [
  ['hawser_connections_total', 'counter', 2, 3, 'machine', 5],
  ['hawser_connections', 'gauge', 2, 3, 'machine', 5],
  ['hawser_build_info', 'gauge', 1, 1, 'machine', 1],
  ['hawser_load_level', 'gauge', 2, 0, 'machine', 2],
  ['hawser_load_pressure_ratio', 'gauge', 0.25, 0.75, 'machine', 0.75],
  ['hawser_event_loop_delay_seconds', 'gauge', 0.1, 0.3, 'machine', 0.3],
  ['hawser_event_loop_utilization_ratio', 'gauge', 0.25, 0.75, 'machine', 0.5],
  ['hawser_cpu_seconds_total', 'counter', 2, 3, 'machine', 5],
  ['hawser_cpu_seconds_total', 'counter', 2, 3, 'process', 3],
  ['hawser_resident_memory_bytes', 'gauge', 2, 3, 'machine', 5],
  ['hawser_resident_memory_bytes', 'gauge', 2, 3, 'process', 3],
  ['hawser_heap_used_bytes', 'gauge', 2, 3, 'process', 5],
  ['hawser_heap_used_bytes', 'gauge', 2, 3, 'thread', 3],
  ['hawser_memory_budget_bytes', 'gauge', 2, 2, 'thread', 2],
];

for (const [name, type, one, two, shared, both] of ROWS)
  test(`SC-02 ${name} of ${one} and ${two} in one ${shared} is ${both}`, () => {
    const texts = [one, two].map((value) => metric(name, type, `${name} ${value}`));
    assert.equal(merged(shared, ...texts), metric(name, type, `${name} ${both}`));
  });

test('SC-02 series are merged by their labels; one that only one worker has stays', () => {
  const name = 'hawser_closes_total';
  const one = metric(name, 'counter', `${name}{code="1000"} 1`, `${name}{code="1001"} 2`);
  const two = metric(name, 'counter', `${name}{code="1001"} 3`, `${name}{code="a b"} 4`);
  assert.equal(
    merged('machine', one, two),
    metric(name, 'counter', `${name}{code="1000"} 1`, `${name}{code="1001"} 5`, `${name}{code="a b"} 4`),
  );
});

test('SC-02 the metrics of a server are unchanged by reading and writing, and a histogram adds up', () => {
  const text = new WebSocketServer().metrics();
  assert.equal(merged('machine', text), text);
  const name = 'hawser_handshake_seconds';
  const lines = [
    `${name}_bucket{le="1"} 2`,
    `${name}_bucket{le="+Inf"} 3`,
    `${name}_sum 4.5`,
    `${name}_count 3`,
  ];
  const twice = [
    `${name}_bucket{le="1"} 4`,
    `${name}_bucket{le="+Inf"} 6`,
    `${name}_sum 9`,
    `${name}_count 6`,
  ];
  const one = metric(name, 'histogram', ...lines);
  assert.equal(merged('machine', one, one), metric(name, 'histogram', ...twice));
});

test('SC-02 counters and histograms of a worker that ended stay; gauges do not, nor what belongs to the process', () => {
  const text =
    metric('hawser_connections', 'gauge', 'hawser_connections 1') +
    metric('hawser_connections_total', 'counter', 'hawser_connections_total 2') +
    metric('hawser_cpu_seconds_total', 'counter', 'hawser_cpu_seconds_total 3');
  const names = (shared: Shared): string[] => [...countersOf(readFamilies(text), shared).keys()];
  assert.deepEqual(names('machine'), ['hawser_connections_total', 'hawser_cpu_seconds_total']);
  assert.deepEqual(names('process'), ['hawser_connections_total']);
});
