import type { DriverOf } from '../../connection/connection.ts';
import type { EnterOptions } from '../../options/topic-calls.ts';
import { checkTopic } from '../../options/topic-name.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { Member, MemberList, TopicNode } from './topic-node.ts';

/** Most topics that one connection is a member of. */
const MAX_TOPICS = 16;

/** Hears of the members of topics that it watches. Does not throw. */
export interface PresenceWatcher {
  joined(topic: string, member: Member): void;
  left(topic: string, member: Member): void;
  /** The members as they are now; without `members`, `joined` and `left` stop. */
  counted(topic: string, list: MemberList): void;
}

/** Which connections are members of which topics, and who watches the members. */
export class TopicPresence<UserData> {
  readonly #node: TopicNode | undefined;
  readonly #entered = new Map<DriverOf<UserData>, Set<string>>();
  readonly #watchers = new Map<string, Set<PresenceWatcher>>();

  constructor(node: TopicNode | undefined) {
    this.#node = node;
  }

  /** @returns `false` if the connection is not open, or over its limit. @throws MisuseError `ERR_ARGUMENT` without presence. */
  enter(driver: DriverOf<UserData>, topic: string, options: EnterOptions | undefined): boolean {
    const node = this.nodeOf('connection.enter', topic);
    if (driver.state !== 'open') return false;
    let topics = this.#entered.get(driver);
    if (topics?.has(topic) !== true) {
      if (topics === undefined) this.#entered.set(driver, (topics = new Set()));
      if (topics.size >= MAX_TOPICS) return false;
      topics.add(topic);
    }
    node.enter(topic, driver.id, options?.key ?? driver.id, options?.info);
    return true;
  }

  leave(driver: DriverOf<UserData>, topic: string): boolean {
    checkTopic(topic);
    const topics = this.#entered.get(driver);
    if (topics?.delete(topic) !== true) return false;
    if (topics.size === 0) this.#entered.delete(driver);
    this.#node!.leave(topic, driver.id);
    return true;
  }

  /** The connection is closed. */
  leaveAll(driver: DriverOf<UserData>): void {
    const topics = this.#entered.get(driver);
    if (topics === undefined) return;
    this.#entered.delete(driver);
    for (const topic of topics) this.#node!.leave(topic, driver.id);
  }

  /** @returns Whether it is new. @throws MisuseError `ERR_ARGUMENT` without presence. */
  watch(topic: string, watcher: PresenceWatcher): boolean {
    const node = this.nodeOf('server.watch', topic);
    let watchers = this.#watchers.get(topic);
    if (watchers?.has(watcher) === true) return false;
    if (watchers === undefined) this.#watchers.set(topic, (watchers = new Set()));
    watchers.add(watcher);
    node.watch(topic);
    return true;
  }

  unwatch(topic: string, watcher: PresenceWatcher): boolean {
    const watchers = this.#watchers.get(topic);
    if (watchers?.delete(watcher) !== true) return false;
    if (watchers.size === 0) this.#watchers.delete(topic);
    this.#node!.unwatch(topic);
    return true;
  }

  joined(topic: string, member: Member): void {
    for (const watcher of this.#watchers.get(topic) ?? []) watcher.joined(topic, member);
  }

  left(topic: string, member: Member): void {
    for (const watcher of this.#watchers.get(topic) ?? []) watcher.left(topic, member);
  }

  counted(topic: string, list: MemberList): void {
    for (const watcher of this.#watchers.get(topic) ?? []) watcher.counted(topic, list);
  }

  /** @throws MisuseError `ERR_ARGUMENT` for a name that is no topic, and for a topic without presence. */
  nodeOf(call: string, topic: string): TopicNode {
    checkTopic(topic);
    if (this.#node?.hasPresence(topic) === true) return this.#node;
    throw new MisuseError(
      'ERR_ARGUMENT',
      `${call}: topic ${JSON.stringify(topic)} has no presence; add a rule to the option presence that matches it`,
    );
  }
}
