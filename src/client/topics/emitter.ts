import { checkArgument, FUNCTION } from './check.ts';

type AnyListener = (...args: never[]) => unknown;
interface Entry {
  readonly listener: AnyListener;
  readonly once: boolean;
}

/** Events of a class with the arguments of their listeners. */
export type EventMap<Events> = Record<keyof Events, unknown[]>;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** The listeners of one object of the application. Calls them so that none can disturb another one or the library. */
export class Listeners<Events extends EventMap<Events>> {
  readonly #of: string;
  readonly #names: readonly string[];
  readonly #changed: (name: string) => void;
  readonly #failed: (error: unknown, name: string) => void;
  /** The arrays are replaced and never changed. */
  readonly #entries = new Map<string, readonly Entry[]>();

  /**
   * @param of What has the events, for error messages.
   * @param failed Gets what a listener throws or rejects with.
   */
  constructor(
    of: string,
    names: Readonly<Record<keyof Events & string, true>>,
    changed: (name: string) => void,
    failed: (error: unknown, name: string) => void,
  ) {
    this.#of = of;
    this.#names = Object.keys(names);
    this.#changed = changed;
    this.#failed = failed;
  }

  add(name: string, listener: AnyListener, once: boolean): void {
    this.#check(name, listener);
    this.#entries.set(name, [...(this.#entries.get(name) ?? []), { listener, once }]);
    this.#changed(name);
  }

  remove(name: string, listener: AnyListener): void {
    this.#check(name, listener);
    // As in Node, the one that was added last.
    this.#drop(
      name,
      this.#entries.get(name)?.findLast((each) => each.listener === listener),
    );
  }

  count(name: keyof Events & string): number {
    return this.#entries.get(name)?.length ?? 0;
  }

  /** Calls the listeners, and does not wait for them. */
  emit<Name extends keyof Events & string>(self: object, name: Name, ...args: Events[Name]): void {
    void this.call(self, name, ...args);
  }

  /** Calls the listeners. @returns The promises that they returned; they never reject. */
  call<Name extends keyof Events & string>(
    self: object,
    name: Name,
    ...args: Events[Name]
  ): Promise<unknown>[] | undefined {
    let pending: Promise<unknown>[] | undefined;
    for (const entry of this.#entries.get(name) ?? []) {
      if (entry.once) this.#drop(name, entry);
      try {
        const result: unknown = Reflect.apply(entry.listener, self, args);
        if (isThenable(result))
          (pending ??= []).push(Promise.resolve(result).catch((error: unknown) => this.#failed(error, name)));
      } catch (error) {
        this.#failed(error, name);
      }
    }
    return pending;
  }

  #drop(name: string, entry: Entry | undefined): void {
    const entries = this.#entries.get(name) ?? [];
    if (entry === undefined || !entries.includes(entry)) return;
    this.#entries.set(
      name,
      entries.filter((each) => each !== entry),
    );
    this.#changed(name);
  }

  #check(name: string, listener: unknown): void {
    const names = this.#names;
    checkArgument(this.#of, 'event', name, [(value) => names.includes(value as string), names.join(', ')]);
    checkArgument(this.#of, 'listener', listener, FUNCTION);
  }
}

/** Base of classes with typed events. The listeners are in a private companion of the class. */
export abstract class TopicEmitter<Events extends EventMap<Events>> {
  readonly #listeners: Listeners<Events>;

  /** @internal */
  constructor(listeners: Listeners<Events>) {
    this.#listeners = listeners;
  }

  /**
   * Adds a listener.
   * @throws MisuseError `ERR_ARGUMENT` for an unknown event, or a listener that is not a function.
   */
  on<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => unknown): this {
    this.#listeners.add(name, listener, false);
    return this;
  }

  /** As {@link on}, for the next event only. */
  once<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => unknown): this {
    this.#listeners.add(name, listener, true);
    return this;
  }

  /** Removes a listener. */
  off<Name extends keyof Events & string>(name: Name, listener: (...args: Events[Name]) => unknown): this {
    this.#listeners.remove(name, listener);
    return this;
  }
}
