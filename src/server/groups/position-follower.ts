import { Buffer } from 'node:buffer';
import type { DriverOf } from '../../connection/connection.ts';
import type { Position, SubscribeFromOptions } from '../../options/topic-calls.ts';
import { PreparedRun } from '../../protocol/outgoing/prepared-run.ts';
import type { Message } from '../../protocol/payload.ts';
import type { Follower } from './follower.ts';
import type { Missed, TopicMessage } from './topic-node.ts';

/** The frames of missed messages for subscribers that speak a protocol of the application. */
export const plainRunOf = (missed: Missed): PreparedRun =>
  (missed.plainRun ??= new PreparedRun(missed.messages.map(({ message }) => message)));

/** A subscription of `connection.subscribeFrom`: its messages go to the peer as they are, or to the application. */
export class PositionFollower<UserData> implements Follower {
  readonly #driver: DriverOf<UserData>;
  readonly #options: SubscribeFromOptions | undefined;
  /** Messages up to here may be missing, and that was not reported yet. */
  #missingTo: Position | undefined;
  #isOver = false;

  constructor(driver: DriverOf<UserData>, options: SubscribeFromOptions | undefined) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Sends the messages that were published before the subscription began, in one write. @param run As {@link plainRunOf}. */
  deliverMissed(missed: readonly TopicMessage[], run: PreparedRun | undefined): void {
    // The application may unsubscribe, or end the connection, while it gets an event or a message.
    const isOver = (): boolean => this.#isOver || this.#driver.state === 'closed';
    if (this.#options?.deliver === undefined) {
      if (run !== undefined && !isOver()) this.#driver.sendRun(run);
      return;
    }
    for (const message of missed) {
      if (isOver()) return;
      this.deliver(message);
    }
  }

  deliver(message: TopicMessage): boolean {
    const driver = this.#driver;
    const position = message.position!;
    const hand = this.#options?.deliver;
    if (hand !== undefined) {
      this.#call(() => hand(this.#received(message), position), 'deliver');
      return true;
    }
    this.drained();
    if (driver.sendPrepared(message.message)) return true;
    this.dropped(position);
    return false;
  }

  lost(position: Position): void {
    this.#missingTo = undefined;
    const { lost } = this.#options ?? {};
    if (lost !== undefined) this.#call(() => lost(position), 'lost');
    else this.#driver.closeFor(1013, 'messages of a topic are missing', 'local-close');
  }

  dropped(position: Position | undefined): void {
    // What the application gets is not queued.
    if (this.#options?.deliver === undefined) this.#missingTo = position ?? this.#missingTo;
  }

  drained(): void {
    if (this.#missingTo !== undefined) this.lost(this.#missingTo);
  }

  unsubscribed(): void {
    this.#isOver = true;
  }

  #received({ message }: TopicMessage): Message {
    const { payload } = message;
    if (message.isText && this.#driver.owner.settings.textAs === 'string') return payload.toString('utf8');
    // All subscribers share the bytes of the frame.
    return Buffer.from(payload);
  }

  #call(call: () => void, name: string): void {
    try {
      call();
    } catch (error) {
      this.#driver.listenerFailed(error, `the function ${name} of connection.subscribeFrom`);
    }
  }
}
