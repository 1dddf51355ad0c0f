/** A member of a room. */
export interface Person {
  /** Public id, chosen by the server. */
  readonly id: string;
  readonly name: string;
}

/** A message in a room. */
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

/** Number of past messages that a new member receives. */
export const HISTORY = 50;

/** A room: its members and its latest messages. `Member` is the connection of a user. */
export class Room<Member> {
  readonly name: string;
  /** Changes when a room of the same name is created again and message numbers restart. */
  readonly epoch: string;
  /** Members by session. */
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
   * Adds a member. If the session is in the room already, the new member replaces the old one and keeps its id and name.
   * @param id Id for a session that is not in the room.
   * @returns The user, and the replaced member if there is one.
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

  /** @returns The member that left; `undefined` if another member has replaced it. */
  leave(session: string, member: Member): Person | undefined {
    const place = this.#people.get(session);
    if (place?.member !== member) return undefined;
    this.#people.delete(session);
    return place.person;
  }

  /** @returns The message, and whether it is new. A resent message is not added again. */
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
