import type { Position } from '../../options/topic-calls.ts';
import type { Follower } from './follower.ts';

export type { Position } from '../../options/topic-calls.ts';

/** Up to this many members are in an array. A longer array would be slow to search. */
const MAX_LISTED = 16;

/**
 * A topic and its members, in the order of subscribing. It exists from its first member to its last.
 *
 * Most topics have few members. They are a list, which is replaced and never changed: a set takes 100 to 340 bytes more.
 */
export class Topic<Member extends object> {
  readonly name: string;
  /** Position of the last message that was delivered; `undefined` before the first one, and without history. */
  position: Position | undefined = undefined;
  /** Members that get messages in a form of their own; `undefined` without any. */
  followers: Map<Member, Follower> | undefined = undefined;
  #members: readonly Member[] | Set<Member>;

  constructor(name: string, first: Member) {
    this.name = name;
    this.#members = [first];
  }

  get size(): number {
    const members = this.#members;
    return members instanceof Set ? members.size : members.length;
  }

  has(member: Member): boolean {
    const members = this.#members;
    return members instanceof Set ? members.has(member) : members.includes(member);
  }

  /** @param member Not a member yet. */
  add(member: Member): void {
    const members = this.#members;
    if (members instanceof Set) members.add(member);
    else if (members.length < MAX_LISTED) this.#members = members.toSpliced(members.length, 0, member);
    else this.#members = new Set(members).add(member);
  }

  /** @param member A member. @param follower Gets its messages instead. */
  follow(member: Member, follower: Follower): void {
    (this.followers ??= new Map()).set(member, follower);
  }

  delete(member: Member): void {
    if (this.followers?.delete(member) === true && this.followers.size === 0) this.followers = undefined;
    const members = this.#members;
    if (members instanceof Set) members.delete(member);
    else this.#members = members.toSpliced(members.indexOf(member), 1);
  }

  /** The members, to publish to: for one loop, during which members may join and leave. */
  get recipients(): Iterable<Member> {
    return this.#members;
  }

  /** The members, live. Makes a set of a list. */
  get members(): ReadonlySet<Member> {
    const members = this.#members;
    if (members instanceof Set) return members;
    return (this.#members = new Set(members));
  }
}
