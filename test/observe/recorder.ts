import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { TestContext } from 'node:test';

/** One event: name of the channel (of a tracing channel also its part) and the payload, as it was at that time. */
export type Published = readonly [name: string, payload: Readonly<Record<string, unknown>>];

const PARTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

/** Collects what is published on plain channels until the test ends. */
export function record(t: TestContext, names: readonly string[]): Published[] {
  const published: Published[] = [];
  for (const name of names) {
    const listener = (payload: unknown): void => void published.push([name, { ...(payload as object) }]);
    channel(name).subscribe(listener);
    t.after(() => channel(name).unsubscribe(listener));
  }
  return published;
}

/** Collects what is published on a tracing channel until the test ends. */
export function recordTrace(t: TestContext, name: string): Published[] {
  const published: Published[] = [];
  const traced = tracingChannel(name);
  for (const part of PARTS) {
    const listener = (payload: unknown): void => void published.push([part, { ...(payload as object) }]);
    traced[part].subscribe(listener);
    t.after(() => traced[part].unsubscribe(listener));
  }
  return published;
}

/** Binds a store to a tracing channel until the test ends. Its value is the payload itself. */
export function bindStore<Payload>(t: TestContext, name: string): AsyncLocalStorage<Payload> {
  const store = new AsyncLocalStorage<Payload>();
  const { start } = tracingChannel<unknown, Payload & object>(name);
  (start as unknown as { bindStore(to: AsyncLocalStorage<Payload>): void }).bindStore(store);
  t.after(() => start.unbindStore(store));
  return store;
}
