/** Items up to this many are not worth a copy. */
const COMPACT_FROM = 32;

/** A queue whose `shift` takes constant time on average; that of an array moves every item. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** The oldest item. */
  get first(): Item | undefined {
    return this.#items[this.#head];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Removes and returns the oldest item. */
  shift(): Item | undefined {
    const items = this.#items;
    const item = items[this.#head];
    if (item === undefined) return undefined;
    items[this.#head++] = undefined;
    if (this.#head === items.length) {
      items.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 >= items.length) {
      this.#items = items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The item at a place; 0 is the oldest. */
  at(place: number): Item | undefined {
    return this.#items[this.#head + place];
  }

  /** Copies the items from a place on, oldest first. */
  from(place: number): Item[] {
    return this.#items.slice(this.#head + place) as Item[];
  }

  /** Removes the items for which `isKept` is false. */
  keep(isKept: (item: Item) => boolean): void {
    this.#items = this.from(0).filter(isKept);
    this.#head = 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
