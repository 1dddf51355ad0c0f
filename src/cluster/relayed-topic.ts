import type { Delivery } from '../connection/owner.ts';
import type { TopicMessage } from '../server/groups/topic-node.ts';
import type { Channel } from './engine.ts';
import type { DecodedEntry } from './envelope.ts';
import type { Interested } from './interest.ts';
import { SharedMessage } from './tail.ts';

/** The node that the topic belongs to. */
export interface RelayedTopicOwner {
  wantInterest(user: Interested): void;
  releaseInterest(user: Interested): void;
  closed(): void;
  decode(entry: Uint8Array): DecodedEntry | undefined;
  deliver(topic: string, messages: readonly TopicMessage[]): Delivery;
}

/** A topic without history that has, or had until recently, subscribers on this node: it gets the messages of other nodes. */
export class RelayedTopic implements Interested {
  readonly channel: Channel;
  readonly #owner: RelayedTopicOwner;
  #isSubscribed = false;

  constructor(topic: string, owner: RelayedTopicOwner) {
    this.channel = { kind: 'messages', topic };
    this.#owner = owner;
  }

  subscribe(): void {
    this.#isSubscribed = true;
    this.#owner.wantInterest(this);
  }

  unsubscribe(): void {
    this.#isSubscribed = false;
    this.#owner.releaseInterest(this);
  }

  /** Nothing to do: what was published before is not delivered. */
  acknowledged(): void {}

  ended(): void {
    this.#owner.closed();
  }

  arrived(entries: readonly Uint8Array[]): void {
    if (!this.#isSubscribed) return;
    const { topic } = this.channel;
    const messages: TopicMessage[] = [];
    for (const entry of entries) {
      const decoded = this.#owner.decode(entry);
      if (decoded !== undefined)
        messages.push(new SharedMessage(topic, decoded.message, undefined, decoded.except, undefined));
    }
    if (messages.length > 0) this.#owner.deliver(topic, messages);
  }
}
