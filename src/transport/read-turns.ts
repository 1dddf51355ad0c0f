/** Somebody who reads so much at once that others have to wait. */
export interface Reader {
  /** Its next turn has come. */
  readOn(): void;
}

let waiting: Reader[] = [];

/** Lets everybody else have their turn before `reader` goes on. */
export function readNextTurn(reader: Reader): void {
  if (waiting.push(reader) === 1) setImmediate(nextTurn);
}

function nextTurn(): void {
  const readers = waiting;
  waiting = [];
  for (const reader of readers) reader.readOn();
}
