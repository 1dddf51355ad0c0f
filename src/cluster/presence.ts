import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError } from '../protocol/errors.ts';
import type { MemberList, TopicNodeOwner } from '../server/groups/topic-node.ts';
import type { Engine } from './engine.ts';
import type { Interested } from './interest.ts';
import { type MemberRecord, mergeAll, readMember } from './member-record.ts';
import { OwnMembers } from './own-members.ts';
import { PresenceView } from './presence-view.ts';
import { type ResolvedPresenceRule, Rules } from './rules.ts';

const REAP_CHUNK = 64;

/** The node that the presence belongs to. */
export interface PresenceOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly nodeId: string;
  readonly server: TopicNodeOwner;
  isUp(): boolean;
  wantInterest(user: Interested): void;
  releaseInterest(user: Interested): void;
  /** Asks the engine which nodes are alive; the answer comes through {@link Presence.nodesAlive}. */
  beat(): Promise<void>;
  wake(): void;
  fault(error: unknown): void;
}

/** Who is in the topics with presence: the members of this node, and the views of watched topics. */
export class Presence {
  readonly #rules: Rules<ResolvedPresenceRule>;
  readonly #engine: Engine;
  readonly #owner: PresenceOwner;
  readonly #own: OwnMembers;
  readonly #views = new Map<string, PresenceView>();
  /** `undefined` before the engine has told. Alone, it never tells. */
  #alive: ReadonlySet<string> | undefined;

  constructor(rules: readonly ResolvedPresenceRule[], engine: Engine, owner: PresenceOwner) {
    this.#rules = new Rules(rules, (error) => owner.fault(error));
    this.#engine = engine;
    this.#owner = owner;
    this.#own = new OwnMembers({
      nodeId: owner.nodeId,
      clock: owner.clock,
      random: owner.random,
      enter: async (topic, members) => engine.enter(topic, members),
      leave: async (topic, fields) => engine.leave(topic, fields),
      wake: () => owner.wake(),
      fault: (error) => owner.fault(error),
    });
  }

  has(topic: string): boolean {
    return this.#rules.of(topic) !== undefined;
  }

  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    if (this.has(topic)) this.#own.enter(topic, connectionId, key, info);
  }

  leave(topic: string, connectionId: string): void {
    this.#own.leave(topic, connectionId);
  }

  async members(topic: string): Promise<MemberList> {
    const rule = this.#rules.of(topic);
    if (rule === undefined) return { count: 0, members: [] };
    const known = this.#views.get(topic)?.list;
    if (known !== undefined) return known;
    if (!this.#owner.isUp()) throw new EngineError('ERR_ENGINE_DOWN');
    // Members that came in this turn are in the answer.
    this.#own.flush();
    const { count, entries } = await this.#engine.members(topic, rule.maxMembers);
    if (entries === undefined) return { count };
    const records: MemberRecord[] = [];
    for (const [field, value] of entries) {
      try {
        records.push(readMember(field, value));
      } catch (error) {
        this.#owner.fault(error);
      }
    }
    if (records.some(({ node }) => this.#isAlive(node) === false)) await this.#owner.beat();
    const members = mergeAll(records.filter(({ node }) => this.#isAlive(node) !== false));
    return { count: members.length, members };
  }

  watch(topic: string): void {
    const rule = this.#rules.of(topic);
    if (rule === undefined) return;
    let view = this.#views.get(topic);
    if (view === undefined) {
      view = this.#view(topic, rule);
      this.#views.set(topic, view);
    }
    view.watch();
  }

  unwatch(topic: string): void {
    this.#views.get(topic)?.unwatch();
  }

  arrived(topic: string, entries: readonly Uint8Array[]): void {
    this.#views.get(topic)?.arrived(entries);
  }

  online(): void {
    this.#own.online();
  }

  offline(): void {
    this.#own.offline();
    for (const view of this.#views.values()) view.engineDown();
  }

  flush(): void {
    this.#own.flush();
  }

  /** Removes the members of this node, and announces no new ones. Never rejects. */
  stop(): Promise<void> {
    return this.#own.stop();
  }

  /** @param isLate The entry of this node had expired: other nodes have dropped its members. */
  nodesAlive(nodes: ReadonlySet<string>, askedMs: number, isLate: boolean): void {
    this.#alive = nodes;
    if (isLate) this.#own.online();
    for (const view of this.#views.values())
      view.nodesAlive((node) => this.#isAlive(node) !== false, askedMs);
  }

  #isAlive(node: string): boolean | undefined {
    if (node === this.#owner.nodeId) return true;
    return this.#alive?.has(node);
  }

  #view(topic: string, rule: ResolvedPresenceRule): PresenceView {
    const owner = this.#owner;
    return new PresenceView(topic, rule, {
      clock: owner.clock,
      joined: (name, member) => owner.server.joined(name, member),
      left: (name, member) => owner.server.left(name, member),
      counted: (name, list) => owner.server.counted(name, list),
      members: (name, max) => this.#engine.members(name, max),
      wantInterest: (user) => owner.wantInterest(user),
      releaseInterest: (user) => owner.releaseInterest(user),
      beat: () => void owner.beat(),
      isAlive: (node) => this.#isAlive(node),
      reap: (name, fields) => this.#reap(name, fields),
      closed: () => this.#views.delete(topic),
      fault: (error) => owner.fault(error),
    });
  }

  #reap(topic: string, fields: readonly string[]): void {
    if (!this.#owner.isUp()) return;
    for (let at = 0; at < fields.length; at += REAP_CHUNK)
      this.#engine
        .leave(topic, fields.slice(at, at + REAP_CHUNK))
        .catch((error: unknown) => this.#owner.fault(error));
  }
}
