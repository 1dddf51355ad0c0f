import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import type { PreparedRun } from '../../protocol/outgoing/prepared-run.ts';
import type { Delivery, Relayed } from '../../connection/owner.ts';
import type { Member, Position } from '../../options/topic-types.ts';
import type { ConnectionIds } from './broadcast.ts';
import type {
  CallLimits,
  NodeAnswers,
  NodeInfo,
  NodeQuestion,
  NodeStats,
  OtherAnswers,
} from './cluster-calls.ts';

export type { Member } from '../../options/topic-types.ts';
export type { Relayed } from '../../connection/owner.ts';

/** A message of a topic. All subscribers share the object and its frames. */
export interface TopicMessage {
  readonly topic: string;
  /** The whole frame for subscribers that speak a protocol of the application. */
  readonly message: PreparedMessage;
  /** Missing on a topic without history. */
  readonly position: Position | undefined;
  /** Ids of connections that do not get the message live. A resume ignores it. */
  readonly except: ConnectionIds;
  /** What the publisher passed to `publish`, if it is on this node and the message arrived live. */
  readonly publisher: object | undefined;
  /** The frame of `hawser.v1`. The first session that needs it builds it. */
  wireFrame: PreparedMessage | undefined;
}

/**
 * Messages of a topic with history after a position. Clients that resume at the same position soon after each other get the same
 * object, so that the frames are put together once.
 */
export interface Missed {
  readonly messages: readonly TopicMessage[];
  /** Their frames for subscribers that speak a protocol of the application. The first subscriber that needs it builds it. */
  plainRun: PreparedRun | undefined;
  /** Their frames of `hawser.v1`. The first session that needs it builds it. */
  wireRun: PreparedRun | undefined;
}

/** How a subscription began. */
export interface Resumed {
  /** The subscriber gets every message after its position, once and in order. */
  readonly recovered: boolean;
  /** Where the subscription begins: the messages of `missed` and all later ones follow it without a gap. */
  readonly position: Position;
  /** The messages after `position` that were published before; empty without a position to resume from. */
  readonly missed: readonly TopicMessage[];
  /** Of the waiter's `runOf`. */
  readonly run: PreparedRun | undefined;
}

/** Waits for the answer to `resume`. Exactly one of the two is called, once, unless the waiter was cancelled. */
export interface ResumeWaiter {
  /** The frames that the waiter is going to send, which count as in flight. `undefined` if it sends none. */
  runOf(missed: Missed): PreparedRun | undefined;
  /**
   * The topic is live. The waiter sends `missed`, and joins the topic before it returns, so that no message comes in between.
   * @param sent To be called once `missed` has left the outbox, or the connection has ended: the bytes count as in flight.
   */
  resumed(result: Resumed, sent: () => void): void;
  /** @param code `busy`: too many resumes, try again after `retryAfterMs`; `unavailable`: no engine within the deadline. */
  failed(code: 'busy' | 'unavailable', retryAfterMs: number | undefined): void;
}

/** The members of a topic, on all servers. */
export interface MemberList {
  /** Number of members. */
  readonly count: number;
  /** Missing above `maxMembers`. */
  readonly members?: readonly Member[] | undefined;
}

/** The other servers of the cluster. */
export interface OtherNodes {
  /** The servers that are alive, this one included. Never rejects. */
  nodes(): Promise<readonly NodeInfo[]>;
  /**
   * Asks all other servers.
   * @param subject What the question is about: a topic, or the id of a connection.
   * @returns Rejects with the reason of an aborted signal, and for nothing else.
   */
  ask<Question extends NodeQuestion>(
    question: Question,
    subject: string,
    limits: CallLimits,
  ): Promise<OtherAnswers<NodeAnswers[Question]>>;
  /**
   * Sends a message to the connections of all other servers.
   * @param frame The whole frame, without a mask.
   * @returns Resolves when the engine has taken it; rejects as {@link ask}.
   */
  broadcast(frame: Uint8Array, limits: CallLimits): Promise<Relayed>;
}

