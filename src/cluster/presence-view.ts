import type { Clock } from '../engine/clock.ts';
import type { Member, MemberList, TopicNodeOwner } from '../server/groups/topic-node.ts';
import type { Channel, MembersRead } from './engine.ts';
import { type MemberChange, readMemberChange } from './envelope.ts';
import type { Interested } from './interest.ts';
import { type MemberRecord, mergeRecords, readMember } from './member-record.ts';
import type { ResolvedPresenceRule } from './rules.ts';

/** How often a view reads the members again, in ms. */
const READ_AGAIN_MS = 60_000;
/** Delay before the members are counted again after a change, where there are too many to list; and after a failed read. */
const COUNT_AGAIN_MS = 1_000;

/** A key, as this node has told its owner. */
interface Seen {
  readonly records: Map<string, MemberRecord>;
  /** The last state of the member with connections. */
  member: Member;
  /** Runs while the member has no connections. */
  grace: unknown;
}

export interface PresenceViewOwner extends Pick<TopicNodeOwner, 'joined' | 'left' | 'counted'> {
  readonly clock: Clock;
  members(topic: string, max: number): Promise<MembersRead>;
  wantInterest(user: Interested): void;
  releaseInterest(user: Interested): void;
  /** Looks which nodes are alive. */
  beat(): void;
  /** Whether the engine knows the node as alive; `undefined` before the first answer. */
  isAlive(node: string): boolean | undefined;
  /** Removes members of a dead node. */
  reap(topic: string, fields: readonly string[]): void;
  closed(view: PresenceView): void;
  fault(error: unknown): void;
}

/**
 * The members of one watched topic. It reads them once, applies the changes, and reads them again every minute and after every
 * reconnect. Each node decides by itself when a member came or left.
 */
export class PresenceView implements Interested {
  readonly channel: Channel;
  readonly #owner: PresenceViewOwner;
  readonly #rule: ResolvedPresenceRule;
  #watchers = 0;
  readonly #seen = new Map<string, Seen>();
  /** When each record was seen first, to tell members of dead nodes from those of new ones. */
  readonly #fields = new Map<
    string,
    { readonly key: string; readonly node: string; readonly seenMs: number }
  >();
  #state: 'new' | 'reading' | 'listed' | 'counted' = 'new';
  /** A read was answered before: differences are events. */
  #isKnown = false;
  #buffered: MemberChange[] = [];
  #count = 0;
  #session = 0;
  #timer: unknown;

  constructor(topic: string, rule: ResolvedPresenceRule, owner: PresenceViewOwner) {
    this.channel = { kind: 'members', topic };
    this.#rule = rule;
    this.#owner = owner;
  }

  watch(): void {
    this.#watchers++;
    this.#owner.wantInterest(this);
  }

