import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectors } from '../../../src/observe/index.ts';
import { live } from '../../server/live.ts';

/** The `Counter` of prom-client 15, as its types declare it: `type` is a number there, and a text when it runs. */
interface DeclaredCounter<T extends string> {
  inc(labels: Partial<Record<T, string | number>>, value?: number): void;
  inc(value?: number): void;
  get(): Promise<{
    readonly type: 0 | 1 | 2 | 3;
    readonly collect: () => void;
    readonly values: { value: number; labels: Partial<Record<T, string | number>> }[];
  }>;
  labels(...values: string[]): { inc(value?: number): void };
  labels(labels: Partial<Record<T, string | number>>): { inc(value?: number): void };
  reset(): void;
  remove(...values: string[]): void;
  remove(labels: Partial<Record<T, string | number>>): void;
}
interface DeclaredRegistry {
  registerMetric<T extends string>(metric: DeclaredCounter<T>): void;
}

test('MT-01 collectors fit the types of prom-client, and only the server changes their values', async (t) => {
  const { server } = live(t, { metrics: true });
  const registered: unknown[] = [];
  const registry: DeclaredRegistry = { registerMetric: (metric) => void registered.push(metric) };
  for (const collector of collectors(server)) registry.registerMetric(collector);
  const total = collectors(server).find(({ name }) => name === 'hawser_connections_total')!;
  assert.equal(registered.length, collectors(server).length);
  for (const change of ['inc', 'labels', 'remove'] as const)
    assert.throws(() => total[change](), {
      code: 'ERR_STATE',
      message: new RegExp(
        `^${change} cannot change hawser_connections_total: .* create a metric of your own`,
      ),
    });
  total.reset();
  assert.equal((await total.get()).values[0]?.value, 0);
});
