import type { ConnectionSession } from '../../connection/session.ts';
import type { Position } from '../../options/topic-calls.ts';
import type { TopicMessage } from './topic-node.ts';

/** A subscription whose messages have positions, or a form of their own. No method throws. */
export interface Follower {
  /** @returns Whether the message was accepted. */
  deliver(message: TopicMessage): boolean;
  /** Messages are missing for good. The stream is without a gap after `position`. */
  lost(position: Position): void;
  /** Frames that were queued before may have been dropped; messages up to that at `position`, which is missing without history. */
  dropped(position: Position | undefined): void;
  /** The buffer of the connection has drained. */
  drained(): void;
  /** The application ended the subscription; the connection is open. */
  unsubscribed(): void;
}

/** What a publisher passes along with its message, on a topic whose order the engine decides. */
export interface Publication {
  /** Leaves out connections for which it returns `false`. */
  readonly where?: ((connection: never) => boolean) | undefined;
  /** The message has its place in the order: all earlier ones were delivered, no later one was. Does not throw. */
  ordered?(position: Position | undefined): void;
}

/** A session that knows topics. */
export interface TopicSession extends ConnectionSession {
  /** Takes the messages of a topic that the application subscribed the connection to. */
  followerOf(topic: string): Follower;
}