/** What one server answers to questions of all servers, this one included. */
export interface LocalServer {
  readonly info: NodeInfo;
  /** Number of subscribers of a topic. */
  subscriberCount(topic: string): number;
  /** Closes a connection with 1000. @returns Whether this server has it. */
  disconnect(connectionId: string): boolean;
  stats(): NodeStats;
  /** Sends a message to all connections. */
  broadcast(message: PreparedMessage): Delivery;
}

/** The server, as its {@link TopicNode} sees it. */
export interface TopicNodeOwner {
  readonly local: LocalServer;
  /**
   * Delivers messages to the local subscribers of a topic, in order and without a gap. Never throws.
   * @returns Counts of the last message.
   */
  deliver(topic: string, messages: readonly TopicMessage[]): Delivery;
  /** Messages are missing for good. The stream is without a gap after `position`. */
  lost(topic: string, position: Position): void;
  /** A member came to, or left, a topic that is watched. `count` is missing unless the topic has too many members to list. */
  joined(topic: string, member: Member): void;
  left(topic: string, member: Member): void;
  /**
   * The members of a watched topic as they are now. Without `members`: there are too many to list, and `joined` and `left` stop,
   * until it is called with `members`.
   */
  counted(topic: string, list: MemberList): void;
  /** @param info `downMs` is in whole ms. */
  engineUp(info: { readonly downMs: number; readonly gaps: number }): void;
  /** Called once for each time that the engine cannot be used. */
  engineDown(error: Error): void;
  /** A foreign or broken message of the broker was dropped. */
  engineFault(error: Error): void;
}

/**
 * Topics with history and presence of one server, and what joins them with other servers. Its code is loaded only by servers
 * with the options `history`, `presence` or `cluster`.
 */
export interface TopicNode {
  readonly state: 'alone' | 'up' | 'down';
  start(): void;
  /**
   * The first step of a shutdown, before the connections close: removes the members of this node from the engine, and stops
   * renewing the entry of the node. Topics work until {@link stop}; connections become members no longer.
   * @returns Resolves after `deadlineMs` at the latest. Never rejects.
   */
  retire(deadlineMs: number): Promise<void>;
  /** Removes the interest, publishes what is queued, each for at most `deadlineMs`, and leaves the engine. */
  stop(deadlineMs: number): Promise<void>;
  /** Whether the engine decides the order of the topic: it has history. */
  hasHistory(topic: string): boolean;
  hasPresence(topic: string): boolean;
  /** Whether a message of a topic without history can reach other servers, as far as the limit of the broker is known. */
  fits(message: PreparedMessage, except: ConnectionIds): boolean;
  /** The topic got its first local subscriber. */
  subscribe(topic: string): void;
  /** The topic lost its last local subscriber. */
  unsubscribe(topic: string): void;
  /**
   * With history: the message comes back through `deliver`, numbered. Without: only other nodes get it.
   * @param publisher Comes back as `TopicMessage.publisher`.
   */
  publish(
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
  ): Promise<Relayed>;
  /** Waits until the topic is live, then finds out whether the messages after `since` are known. @returns Cancels. */
  resume(topic: string, since: Position | undefined, waiter: ResumeWaiter): () => void;
  /** Rejects with `ERR_ARGUMENT` without history, and with the errors of the engine. */
  position(topic: string): Promise<Position>;
  /** A connection becomes a member, or counts for the member with its key. */
  enter(topic: string, connectionId: string, key: string, info: unknown): void;
  leave(topic: string, connectionId: string): void;
  members(topic: string): Promise<MemberList>;
  /** Calls `joined` and `left` of the owner for this topic until `unwatch` was called as often. */
  watch(topic: string): void;
  unwatch(topic: string): void;
}

/** A {@link TopicNode} whose code is loaded. */
export interface LoadedNode extends TopicNode {
  readonly others: OtherNodes;
}
