import type { Member, Position } from '../../options/topic-types.ts';
import type { OperationError } from './operation-error.ts';

export type { Json, Member, Position } from '../../options/topic-types.ts';

/** A message of a topic: text as a string, binary as bytes that the application may keep. In Node the bytes are a `Buffer`. */
export type TopicMessage = string | Uint8Array;

/** Who is in a topic. */
export interface Presence {
  readonly count: number;
  /** Missing if there are more members than the server lists. */
  readonly members?: readonly Member[];
}

/** The result of a publish. */
export interface Published {
  /** The position of the message; missing on a topic without history. */
  readonly position?: Position;
}

/** Events of a topic, with the arguments of their listeners. */
export interface TopicEvents {
  /**
   * A message, once and in order. `position` is missing on a topic without history. If a listener returns a promise, the next
   * message waits until it settles.
   */
  message: [message: TopicMessage, position: Position | undefined];
  /** The client was away, and the server has every missed message. `missed` messages follow. */
  recovered: [info: { readonly position: Position | undefined; readonly missed: number }];
  /**
   * Messages are missing for good: load your state again. Every message after `position` follows. A topic without history
   * has no position and emits this after every reconnect.
   */
  lost: [info: { readonly position: Position | undefined }];
  /** A member came; only with the option `presence`. */
  join: [member: Member];
  /** The member with this key has left; only with the option `presence`. */
  leave: [key: string];
  /**
   * All members as they are now: replace what you know. Comes after changes were dropped because this client was slow. Without
   * `members` there are too many to list, and `join` and `leave` stop until it comes with `members`.
   */
  members: [presence: Presence];
  /**
   * The server refused the subscription or ended it, and the topic is closed; or a listener threw (code `handler`); or the
   * server does not speak `hawser.v1` (code `no-protocol`), and the topic waits for a connection that does.
   */
  error: [error: OperationError];
}
