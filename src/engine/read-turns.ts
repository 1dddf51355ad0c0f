import { type Guarded, tellFailed } from './guarded.ts';

/** A transport that is read so much at once that others have to wait. */
export interface Reader extends Guarded {
  /** Its next turn has come. */
  readOn(): void;
}

/** Lets every other connection have its turn before a reader goes on. */
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
