import type { Delivery } from '../../connection/owner.ts';
import type { Position } from '../../options/topic-calls.ts';
import { NO_RECIPIENTS } from './broadcast.ts';
import type { Publication } from './follower.ts';
import type { Groups } from './groups.ts';
import type { LocalServer, Member, MemberList, TopicMessage, TopicNodeOwner } from './topic-node.ts';

/** Reports what the node says of its engine. */
export interface EngineReports {
  engineUp(info: { readonly downMs: number; readonly gaps: number }): void;
  engineDown(error: Error): void;
  engineFault(error: Error): void;
  /** Messages of a topic are missing for good. */
  topicLost(topic: string): void;
}

/** Delivers what a topic node has for the connections of its server. */
export class TopicDelivery<UserData> implements TopicNodeOwner {
  readonly local: LocalServer;
  readonly #groups: Groups<UserData>;
  readonly #reports: EngineReports;

  constructor(groups: Groups<UserData>, local: LocalServer, reports: EngineReports) {
    this.local = local;
    this.#groups = groups;
    this.#reports = reports;
  }

  deliver(name: string, messages: readonly TopicMessage[]): Delivery {
    let delivery = NO_RECIPIENTS;
    for (const message of messages) {
      // The last member may leave while a message is delivered.
      const topic = this.#groups.topics.get(name);
      const publication: Publication | undefined = message.publisher;
      if (topic === undefined) delivery = NO_RECIPIENTS;
      else {
        topic.position = message.position;
        delivery = this.#groups.deliver(topic, message, publication?.where);
      }
      publication?.ordered?.(message.position);
    }
    return delivery;
  }

  lost(name: string, position: Position): void {
    this.#reports.topicLost(name);
    const topic = this.#groups.topics.get(name);
    if (topic === undefined) return;
    topic.position = position;
    for (const follower of topic.followers?.values() ?? []) follower.lost(position);
  }

  joined(topic: string, member: Member): void {
    this.#groups.presence.joined(topic, member);
  }

  left(topic: string, member: Member): void {
    this.#groups.presence.left(topic, member);
  }

  counted(topic: string, list: MemberList): void {
    this.#groups.presence.counted(topic, list);
  }

  engineUp(info: { readonly downMs: number; readonly gaps: number }): void {
    this.#reports.engineUp(info);
  }

  engineDown(error: Error): void {
    this.#reports.engineDown(error);
  }

  engineFault(error: Error): void {
    this.#reports.engineFault(error);
  }
}
