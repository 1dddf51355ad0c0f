import { EventEmitter } from 'node:events';
import { refuseArgument, isThenable } from '../options/call-check.ts';
import type { ListenerResult } from './owner.ts';

/** @throws MisuseError `ERR_ARGUMENT` for an invalid event name, or a listener that is not a function. */
function checkListener(method: string, name: unknown, listener: unknown): void {
  if (typeof listener !== 'function') refuseArgument(method, 'listener', listener, 'a function');
  if (typeof name !== 'string' && typeof name !== 'symbol')
    refuseArgument(method, 'event', name, 'the name of an event');
}

/** Node's types say that the result of a listener is ignored, but {@link dispatch} reads it. */
const asListener = (listener: unknown): (() => void) => listener as () => void;

/** The private companion of an emitter; reacts to changes of the listeners. */
export interface ListenerWatcher {
  /** Called after listeners of `name` were added or removed; `undefined` means any name. */
  listenersChanged(name: string | symbol | undefined): void;
}

/** Reads a private field. Not state: a static block assigns it once, in the scope of that field. */
let readCompanion: (value: object) => ListenerWatcher | undefined;

/** Returns the private companion of an emitter, the only way to it; `undefined` for any other object. */
export function companionOf(value: object): ListenerWatcher | undefined {
  return readCompanion(value);
}

/**
 * An event emitter with typed names and arguments. A listener that throws or rejects causes an event, never an
 * exception in the caller: the other listeners still run and the process goes on. It has no library method that an
 * application could overwrite: {@link dispatch} is a function, and the companion is in a private field.
 */
export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter {
  readonly #watcher: ListenerWatcher;

  static {
    readCompanion = (value) => (#watcher in value ? value.#watcher : undefined);
  }

  /** @internal */
  constructor(watcher: ListenerWatcher) {
    super();
    this.#watcher = watcher;
  }

  /**
   * Adds a listener of an event. What it throws, or rejects with, causes the event `error`, never an exception here.
   * @throws MisuseError `ERR_ARGUMENT` for a listener that is not a function.
   */
  override on<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    checkListener('on', name, listener);
    super.on(name, asListener(listener));
    this.#watcher.listenersChanged(name);
    return this;
  }

  /** Same as {@link on}. */
  override addListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return this.on(name, listener);
  }

  /** As {@link on}, before the other listeners. */
  override prependListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    checkListener('prependListener', name, listener);
    super.prependListener(name, asListener(listener));
    this.#watcher.listenersChanged(name);
    return this;
  }

  /** As {@link on}, for the next event only. */
  override once<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    checkListener('once', name, listener);
    return super.once(name, asListener(listener));
  }

  /** As {@link once}, before the other listeners. */
  override prependOnceListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    checkListener('prependOnceListener', name, listener);
    return super.prependOnceListener(name, asListener(listener));
  }

  /**
   * Removes a listener of an event; the one that was added last, if it was added several times.
   * @throws MisuseError `ERR_ARGUMENT` for a listener that is not a function.
   */
  override removeListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    checkListener('removeListener', name, listener);
    super.removeListener(name, asListener(listener));
    this.#watcher.listenersChanged(name);
    return this;
  }

  /** Same as {@link removeListener}. */
  override off<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return this.removeListener(name, listener);
  }

  /** Removes all listeners of an event, or of all events. */
  override removeAllListeners(name?: keyof Events & string): this {
    // Node distinguishes the two calls by the number of arguments.
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    this.#watcher.listenersChanged(name);
    return this;
  }
}

// Both use the functions of Node's class, because an application may have overwritten `rawListeners` on its object.

/** Returns the number of listeners of `name`. */
export function countListeners(emitter: EventEmitter, name: string): number {
  return EventEmitter.prototype.listenerCount.call(emitter, name);
}

/** Returns the current listeners of `name` in a new array. */
export function listenersOf(emitter: EventEmitter, name: string): ((...args: never[]) => ListenerResult)[] {
  return EventEmitter.prototype.rawListeners.call(emitter, name) as ((...args: never[]) => ListenerResult)[];
}

/** Calls the listeners of `name`. Passes what they throw, or reject with, to `failed`. */
export function dispatch<Events extends Record<keyof Events, unknown[]>, Name extends keyof Events & string>(
  emitter: SafeEmitter<Events>,
  name: Name,
  args: Events[Name],
  failed: (error: unknown) => void,
): void {
  if (countListeners(emitter, name) === 0) return;
  for (const listener of listenersOf(emitter, name)) {
    try {
      const result: unknown = Reflect.apply(listener, emitter, args);
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}
