/** The names that are taken in each room. Two users of a room never have one name. */
export class Names<Member extends object> {
  /** By topic, then by the key of a user. */
  readonly #rooms = new Map<string, Map<string, { readonly name: string; readonly members: Set<Member> }>>();

  /**
   * Gives a user a name in a room: the wanted one, with a number if it is taken. A user keeps the name while a member is there.
   * @param elsewhere Names of users on other servers, by key.
   */
  take(
    topic: string,
    key: string,
    wanted: string,
    member: Member,
    elsewhere: ReadonlyMap<string, string> = new Map(),
  ): string {
    const room = this.#rooms.get(topic) ?? new Map();
    this.#rooms.set(topic, room);
    const known = room.get(key);
    if (known !== undefined) {
      known.members.add(member);
      return known.name;
    }
    const taken = new Set([...room.values()].map(({ name }) => name.toLowerCase()));
    for (const [other, name] of elsewhere) if (other !== key) taken.add(name.toLowerCase());
    let name = elsewhere.get(key) ?? wanted;
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${wanted} ${i}`;
    room.set(key, { name, members: new Set([member]) });
    return name;
  }

  /** The name of a user in a room; `undefined` if the member is not there. */
  of(topic: string, key: string, member: Member): string | undefined {
    const known = this.#rooms.get(topic)?.get(key);
    return known?.members.has(member) === true ? known.name : undefined;
  }

  /** A member has left a room. The name of its user is free after the last one. */
  leave(topic: string, key: string, member: Member): void {
    const room = this.#rooms.get(topic);
    const known = room?.get(key);
    if (room === undefined || known === undefined || !known.members.delete(member)) return;
    if (known.members.size === 0) room.delete(key);
    if (room.size === 0) this.#rooms.delete(topic);
  }
}
