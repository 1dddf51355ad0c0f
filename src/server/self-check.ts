import type { DriverOf } from '../connection/connection.ts';
import { topicsIn } from '../connection/topic-set.ts';
import type { Observers } from '../connection/observers.ts';
import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';
import type { Counters } from './counters.ts';
import type { Registry } from './groups/registry.ts';
import type { TopicTable } from './groups/topics.ts';
import type { SelfCheckReport, StaleEntry } from './stale-entry.ts';

/** Time between two checks with option `debugChecks`, in ms. */
const CHECK_EVERY_MS = 300_000;
/** A destroyed socket normally reports its end in the next turn. One that has not after this time, in ms, is stale. */
const STALE_SOCKET_MS = 1_000;

/** The server that is checked. */
export interface SelfCheckOwner<UserData> {
  readonly deadlines: DeadlineQueue;
  readonly registry: Registry<DriverOf<UserData>>;
  readonly groups: { readonly topics: TopicTable<DriverOf<UserData>> };
  readonly counters: Counters;
  readonly observers: Observers;
  /** Also closed connections whose last messages are not delivered. */
  everyConnection(): Iterable<DriverOf<UserData>>;
  /** Removes a closed connection from topics, registry and limits. */
  forget(driver: DriverOf<UserData>): void;
  handlerFailed(error: unknown, driver: undefined, where: string): void;
}

/** Compares what a server knows twice: its connections, their sockets, topics and counters. */
export class SelfCheck<UserData> implements DeadlineOwner {
  deadlineSlot = -1;
  readonly #core: SelfCheckOwner<UserData>;
  /** Connections with a destroyed socket, and when a check first found it destroyed. */
  readonly #suspects = new WeakMap<DriverOf<UserData>, number>();

  constructor(core: SelfCheckOwner<UserData>) {
    this.#core = core;
  }

  /** Checks every 5 minutes from now on, while the server has connections. */
  schedule(): void {
    const { deadlines } = this.#core;
    if (this.deadlineSlot < 0) deadlines.plan(this, deadlines.now() + CHECK_EVERY_MS);
  }

  cancel(): void {
    this.#core.deadlines.cancel(this);
  }

  deadlineReached(): void {
    this.run();
    if (this.#core.registry.size > 0) this.schedule();
  }

  failed(error: unknown): void {
    this.#core.handlerFailed(error, undefined, 'the self-check');
  }

  /** Checks and repairs. Time is proportional to connections and subscriptions. */
  run(): SelfCheckReport {
    const { registry, groups, observers } = this.#core;
    const repaired: StaleEntry[] = [];
    const connections = registry.size;
    const { subscriptions } = groups.topics;
    for (const driver of registry) this.#checkConnection(driver, repaired);
    this.#checkTopics(repaired);
    this.#checkCounters(repaired);
    if (repaired.length > 0) observers.tell('repaired', repaired);
    return { connections, subscriptions, repaired };
  }

  #checkConnection(driver: DriverOf<UserData>, repaired: StaleEntry[]): void {
    const { link } = driver;
    if (driver.state === 'closed') {
      repaired.push({ kind: 'connection', name: driver.id, detail: 'it is closed, but was still listed' });
      this.#core.forget(driver);
      return;
    }
    if (!link.transport.destroyed) return;
    const nowMs = this.#core.deadlines.now();
    const sinceMs = this.#suspects.get(driver) ?? nowMs;
    this.#suspects.set(driver, sinceMs);
    if (nowMs - sinceMs < STALE_SOCKET_MS) return;
    repaired.push({
      kind: 'socket',
      name: driver.id,
      detail: `its socket is destroyed, but the connection was ${driver.state}`,
    });
    link.closed(undefined);
  }

  #checkTopics(repaired: StaleEntry[]): void {
    const { registry, groups } = this.#core;
    const stale = (name: string, detail: string): void =>
      void repaired.push({ kind: 'subscription', name, detail });
    for (const { topic, subscriber } of groups.topics.repair((driver) => registry.get(driver.id) === driver))
      stale(topic, `connection ${subscriber.id} was listed as a subscriber`);
    for (const driver of registry) {
      const own = driver.topicSet;
      if (own === undefined) continue;
      for (const topic of topicsIn(own))
        if (groups.topics.get(topic)?.has(driver) !== true) {
          stale(topic, `connection ${driver.id} had it among its topics`);
          groups.topics.dropOwn(driver, topic);
        }
    }
  }

  #checkCounters(repaired: StaleEntry[]): void {
    const core = this.#core;
    let closing = 0;
    let heldBytes = 0;
    for (const driver of core.registry) if (driver.state === 'closing') closing++;
    for (const driver of core.everyConnection()) heldBytes += driver.link.heldBytes;
    for (const { name, was, is } of [
      ...core.counters.correct({ connections: core.registry.size, closing, heldBytes }),
      ...core.groups.topics.correct(),
    ])
      repaired.push({ kind: 'counter', name, detail: `it was ${was} instead of ${is}` });
  }
}
