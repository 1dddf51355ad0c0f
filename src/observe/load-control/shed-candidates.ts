import type { Priority } from '../../options/priority.ts';

/** What a connection is judged by. */
export interface ShedFacts {
  readonly priority: Priority;
  /** Bytes that it was sent and has not accepted. */
  readonly bufferedBytes: number;
  /** Time since its last byte arrived, in ms. */
  readonly lastReceivedAgoMs: number;
}

/** The order of shedding. Connections of `critical` have none: they are never shed. */
const RANKS: Readonly<Record<Priority, number | undefined>> = {
  low: 0,
  normal: 1,
  high: 2,
  critical: undefined,
};

interface Candidate<C> {
  readonly connection: C;
  readonly rank: number;
  readonly bufferedBytes: number;
  readonly idleMs: number;
}

type Compared = Omit<Candidate<never>, 'connection'>;

/** Negative if the first is shed before the second. */
const compare = (one: Compared, other: Compared): number =>
  one.rank - other.rank || other.bufferedBytes - one.bufferedBytes || other.idleMs - one.idleMs;

/**
 * Finds the connections that are shed first: of the lowest priority, then with most queued bytes, then with the longest
 * silence. Takes memory for twice as many as wanted, however many are offered.
 */
export class ShedCandidates<C extends ShedFacts> {
  readonly #wanted: number;
  #list: Candidate<C>[] = [];
  /** The last of the wanted, once there are enough: others have to come before it. */
  #last: Compared | undefined;

  /** @param wanted How many to find, from 1. */
  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  offer(connection: C): void {
    const rank = RANKS[connection.priority];
    if (rank === undefined || (this.#last !== undefined && rank > this.#last.rank)) return;
    const { bufferedBytes, lastReceivedAgoMs: idleMs } = connection;
    const facts = { connection, rank, bufferedBytes, idleMs };
    if (this.#last !== undefined && compare(facts, this.#last) >= 0) return;
    this.#list.push(facts);
    if (this.#list.length >= 2 * this.#wanted) this.#cut();
  }

  /** The first ones, in order. */
  chosen(): readonly C[] {
    this.#cut();
    return this.#list.map(({ connection }) => connection);
  }

  #cut(): void {
    // Sorting is stable: of equal connections, the older one is shed first.
    this.#list = this.#list.sort(compare).slice(0, this.#wanted);
    if (this.#list.length === this.#wanted) this.#last = this.#list.at(-1);
  }
}
