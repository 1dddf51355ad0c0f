import type { Position } from '../../options/topic-calls.ts';
import type { Follower } from '../../server/groups/follower.ts';
import type { TopicMessage } from '../../server/groups/topic-node.ts';
import type { Operations } from './operations.ts';
import { messageFrame, positionFields } from './server-frame.ts';

/** A client of `hawser.v1` that is subscribed to one topic. */
export class Subscription<UserData> implements Follower {
  readonly topic: string;
  /** The client gets `join` and `leave`. */
  isWatching = false;
  /** The subscription made the connection a member. */
  isMember = false;
  readonly #operations: Operations<UserData>;
  readonly #revoked: (subscription: Subscription<UserData>) => void;
  /** Messages up to here were dropped, and the client does not know it yet. */
  #missingTo: Position | undefined;

  /** @param revoked Called when the application ended the subscription. */
  constructor(
    operations: Operations<UserData>,
    topic: string,
    revoked: (subscription: Subscription<UserData>) => void,
  ) {
    this.#operations = operations;
    this.topic = topic;
    this.#revoked = revoked;
  }

  deliver(message: TopicMessage): boolean {
    this.drained();
    message.wireFrame ??= messageFrame(message);
    if (this.#operations.driver.sendPrepared(message.wireFrame)) return true;
    if (message.position !== undefined) this.dropped(message.position);
    return false;
  }

  lost(position: Position): void {
    this.#missingTo = undefined;
    const { epoch, offset } = position;
    this.#operations.send({ op: 'lost', topic: this.topic, epoch, offset });
  }

  dropped(position: Position): void {
    this.#missingTo = position;
  }

  drained(): void {
    if (this.#missingTo === undefined || this.#isFull) return;
    this.lost(this.#missingTo);
  }

  unsubscribed(): void {
    this.#revoked(this);
  }

  /** The fields of an `ok` that says where the subscription is now. */
  get position(): object {
    const { groups, node } = this.#operations.host;
    if (!node.hasHistory(this.topic)) return {};
    const position = groups.topics.get(this.topic)?.position;
    return { recovered: false, ...positionFields(position), missed: 0 };
  }

  /** A `lost` now would be followed by more dropped messages. */
  get #isFull(): boolean {
    const { driver } = this.#operations;
    return driver.bufferedBytes >= driver.owner.settings.maxBufferedBytes;
  }
}
