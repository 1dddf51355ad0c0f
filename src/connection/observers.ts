import type { Observer } from '../observe/observer.ts';

/**
 * The observers of one server or client, called in the order of the list. An owner without observers has no such object, so
 * that an event costs it one comparison.
 */
export class Observers {
  readonly #list: readonly Observer[];

  constructor(list: readonly Observer[]) {
    this.#list = list;
  }

  /** Reports one event to each observer. An observer that throws disturbs neither the next one nor the service. */
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
