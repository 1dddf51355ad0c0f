import { type Guarded, tellFailed } from './guarded.ts';

/** A transport with so much input that it has to yield to others. */
export interface Reader extends Guarded {
  /** Called when it may read again. */
  readOn(): void;
}

/** Lets readers yield to every other connection before they continue. */
export class ReadTurns {
  #waiting: Reader[] = [];
  readonly #nextTurn = (): void => this.#turn();

  /** Calls `reader` in the next turn of the event loop. */
  add(reader: Reader): void {
    if (this.#waiting.push(reader) === 1) setImmediate(this.#nextTurn);
  }

  #turn(): void {
    const readers = this.#waiting;
    this.#waiting = [];
    for (const reader of readers) {
      try {
        reader.readOn();
      } catch (error) {
        tellFailed(reader, error);
      }
    }
  }
}
