/** The connections of a server, to look at. Iterating while they come and go is safe: no repeats, none that is gone. */
export interface ReadonlyRegistry<C> extends Iterable<C> {
  readonly size: number;
  get(id: string): C | undefined;
  has(id: string): boolean;
}

/** Open and closing connections by id. */
export class Registry<C extends { readonly id: string }> implements ReadonlyRegistry<C> {
  readonly #connections = new Map<string, C>();

  get size(): number {
    return this.#connections.size;
  }

  get(id: string): C | undefined {
    return this.#connections.get(id);
  }

  has(id: string): boolean {
    return this.#connections.has(id);
  }

  add(connection: C): void {
    this.#connections.set(connection.id, connection);
  }

  remove(connection: C): void {
    this.#connections.delete(connection.id);
  }

  [Symbol.iterator](): IterableIterator<C> {
    return this.#connections.values();
  }
}

/** A registry for the application: nothing that changes it. */
export class RegistryView<C extends { readonly id: string }> implements ReadonlyRegistry<C> {
  readonly #registry: Registry<C>;

  constructor(registry: Registry<C>) {
    this.#registry = registry;
  }

  get size(): number {
    return this.#registry.size;
  }

  get(id: string): C | undefined {
    return this.#registry.get(id);
  }

  has(id: string): boolean {
    return this.#registry.has(id);
  }

  [Symbol.iterator](): IterableIterator<C> {
    return this.#registry[Symbol.iterator]();
  }
}
