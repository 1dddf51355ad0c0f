/** Between two labels in a key. No label contains it. */
const BETWEEN = ' ';

/** Values by their labels. */
export type Labelled = readonly (readonly [labels: readonly string[], value: number])[];

/** A counter with labels of bounded sets. */
export class LabelledCounter {
  readonly #counts = new Map<string, number>();

  /** @param known Labels that are shown from the start, with 0, so that the first event is seen as an increase. */
  constructor(known: readonly string[] = []) {
    for (const key of known) this.#counts.set(key, 0);
  }

  /** @param labels One label, or several that {@link labelled} has joined. */
  add(labels: string, by = 1): void {
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + by);
  }

  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  read(): Labelled {
    return [...this.#counts].map(([key, value]) => [key.split(BETWEEN), value]);
  }

  /** The sums by what `fold` makes of the labels. */
  folded(fold: (labels: readonly string[]) => string): LabelledCounter {
    const folded = new LabelledCounter();
    for (const [labels, value] of this.read()) folded.add(fold(labels), value);
    return folded;
  }

  /** The sums by the label at one position; a record without a prototype. */
  by(at: number): Record<string, number> {
    const record = Object.create(null) as Record<string, number>;
    for (const [labels, value] of this.folded((all) => all[at]!).read()) record[labels[0]!] = value;
    return record;
  }
}

/** Joins the labels of one event. */
export const labelled = (...labels: readonly string[]): string => labels.join(BETWEEN);
