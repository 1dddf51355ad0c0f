import type { ArrivalHeader } from './engine.ts';
import { isName } from './envelope.ts';
import type { OwnBatch } from './publish-queue.ts';

/** Limits of arrivals that are kept during a read. What is beyond them is found as a gap later. */
const MAX_MESSAGES = 1_000;
const MAX_BYTES = 1_048_576;

/** Messages of a topic with history, as the engine delivered them. */
export interface Arrival {
  readonly epoch: string;
  readonly first: number;
  readonly entries: readonly Uint8Array[];
  /** The batch of this node that came back. */
  readonly own: OwnBatch | undefined;
}

/** What arrives for a topic while its history is read. */
export class ArrivalBuffer {
  #arrivals: Arrival[] = [];
  #messages = 0;
  #bytes = 0;

  /** Keeps an arrival, or drops it if the buffer is full. */
  add(arrival: Arrival): void {
    const { entries } = arrival;
    let bytes = 0;
    for (const { length } of entries) bytes += length;
    if (this.#messages + entries.length > MAX_MESSAGES || this.#bytes + bytes > MAX_BYTES) return;
    this.#arrivals.push(arrival);
    this.#messages += entries.length;
    this.#bytes += bytes;
  }

  /** Empties the buffer. @returns What was in it, oldest first. */
  take(): readonly Arrival[] {
    const arrivals = this.#arrivals;
    this.clear();
    return arrivals;
  }

  clear(): void {
    this.#arrivals = [];
    this.#messages = 0;
    this.#bytes = 0;
  }
}

/** An engine passes on what a foreign program may have sent. */
export const isValidHeader = ({ node, seq, epoch, first }: ArrivalHeader): boolean =>
  isName(node) &&
  Number.isSafeInteger(seq) &&
  (epoch === undefined || isName(epoch)) &&
  Number.isSafeInteger(first) &&
  (epoch === undefined ? first === 0 : first >= 1);
