import { EventEmitter } from 'node:events';

type Listener<Target, Events, E extends keyof Events> = Events[E] extends readonly unknown[]
  ? (this: Target, ...args: Events[E]) => void
  : never;
type AnyListener<Target> = (this: Target, ...args: never[]) => void;

/** An emitter of Node whose methods know the arguments of each event. Other names are accepted. */
export interface TypedEmitter<Events> extends EventEmitter {
  on<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  on(event: string | symbol, listener: AnyListener<this>): this;
  once<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  once(event: string | symbol, listener: AnyListener<this>): this;
  off<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  off(event: string | symbol, listener: AnyListener<this>): this;
  addListener<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  addListener(event: string | symbol, listener: AnyListener<this>): this;
  removeListener<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  removeListener(event: string | symbol, listener: AnyListener<this>): this;
  prependListener<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  prependListener(event: string | symbol, listener: AnyListener<this>): this;
  prependOnceListener<E extends keyof Events>(event: E, listener: Listener<this, Events, E>): this;
  prependOnceListener(event: string | symbol, listener: AnyListener<this>): this;
}

/** Node's class, with these types. */
export const WsEmitter = EventEmitter as unknown as new <Events>() => TypedEmitter<Events>;

/**
 * Answers `value instanceof Asked`, where `Asked` is `Branded` or a subclass of it. Objects of `Branded` have the property
 * `brand`, in every copy of this library that the process has loaded. An object of a subclass is one of this copy only.
 */
export function isInstance(Asked: unknown, Branded: unknown, brand: symbol, value: unknown): boolean {
  if (Asked !== Branded) return Reflect.apply(Function.prototype[Symbol.hasInstance], Asked, [value]);
  return typeof value === 'object' && value !== null && brand in value;
}
