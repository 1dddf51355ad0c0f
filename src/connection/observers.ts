import type { Observer } from '../observe/observer.ts';

/**
 * The observers of one server or client, called in order. An owner without observers has no such object, so an event
 * costs it one comparison.
 */
export class Observers {
  #list: readonly Observer[];

  constructor(list: readonly Observer[]) {
    this.#list = list;
  }

  /** Adds an observer, from the next event on. */
  add(observer: Observer): void {
    this.#list = [...this.#list, observer];
  }

  /** Removes an observer that was added. */
  remove(observer: Observer): void {
    this.#list = this.#list.filter((other) => other !== observer);
  }

  /** Reports one event to each observer. A throwing observer affects neither the next observer nor the connection. */
  tell<Event extends keyof Observer>(event: Event, ...args: Parameters<NonNullable<Observer[Event]>>): void {
    for (const observer of this.#list) {
      try {
        const method = observer[event] as ((...given: typeof args) => void) | undefined;
        method?.apply(observer, args);
      } catch {
        // An observer may write to a logger that throws, and there is no other place to report that.
      }
    }
  }
}
