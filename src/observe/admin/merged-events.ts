import type { AdminEvent } from './snapshot.ts';

const MAX_EVENTS = 100;

/** The events of several servers in the order in which this process learned of them, with numbers of their own. */
export class MergedEvents {
  readonly #events: AdminEvent[] = [];
  /** The last number of each source. */
  readonly #seen = new Map<string, number>();
  #number = 0;

  get events(): readonly AdminEvent[] {
    return [...this.#events];
  }

  /**
   * @param source Names one run of one server: after a restart, its events have the same numbers again.
   * @param prefix Begins each text.
   */
  add(source: string, prefix: string, events: readonly AdminEvent[]): void {
    const last = this.#seen.get(source) ?? 0;
    for (const event of events) {
      if (event.number <= last) continue;
      this.#events.push({ ...event, number: ++this.#number, text: `${prefix}${event.text}` });
    }
    this.#seen.set(source, events.at(-1)?.number ?? last);
    this.#events.splice(0, this.#events.length - MAX_EVENTS);
  }

  /** The source has ended. */
  forget(source: string): void {
    this.#seen.delete(source);
  }
}
