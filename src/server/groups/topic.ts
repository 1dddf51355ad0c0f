import { Buffer } from 'node:buffer';
import { MisuseError } from '../../protocol/errors.ts';

/** Longest topic name, in bytes of UTF-8. */
const MAX_TOPIC_BYTES = 256;
/** Control characters and lone surrogates, which UTF-8 cannot encode. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/** @throws MisuseError `ERR_ARGUMENT` unless `topic` is 1 to 256 bytes of UTF-8 without control characters. */
export function checkTopic(topic: unknown): asserts topic is string {
  const fault = topicFault(topic);
  if (fault !== undefined) throw new MisuseError('ERR_ARGUMENT', `a topic ${fault}`);
}

function topicFault(topic: unknown): string | undefined {
  if (typeof topic !== 'string') return `must be a string, not ${topic === null ? 'null' : typeof topic}`;
  if (topic === '') return 'must not be empty';
  // A UTF-16 unit takes at most 3 bytes of UTF-8, so short names need no count.
  if (topic.length * 3 > MAX_TOPIC_BYTES) {
    if (topic.length > MAX_TOPIC_BYTES)
      return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${topic.length} or more`;
    const bytes = Buffer.byteLength(topic);
    if (bytes > MAX_TOPIC_BYTES) return `must be at most ${MAX_TOPIC_BYTES} bytes, not ${bytes}`;
  }
  return UNFIT.test(topic) ? 'must not contain control characters or lone surrogates' : undefined;
}

/** The position of a message among those of its topic. */
export interface Position {
  /** Names one numbering. Offsets of different epochs cannot be compared. */
  readonly epoch: string;
  /** Whole number from 1; 0 is the position before the first message. */
  readonly offset: number;
}

/** Up to this many members are in an array. A longer array would be slow to search. */
const MAX_LISTED = 16;

/**
 * A topic and its members, in the order of subscribing. It exists from its first member to its last.
 *
 * Most topics have few members. They are a list, which is replaced and never changed: a set takes 100 to 340 bytes more.
 */
export class Topic<Member extends object> {
  readonly name: string;
  /** Position of the last message that the relay delivered; `undefined` if the relay numbers no messages. */
  position: Position | undefined = undefined;
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

  delete(member: Member): void {
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
