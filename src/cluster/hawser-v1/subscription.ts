import type { Position } from '../../options/topic-calls.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { Follower } from '../../server/groups/follower.ts';
import type { TopicMessage } from '../../server/groups/topic-node.ts';
import type { Operations } from './operations.ts';
import { messageFrame, positionFields, presenceFrame, resumedRunOf } from './server-frame.ts';

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
  /** The application subscribed the client, which does not know the epoch yet. */
  #lacksPosition = false;
  /** A change of the members was dropped, so the client has to get all of them. */
  #lacksMembers = false;
  #readsMembers = false;
  /** Counts changes of the members. */
  #changes = 0;

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
    const { position } = message;
    if (this.#lacksPosition && position !== undefined)
      this.lost({ epoch: position.epoch, offset: position.offset - 1 });
    message.wireFrame ??= messageFrame(message);
    if (this.#operations.driver.sendPrepared(message.wireFrame)) return true;
    if (position !== undefined) this.#missingTo = position;
    return false;
  }

  lost(position: Position): void {
    this.#missingTo = undefined;
    this.#lacksPosition = false;
    const { epoch, offset } = position;
    this.#operations.send({ op: 'lost', topic: this.topic, epoch, offset });
  }

  dropped(position: Position | undefined): void {
    this.#missingTo = position ?? this.#missingTo;
    this.#lacksMembers = this.isWatching;
  }

  drained(): void {
    if ((this.#missingTo === undefined && !this.#lacksMembers) || this.#isFull) return;
    if (this.#missingTo !== undefined) this.lost(this.#missingTo);
    if (this.#lacksMembers) this.#readMembers();
  }

  /**
   * Sends `lost` with the position, as soon as it is known: the application subscribed the client, which has no `ok` that says
   * where the stream begins.
   */
  tellPosition(): void {
    const { driver, host } = this.#operations;
    if (!host.node.hasHistory(this.topic)) return;
    this.#lacksPosition = true;
    host.node.resume(this.topic, undefined, {
      runOf: resumedRunOf,
      resumed: ({ position }, sent) => {
        const isCurrent = host.groups.topics.followerOf(driver, this.topic) === this;
        if (isCurrent && this.#lacksPosition) this.lost(position);
        sent();
      },
      // The first message tells it.
      failed: () => {},
    });
  }

  /** The members have changed, and the client watches them. @param frame Says how. */
  membersChanged(frame: PreparedMessage): void {
    this.#changes++;
    this.drained();
    // All members follow later: a change before them says nothing.
    if (this.#lacksMembers) return;
    if (!this.#operations.driver.sendPrepared(frame)) this.#lacksMembers = true;
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

  #readMembers(): void {
    if (this.#readsMembers) return;
    this.#readsMembers = true;
    const operations = this.#operations;
    const changes = this.#changes;
    operations.host.node.members(this.topic).then(
      (list) => {
        this.#readsMembers = false;
        if (operations.isOver || !this.isWatching || this.#isFull) return;
        if (changes !== this.#changes) {
          this.#readMembers();
          return;
        }
        this.#lacksMembers = false;
        operations.send(presenceFrame(this.topic, list));
      },
      // The next change or message tries again.
      () => {
        this.#readsMembers = false;
      },
    );
  }

  /** A `lost` now would be followed by more dropped messages. */
  get #isFull(): boolean {
    const { driver } = this.#operations;
    return driver.bufferedBytes >= driver.owner.settings.maxBufferedBytes;
  }
}