  unwatch(): void {
    if (this.#watchers === 0 || --this.#watchers > 0) return;
    this.#owner.releaseInterest(this);
  }

  acknowledged(): void {
    this.#read();
  }

  ended(): void {
    this.#session++;
    this.#owner.clock.clearTimer(this.#timer);
    for (const { grace } of this.#seen.values()) this.#owner.clock.clearTimer(grace);
    this.#owner.closed(this);
  }

  /** Changes are lost from now on, until the interest is acknowledged again. */
  engineDown(): void {
    this.#session++;
    this.#buffered = [];
    this.#owner.clock.clearTimer(this.#timer);
    if (this.#state !== 'new') this.#state = 'reading';
  }

  /** The members, if the view knows them. */
  get list(): MemberList | undefined {
    if (this.#state === 'counted') return { count: this.#count };
    if (this.#state !== 'listed') return undefined;
    const members = [...this.#seen.values()]
      .filter(({ records }) => records.size > 0)
      .map(({ member }) => member);
    return { count: members.length, members };
  }

  arrived(entries: readonly Uint8Array[]): void {
    for (const entry of entries) {
      try {
        const change = readMemberChange(entry);
        if (this.#state === 'listed') this.#apply(change);
        else if (this.#state === 'reading') this.#buffered.push({ ...change, value: change.value?.slice() });
      } catch (error) {
        this.#owner.fault(error);
      }
    }
    if (this.#state === 'counted') this.#readAfter(COUNT_AGAIN_MS);
    // The buffer would only repeat what another read says.
    if (this.#buffered.length > this.#rule.maxMembers + 1_000) this.#read();
    this.#limit();
  }

  /** Drops the members of nodes that were dead when the engine was asked at `askedMs`. */
  nodesAlive(isAlive: (node: string) => boolean, askedMs: number): void {
    const dead: string[] = [];
    for (const [field, { node, seenMs }] of this.#fields)
      if (seenMs < askedMs && !isAlive(node)) dead.push(field);
    if (dead.length === 0) return;
    for (const field of dead) this.#remove(field);
    this.#owner.reap(this.channel.topic, dead);
  }

  #readAfter(delayMs: number): void {
    const { clock } = this.#owner;
    clock.clearTimer(this.#timer);
    this.#timer = clock.setTimer(() => this.#read(), delayMs);
  }

  #read(): void {
    const session = ++this.#session;
    this.#buffered = [];
    if (this.#state !== 'counted') this.#state = 'reading';
    const failed = (error: unknown): void => {
      if (session !== this.#session) return;
      this.#owner.fault(error);
      this.#readAfter(COUNT_AGAIN_MS);
    };
    let answer: Promise<MembersRead>;
    try {
      answer = this.#owner.members(this.channel.topic, this.#rule.maxMembers);
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then((read) => {
      if (session !== this.#session) return;
      this.#answered(read);
      this.#readAfter(READ_AGAIN_MS);
    }, failed);
  }

  #answered({ count, entries }: MembersRead): void {
    if (entries === undefined) return this.#tooMany(count);
    const wasCounted = this.#state === 'counted';
    const isEvent = this.#isKnown && !wasCounted;
    this.#state = 'listed';
    for (const field of this.#fields.keys()) if (!entries.has(field)) this.#remove(field);
    let hasUnknown = false;
    for (const [field, value] of entries) {
      hasUnknown ||= this.#owner.isAlive(field.slice(0, Math.max(0, field.indexOf(' ')))) === false;
      this.#set(field, value, isEvent);
    }
    this.#isKnown = true;
    const changes = this.#buffered;
    this.#buffered = [];
    for (const change of changes) this.#apply(change);
    if (wasCounted) this.#owner.counted(this.channel.topic, this.list!);
    if (hasUnknown) this.#owner.beat();
    this.#limit();
  }

  #apply({ field, value }: MemberChange): void {
    if (value === undefined) this.#remove(field);
    else this.#set(field, value, true);
  }

  #set(field: string, value: Uint8Array, isEvent: boolean): void {
    let record: MemberRecord;
    try {
      record = readMember(field, value);
    } catch (error) {
      return this.#owner.fault(error);
    }
    const { key, node } = record;
    if (!this.#fields.has(field)) this.#fields.set(field, { key, node, seenMs: this.#owner.clock.now() });
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      const member = mergeRecords([record])!;
      this.#seen.set(key, { records: new Map([[field, record]]), member, grace: undefined });
      if (isEvent) this.#owner.joined(this.channel.topic, member);
      return;
    }
    // Back within the grace time: neither a leave nor a join.
    this.#owner.clock.clearTimer(seen.grace);
    seen.grace = undefined;
    seen.records.set(field, record);
    seen.member = mergeRecords(seen.records.values())!;
  }

  #remove(field: string): void {
    const known = this.#fields.get(field);
    if (known === undefined) return;
    this.#fields.delete(field);
    const seen = this.#seen.get(known.key)!;
    seen.records.delete(field);
    const member = mergeRecords(seen.records.values());
    if (member !== undefined) {
      seen.member = member;
      return;
    }
    seen.grace ??= this.#owner.clock.setTimer(() => {
      this.#seen.delete(known.key);
      this.#owner.left(this.channel.topic, { ...seen.member, connections: 0 });
    }, this.#rule.graceMs);
  }

  #limit(): void {
    if (this.#state === 'listed' && this.#fields.size > this.#rule.maxMembers)
      this.#tooMany(this.#fields.size);
  }

  /** From now on only the count is known. */
  #tooMany(count: number): void {
    const isNews = this.#state !== 'counted' || count !== this.#count;
    this.#state = 'counted';
    this.#isKnown = true;
    this.#count = count;
    for (const { grace } of this.#seen.values()) this.#owner.clock.clearTimer(grace);
    this.#seen.clear();
    this.#fields.clear();
    this.#buffered = [];
    if (isNews) this.#owner.counted(this.channel.topic, { count });
  }
}
