/** The clients of one engine that connect or wait to connect, by address: the first connects, the others wait (§4.1). */
export class ConnectTurns {
  readonly #queues = new Map<string, Set<Turn>>();

  /** How many connect or wait now, over all addresses. */
  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.size;
    return size;
  }

  /** @internal */
  enter(turn: Turn): void {
    const queue = this.#queues.get(turn.key);
    if (queue === undefined) {
      this.#queues.set(turn.key, new Set([turn]));
      turn.begin();
    } else queue.add(turn);
  }

  /** @internal */
  leave(turn: Turn): boolean {
    const queue = this.#queues.get(turn.key);
    if (queue === undefined) return false;
    const wasFirst = first(queue) === turn;
    if (!queue.delete(turn)) return false;
    if (queue.size === 0) this.#queues.delete(turn.key);
    else if (wasFirst) {
      first(queue)!.begin();
      return true;
    }
    return false;
  }
}

const first = (queue: ReadonlySet<Turn>): Turn | undefined => queue.values().next().value;

/**
 * A place in the queue of one address and port. One connection at a time is in the state CONNECTING, so that a script cannot
 * make a browser, or a reconnecting client a fleet, connect to one server a thousand times at once.
 */
export class Turn {
  readonly key: string;
  /** @internal */
  readonly begin: () => void;
  readonly #turns: ConnectTurns;

  /** @param begin Called when it is first in the queue; at once, inside {@link take}, if the queue is empty. */
  constructor(turns: ConnectTurns, key: string, begin: () => void) {
    this.#turns = turns;
    this.key = key;
    this.begin = begin;
  }

  take(): void {
    this.#turns.enter(this);
  }

  /**
   * Connected, failed, or given up while waiting: the next one may begin. Later calls do nothing.
   * @returns Whether the next one has begun.
   */
  leave(): boolean {
    return this.#turns.leave(this);
  }
}
