import { refuseArgument } from '../../options/call-check.ts';

/** The connections of a server, read-only. Connections may open and close during an iteration: it yields none twice and no ended one. */
export interface ReadonlyRegistry<C> extends Iterable<C> {
  readonly size: number;
  /** @throws MisuseError `ERR_ARGUMENT` for an id that is no string. */
  get(id: string): C | undefined;
  /** @throws MisuseError `ERR_ARGUMENT` for an id that is no string. */
  has(id: string): boolean;
}

/** The drivers of open and closing connections, by id. */
export class Registry<Driver extends { readonly id: string }> implements ReadonlyRegistry<Driver> {
  readonly #drivers = new Map<string, Driver>();

  get size(): number {
    return this.#drivers.size;
  }

  get(id: string): Driver | undefined {
    return this.#drivers.get(id);
  }

  has(id: string): boolean {
    return this.#drivers.has(id);
  }

  add(driver: Driver): void {
    this.#drivers.set(driver.id, driver);
  }

  remove(driver: Driver): void {
    this.#drivers.delete(driver.id);
  }

  [Symbol.iterator](): IterableIterator<Driver> {
    return this.#drivers.values();
  }
}

function checkId(call: string, id: unknown): void {
  if (typeof id !== 'string') refuseArgument(call, 'id', id, 'the id of a connection: connection.id');
}

/** The registry for the application: connections instead of drivers, and read-only. */
export class RegistryView<C> implements ReadonlyRegistry<C> {
  readonly #registry: ReadonlyRegistry<{ readonly connection: C }>;

  constructor(registry: ReadonlyRegistry<{ readonly connection: C }>) {
    this.#registry = registry;
  }

  get size(): number {
    return this.#registry.size;
  }

  get(id: string): C | undefined {
    checkId('connections.get', id);
    return this.#registry.get(id)?.connection;
  }

  has(id: string): boolean {
    checkId('connections.has', id);
    return this.#registry.has(id);
  }

  *[Symbol.iterator](): IterableIterator<C> {
    for (const { connection } of this.#registry) yield connection;
  }
}
