import type { SafeEmitter } from './emitter.ts';
import type { ConnectionDriver } from './connection-driver.ts';
import type { ConnectionEvents } from './connection-events.ts';

type AnyConnection = SafeEmitter<ConnectionEvents>;
type AnyDriver = Pick<ConnectionDriver<AnyConnection>, 'connection'>;

/**
 * The connections of one engine, of all its servers and clients. A server has one entry however many connections it has, and none
 * while it has no connection, so that nothing here keeps an unused server alive.
 */
export class OpenConnections implements Iterable<AnyConnection> {
  readonly #registries = new Set<Iterable<AnyDriver>>();
  readonly #clients = new Set<AnyDriver>();
  readonly #watchers = new Set<(connection: AnyConnection) => void>();

  /** Call when a connection was made, before its first byte is read. */
  opened(connection: AnyConnection): void {
    for (const watcher of this.#watchers) watcher(connection);
  }

  /** @param registry Has at least one connection. */
  addRegistry(registry: Iterable<AnyDriver>): void {
    this.#registries.add(registry);
  }

  /** Call when `registry` has become empty. */
  removeRegistry(registry: Iterable<AnyDriver>): void {
    this.#registries.delete(registry);
  }

  addClient(driver: AnyDriver): void {
    this.#clients.add(driver);
  }

  removeClient(driver: AnyDriver): void {
    this.#clients.delete(driver);
  }

  /**
   * Calls `watcher` for every connection made from now on. It must not throw.
   * @returns A function that ends watching.
   */
  watch(watcher: (connection: AnyConnection) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  *[Symbol.iterator](): IterableIterator<AnyConnection> {
    for (const registry of this.#registries) for (const { connection } of registry) yield connection;
    for (const { connection } of this.#clients) yield connection;
  }
}
