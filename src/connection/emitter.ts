import { EventEmitter } from 'node:events';
import type { ListenerResult } from './host.ts';

/** The base class says that nobody looks at what a listener returns; here somebody does. */
const asListener = (listener: unknown): (() => void) => listener as () => void;

/**
 * An event emitter with typed names and arguments, for which a listener that throws or rejects is an event of its own
 * and never an exception in the caller: the other listeners still run, and the process goes on.
 */
export class SafeEmitter<Events extends Record<keyof Events, unknown[]>> extends EventEmitter {
  override on<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    super.on(name, asListener(listener));
    this.listenersChanged(name);
    return this;
  }

  override addListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return this.on(name, listener);
  }

  override prependListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    super.prependListener(name, asListener(listener));
    this.listenersChanged(name);
    return this;
  }

  override once<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return super.once(name, asListener(listener));
  }

  override prependOnceListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return super.prependOnceListener(name, asListener(listener));
  }

  override removeListener<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    super.removeListener(name, asListener(listener));
    this.listenersChanged(name);
    return this;
  }

  override off<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => ListenerResult,
  ): this {
    return this.removeListener(name, listener);
  }

  override removeAllListeners(name?: keyof Events & string): this {
    // Node tells by their number whether there are arguments.
    if (name === undefined) super.removeAllListeners();
    else super.removeAllListeners(name);
    this.listenersChanged(name);
    return this;
  }

  /** Listeners of `name` were added or removed; of any name, if it is `undefined`. */
  protected listenersChanged(_name: string | undefined): void {}

  /** Calls the listeners of `name`. What they throw, or reject with, goes to `failed`. */
  protected dispatch<Name extends keyof Events & string>(
    name: Name,
    args: Events[Name],
    failed: (error: unknown) => void,
  ): void {
    if (this.listenerCount(name) === 0) return;
    for (const listener of this.rawListeners(name)) {
      try {
        const result: unknown = Reflect.apply(listener, this, args);
        if (isThenable(result)) result.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}

/** Whether a listener answered with a promise, or something like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
