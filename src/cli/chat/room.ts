/** Somebody in a room. */
export interface Person {
  /** For everybody to know; chosen by the server. */
  readonly id: string;
  readonly name: string;
}

/** Something said in a room. */
export interface Saying {
  readonly type: 'message';
  /** Counts up within the room. */
  readonly seq: number;
  readonly from: string;
  readonly name: string;
  readonly text: string;
  /** Wall time, as ISO 8601. */
  readonly at: string;
  readonly ref: string;
}

/** How much of what was said newcomers see. */
export const HISTORY = 50;

/** A room: who is there, and what was said last. `Member` is what stands for a person's connection. */
export class Room<Member> {
  readonly name: string;
  /** Differs when a room of the same name begins anew, and with it the numbers of what is said. */
  readonly epoch: string;
  /** By session: what the others know, and what they do not. */
  readonly #people = new Map<string, { readonly person: Person; member: Member }>();
  readonly #history: Saying[] = [];
  #seq = 0;

  constructor(name: string, epoch: string) {
    this.name = name;
    this.epoch = epoch;
  }

  get isEmpty(): boolean {
    return this.#people.size === 0;
  }

  people(): Person[] {
    return [...this.#people.values()].map(({ person }) => person);
  }

  history(): readonly Saying[] {
    return this.#history;
  }

  /**
   * Lets somebody in. Who comes back with the same session takes the place over from the member that is returned.
   * @param id For a newcomer.
   */
  enter(
    session: string,
    name: string,
    member: Member,
    id: string,
  ): { readonly person: Person; readonly replaced?: Member } {
    const place = this.#people.get(session);
    if (place === undefined) {
      const person = { id, name: this.#freeName(name) };
      this.#people.set(session, { person, member });
      return { person };
    }
    const { person, member: before } = place;
    place.member = member;
    return before === member ? { person } : { person, replaced: before };
  }

  /** @returns Who left; `undefined` if the place is another member's by now. */
  leave(session: string, member: Member): Person | undefined {
    const place = this.#people.get(session);
    if (place?.member !== member) return undefined;
    this.#people.delete(session);
    return place.person;
  }

  /** @returns What was said, and whether it is new: a message that is sent again is found instead of said twice. */
  say(session: string, text: string, ref: string, at: string): { said: Saying; isNew: boolean } | undefined {
    const person = this.#people.get(session)?.person;
    if (person === undefined) return undefined;
    const again = this.#history.find((said) => said.from === person.id && said.ref === ref);
    if (again !== undefined) return { said: again, isNew: false };
    const { id: from, name } = person;
    const said: Saying = { type: 'message', seq: ++this.#seq, from, name, text, at, ref };
    this.#history.push(said);
    if (this.#history.length > HISTORY) this.#history.shift();
    return { said, isNew: true };
  }

  #freeName(wanted: string): string {
    const taken = new Set(this.people().map(({ name }) => name.toLowerCase()));
    let name = wanted;
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${wanted} ${i}`;
    return name;
  }
}
