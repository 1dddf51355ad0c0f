/** Those who want to connect to one address: the first does, the others wait (§4.1). */
const queues = new Map<string, Set<Turn>>();

/**
 * A place among those who connect to the same address and port. One connection at a time is in the state CONNECTING, so
 * that a script cannot make a browser, or a reconnecting client a fleet, knock on one door a thousand times at once.
 */
export class Turn {
  readonly #key: string;
  readonly #begin: () => void;

  /** @param begin Called when it is its turn; at once, inside {@link take}, if nobody is before it. */
  constructor(key: string, begin: () => void) {
    this.#key = key;
    this.#begin = begin;
  }

  take(): void {
    const queue = queues.get(this.#key);
    if (queue === undefined) {
      queues.set(this.#key, new Set([this]));
      this.#begin();
    } else queue.add(this);
  }

  /** Connected, failed, or given up while waiting: the next may begin. Later calls do nothing. */
  leave(): void {
    const queue = queues.get(this.#key);
    if (queue === undefined) return;
    const wasFirst = first(queue) === this;
    if (!queue.delete(this)) return;
    if (queue.size === 0) queues.delete(this.#key);
    else if (wasFirst) first(queue)!.#begin();
  }
}

const first = (queue: ReadonlySet<Turn>): Turn | undefined => queue.values().next().value;

/** How many connect or wait now, over all addresses. @internal */
export function turnCount(): number {
  let count = 0;
  for (const queue of queues.values()) count += queue.size;
  return count;
}
